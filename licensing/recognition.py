"""Whose is what is heard in an audio file: the answer for everybody, and the whole answer for staff.

It stands here and not beside the audio prints because it asks for sales.
"""

from __future__ import annotations

import mmap
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404

from generation import recognition, storage
from generation.audio.errors import CredentialsUnusable
from generation.models import Composition
from generation.selectors import Visitor, composition_for_listener
from licensing.models import Certificate

if TYPE_CHECKING:
    from generation.audio.provenance import Provenance

MANIFEST_LABEL = b"c2pa"
"""Stands in every C2PA manifest store (JUMBF label)."""


@dataclass(frozen=True, slots=True)
class PublicAnswer:
    """What anybody may know of a recording: that it was made here, and, unless its maker keeps it private, as what.

    ``certificate`` is there once the piece was sold, also after the sale was undone. ``statement`` is the file's own
    signed manifest, if it has one; only where its verdict is ``ours`` is it to be believed.
    """

    is_ours: bool
    composition: Composition | None = None
    certificate: Certificate | None = None
    statement: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Identified:
    """All that a recording tells: the piece it is, the certificate whose copy it comes from, and the one that counts.

    A certificate that was transferred or superseded names the leak and proves nothing any more: ``current`` is the one
    in its place, in whatever state the right is.
    ``is_ours`` is true as well where the house mark is heard in a piece that is not known. ``confidence`` is from 0 to
    1: for a copy, and for the house mark alone, what is left after the probability that chance makes a mark; for a
    piece without a copy mark the share of equal bits of the audio prints.
    """

    is_ours: bool
    confidence: float
    composition: Composition | None = None
    certificate: Certificate | None = None
    current: Certificate | None = None


def answer_for_public(path: Path, *, makers: Collection[uuid.UUID], user: Visitor) -> PublicAnswer:
    """Recognise a recording for a visitor. Light enough for a web request; raises what ``recognise`` raises."""
    heard = recognition.recognise(path)
    statement = _statement_of(path)
    if heard is None:
        return PublicAnswer(
            is_ours=statement is not None and statement.verdict == "ours", statement=statement
        )
    try:
        piece = composition_for_listener(composition_id=heard.composition.pk, makers=makers, user=user)
    except Http404:
        return PublicAnswer(is_ours=True, statement=statement)
    return PublicAnswer(
        is_ours=True, composition=piece, certificate=certificate_of(piece), statement=statement
    )


def _statement_of(path: Path) -> Provenance | None:
    """Return what the file's manifest says. None without one: only a file that may have one costs a process."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(MANIFEST_LABEL) < 0:
            return None
    from generation.audio.provenance import read_provenance
    from generation.content_credentials import credentials

    try:
        chain = credentials().chain
    except CredentialsUnusable:
        chain = b""
    found = read_provenance(path, chain=chain)
    return None if found.verdict == "none" else found


def certificate_of(composition: Composition) -> Certificate | None:
    """Return the current certificate of a piece's one right, in whatever state the right is."""
    rows = Certificate.objects.filter(right__composition=composition)
    return rows.filter(state=Certificate.State.CURRENT).first()


def identify(path: Path) -> Identified:
    """Recognise a recording and read its marks. For workers and commands: it brings the sound libraries with it.

    A recording is a piece's by its audio print; it is a sold copy's by the copy mark, compared with the piece's master.
    Raises ``NotAudio``, ``TooShort`` and ``SoundUnavailable``, and ``OSError`` where the master is gone.
    """
    heard = recognition.recognise(path)
    # They take seconds to load; what is no audio has been refused by now.
    from generation.audio.files import read_mono_of
    from generation.audio.fingerprint import FIRST_SECONDS, SECONDS_AT_MOST
    from generation.audio.hearing import read_sound
    from generation.audio.marks import copy, house

    secret = settings.MARK_SECRET.encode()
    # The marks are read from the sum of both sides; one column instead of two halves the memory.
    listen = partial(read_sound, path, channels=1)
    if heard is None:
        mark = house.hear(listen(seconds=SECONDS_AT_MOST)[0], secret=secret)
        return Identified(is_ours=mark.found, confidence=1 - mark.chance if mark.found else 0.0)
    piece = heard.composition
    found = Identified(is_ours=True, confidence=heard.share, composition=piece)
    certificates = {
        sale_mark(one): one
        for one in Certificate.objects.filter(right__composition=piece)
        .select_related("right")
        .order_by("issued_at")
    }
    if not certificates:
        return found
    found = replace(found, current=next(filter(_is_current, certificates.values())))
    master = read_mono_of(storage.path_of(piece, storage.MASTER))
    # A minute of a copy names its sale as a rule, in a fifth of the time of all that is listened to.
    for seconds in (FIRST_SECONDS, SECONDS_AT_MOST):
        sound, rate = listen(seconds=seconds)
        verdict = copy.whose(
            sound, master=master, secret=secret, work=piece.pk.bytes, sales=list(certificates)
        )
        if verdict.named or len(sound) < int(seconds * rate):
            break
    if not verdict.named:
        return found
    return replace(found, certificate=certificates[verdict.named[0]], confidence=1 - verdict.chance)


def _is_current(certificate: Certificate) -> bool:
    return certificate.state == Certificate.State.CURRENT


def sale_mark(certificate: Certificate) -> bytes:
    """Return what the copy mark is drawn from: each certificate's files bear their own."""
    return str(certificate.pk).encode()
