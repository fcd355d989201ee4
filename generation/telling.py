"""What a partner is told of their pieces: part of the transaction in which it happens."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.utils import translation

from accounts.webhooks.catalogue import EventType
from accounts.webhooks.events import tell_partner
from generation.failures import sentence
from generation.models import Composition

State = Composition.State


def tell_that_ready(piece: Composition, *, title: str, seconds: float | None) -> None:
    """Tell that a piece is composed. The row may say more than the object does: what is told is named."""
    _tell(piece, EventType.COMPOSITION_READY, state=str(State.READY), title=title, seconds=seconds)


def tell_of_failure(piece: Composition, *, failure: Mapping[str, Any]) -> None:
    """Tell that a piece could not be composed, and why: for programs and, in the site's own language, in words."""
    with translation.override(settings.LANGUAGE_CODE):
        error = sentence(failure)
    _tell(
        piece, EventType.COMPOSITION_FAILED, state=str(State.FAILED), error_code=failure["code"], error=error
    )


def tell_sold_elsewhere(pieces: Collection[uuid.UUID], *, because: str) -> None:
    """Tell the partners among the makers of pieces that these have left the shop."""
    if not pieces:
        return
    for piece in (
        Composition.objects.filter(pk__in=pieces).select_related("maker").only("maker").order_by("pk")
    ):
        _tell(piece, EventType.PIECE_SOLD_ELSEWHERE, because=str(because))


def _tell(piece: Composition, event_type: EventType, **facts: Any) -> None:
    data = {"composition": str(piece.pk), **facts}
    tell_partner(maker=piece.maker, type=event_type, about=piece.pk, data=data)
