"""Which of our pieces is heard in an audio file. Loaded by web processes, so NumPy comes in with the first question."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generation.audio.errors import TooShort
from generation.models import AudioPrint, Composition

if TYPE_CHECKING:
    from generation.audio.fingerprint import Match, Print

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Recognised:
    """A piece heard in a file: ``share`` of equal bits (0 to 1), and the second of the piece where the file begins."""

    composition: Composition
    share: float
    starts_at: float


def keep_print(*, composition_id: uuid.UUID, audio_print: bytes) -> None:
    """Keep the packed print of a finished piece's master. Part of the caller's transaction."""
    AudioPrint.objects.create(composition_id=composition_id, words=audio_print)


def recognise(path: Path) -> Recognised | None:
    """Return the piece that an audio file is a recording of, whole or in part; None if it is none of ours.

    The first minute is listened to, and no more of a file if that is enough. Takes 1 s and 100 MiB at most for a file
    of any length, and 100 ns a stored word. Raises ``NotAudio`` for a file that
    cannot be read, ``TooShort`` for less than 6 s of music, ``SoundUnavailable`` without fpcalc.
    """
    from generation.audio import fingerprint

    asked = fingerprint.fingerprint_of(path, seconds=fingerprint.FIRST_SECONDS)
    match = _match(asked)
    if match is None:
        asked = fingerprint.fingerprint_of(path)
        match = _match(asked)
    if fingerprint.says_too_little(asked):
        raise TooShort(f"{path.name} is too short or too silent to be recognised: 6 s of music are the least")
    if match is None:
        return None
    composition = Composition.objects.select_related("instrument", "maker").get(pk=match.key)
    return Recognised(composition=composition, share=match.share, starts_at=match.starts_at)


def _match(asked: Print) -> Match[uuid.UUID] | None:
    from generation.audio import fingerprint

    if fingerprint.says_too_little(asked):
        return None
    rows = AudioPrint.objects.values_list("composition_id", "words").iterator(chunk_size=ROWS_AT_ONCE)
    return fingerprint.best_match(asked, ((key, fingerprint.unpack(bytes(words))) for key, words in rows))
