"""What the cards of a page share: addresses and labels, worked out once a piece, since a page shows many."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from django import template
from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext as _

from marketplace.templatetags.soloscore import clock, piece_name

register = template.Library()

NO_PIECE = uuid.UUID(int=0)


@register.filter
def address(key: uuid.UUID, name: str) -> str:
    """Give the address called ``name`` of the piece with this key: as ``{% url %}`` does, far sooner."""
    return _address_of_none(name, get_script_prefix()).replace(str(NO_PIECE), str(key))


@cache
def _address_of_none(name: str, _prefix: str) -> str:
    return reverse(name, args=[NO_PIECE])


@dataclass(frozen=True, slots=True)
class Player:
    """What the player of a preview says, in words and in seconds."""

    name: str
    source: str
    page: str
    seconds: float
    total: str
    preview: str
    play: str
    pause: str
    position: str
    at_start: str


@register.simple_tag
def player_of(piece: Any, source: str = "") -> Player:
    """Label the player of a piece; its sound is at ``source``, or at the piece's own preview.

    Where a ``source`` is given, the listener is not to learn which piece it is: its page is left out.
    """
    name = {"name": piece_name(piece)}
    seconds = float(piece.seconds or piece.ordered_seconds)
    total = clock(seconds)
    return Player(
        name=name["name"],
        source=source or address(piece.pk, "composition_preview"),
        page="" if source else address(piece.pk, "composition"),
        seconds=seconds,
        total=total,
        preview=_("Preview: %(name)s") % name,
        play=_("Play: %(name)s") % name,
        pause=_("Pause: %(name)s") % name,
        position=_("Position in %(name)s") % name,
        at_start=_("0:00 of %(total)s") % {"total": total},
    )
