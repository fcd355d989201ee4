"""The copy mark: each sale has its own, far weaker than the house mark, and is heard against the stored master."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generation.audio.marks.align import align, overlap
from generation.audio.marks.grid import (
    BANDS,
    CHIP,
    HALF,
    Sound,
    Table,
    band_levels,
    chips_in,
    read_chips,
    weigh,
    write_chips,
)
from generation.audio.marks.sequences import Signs, derive_key, draw_signs

DEPTH_DB = 0.1
FLOOR_DB = 0.05
DECISION = 6.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose copy a sound comes from.

    ``scores`` has one value for each sale asked about, in units of the standard deviation over all sales that
    might have been; ``named`` holds the sales above the decision, highest first. ``likeness`` says how much of
    the sound is the master, from 0 to 1, and ``lag`` which of its frames the sound begins with.
    """

    scores: tuple[float, ...]
    named: tuple[bytes, ...]
    likeness: float
    lag: int

    @property
    def chance(self) -> float:
        """Upper bound of the probability that any sale that has no part in the sound scores as high as the best.

        Hoeffding's inequality for a sum of random signs, times the sales asked about.
        """
        best = max(self.scores, default=0.0)
        return min(1.0, len(self.scores) * float(np.exp(-(max(best, 0.0) ** 2) / 2)))


def embed(sound: Sound, *, secret: bytes, work: bytes, sale: bytes) -> Sound:
    """Return the master ``sound`` (frames, channels), 44.1 kHz, with the mark of ``sale``.

    Equal input gives equal bits.
    """
    signs = _signs(secret=secret, work=work, sale=sale, rows=chips_in(len(sound)))
    return write_chips(sound=sound, decibels=signs * np.float32(DEPTH_DB))


def whose(suspect: Sound, *, master: Sound, secret: bytes, work: bytes, sales: Sequence[bytes]) -> Verdict:
    """Ask ``suspect`` (frames, channels), 44.1 kHz, for the mark of each of ``sales`` of ``work``.

    ``master`` (frames, channels) is the sound that ``embed`` was given. An excerpt is found by itself; a copy
    played at another speed is not.
    """
    excerpt, original = (sound.mean(axis=1, dtype=np.float32) for sound in (suspect, master))
    place = align(excerpt=excerpt, master=original)
    first, last = overlap(excerpt=excerpt, master=original, lag=place.lag)
    row = -(-(first + HALF) // CHIP)
    start = row * CHIP - HALF
    heard, meant = (
        read_chips(band_levels(mono=mono))
        for mono in (excerpt[start - place.lag : last - place.lag], original[start:last])
    )
    evidence = weigh(heard - meant, floor=FLOOR_DB)
    scores = tuple(
        _score(evidence, _signs(secret=secret, work=work, sale=sale, rows=row + len(evidence))[row:])
        for sale in sales
    )
    ranked = sorted(zip(scores, sales, strict=True), reverse=True)
    return Verdict(
        scores=scores,
        named=tuple(sale for score, sale in ranked if score > DECISION),
        likeness=place.likeness,
        lag=place.lag,
    )


def _score(evidence: Table, signs: Signs) -> float:
    spread = float(np.linalg.norm(evidence))
    return float(np.vdot(evidence, signs.astype(np.float32))) / spread if spread > 0 else 0.0


def _signs(*, secret: bytes, work: bytes, sale: bytes, rows: int) -> Signs:
    key = derive_key(secret=secret, purpose=b"copy", parts=(work, sale))
    return draw_signs(key=key, rows=rows, columns=BANDS)
