"""The house mark: every preview and every copy has the same one, and it is heard without the original."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from generation.audio.marks.grid import (
    BANDS,
    HALF,
    Sound,
    Table,
    band_levels,
    chips_in,
    mixed_down,
    read_chips,
    weigh,
    write_chips,
)
from generation.audio.marks.sequences import Signs, derive_key, draw_signs

DEPTH_DB = 0.32
PERIOD_CHIPS = 4096
"""The signs begin anew after 95 s."""

OFFSET_FRAMES = 128
"""Distance of the places at which a chip is tried to begin."""

FLOOR_DB = 1.0
DECISION = 6.5


@dataclass(frozen=True, slots=True)
class Heard:
    """How clearly the house mark was heard.

    ``score`` is the correlation at the best place in units of its standard deviation over all keys; ``places``
    is how many were tried.
    """

    score: float
    places: int

    @property
    def found(self) -> bool:
        """Whether the mark is there."""
        return self.score > DECISION

    @property
    def chance(self) -> float:
        """Upper bound of the probability that a sound without the mark scores as high.

        Hoeffding's inequality for a sum of random signs, times the places tried.
        """
        return min(1.0, self.places * float(np.exp(-(self.score**2) / 2)))


def embed(sound: Sound, *, secret: bytes, work: bytes) -> Sound:
    """Return ``sound`` (frames, channels), 44.1 kHz, with the house mark; equal input gives equal bits.

    Where in its period the mark begins follows from the secret and ``work``, the name of the piece. Were it the same
    in every piece, the mark could be learned by averaging many. The mark of a beginning is the beginning of the mark.
    """
    start = int.from_bytes(derive_key(secret=secret, purpose=b"house start", parts=(work,))[:4])
    rows = (start + np.arange(chips_in(len(sound)))) % PERIOD_CHIPS
    return write_chips(sound=sound, decibels=_signs(secret)[rows] * np.float32(DEPTH_DB))


def hear(sound: Sound, *, secret: bytes) -> Heard:
    """Listen for the house mark in ``sound`` (frames, channels), 44.1 kHz, without knowing the original."""
    return find(gather(sound), secret=secret)


def gather(sound: Sound) -> list[Table]:
    """Gather the evidence in ``sound`` for any key: one table (``PERIOD_CHIPS``, bands) for each offset tried."""
    mono = mixed_down(sound)
    tables = []
    for offset in range(0, HALF, OFFSET_FRAMES):
        levels = band_levels(mono=mono[offset:])
        # A chip may begin with any half.
        for first_half in (0, 1):
            evidence = weigh(read_chips(levels[first_half:]), floor=FLOOR_DB)
            folded = np.zeros((PERIOD_CHIPS, BANDS), dtype=np.float32)
            for first in range(0, len(evidence), PERIOD_CHIPS):
                part = evidence[first : first + PERIOD_CHIPS]
                folded[: len(part)] += part
            tables.append(folded)
    return tables


def find(tables: list[Table], *, secret: bytes) -> Heard:
    """Look for the mark of ``secret`` in what ``gather`` found."""
    signs = fft.rfft(_signs(secret).astype(np.float32), axis=0)
    best = 0.0
    for table in tables:
        spread = float(np.sqrt(np.sum(np.square(table, dtype=np.float64))))
        if spread > 0:
            products = signs * np.conj(fft.rfft(table, axis=0))
            best = max(best, float(fft.irfft(products.sum(axis=1), PERIOD_CHIPS).max()) / spread)
    return Heard(score=best, places=len(tables) * PERIOD_CHIPS)


def _signs(secret: bytes) -> Signs:
    return draw_signs(key=derive_key(secret=secret, purpose=b"house"), rows=PERIOD_CHIPS, columns=BANDS)
