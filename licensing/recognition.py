"""Whose is what is heard in an audio file: the answer for everybody, and the whole answer for staff.

It stands here and not beside the audio prints because it asks for sales.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from django.http import Http404

from generation import recognition
from generation.models import Composition
from generation.selectors import Visitor, composition_for_listener
from licensing.models import Certificate


@dataclass(frozen=True, slots=True)
class PublicAnswer:
    """What anybody may know of a recording: that it was made here, and, unless its maker keeps it private, as what.

    ``certificate`` is there once the piece was sold, also after the sale was undone.
    """

    is_ours: bool
    composition: Composition | None = None
    certificate: Certificate | None = None


def answer_for_public(path: Path, *, makers: Collection[uuid.UUID], user: Visitor) -> PublicAnswer:
    """Recognise a recording for a visitor. Light enough for a web request; raises what ``recognise`` raises."""
    heard = recognition.recognise(path)
    if heard is None:
        return PublicAnswer(is_ours=False)
    try:
        piece = composition_for_listener(composition_id=heard.composition.pk, makers=makers, user=user)
    except Http404:
        return PublicAnswer(is_ours=True)
    return PublicAnswer(is_ours=True, composition=piece, certificate=certificate_of(piece))


def certificate_of(composition: Composition) -> Certificate | None:
    """Return the certificate of a piece's one sale, in whatever state the right is."""
    return Certificate.objects.filter(right__composition=composition).first()
