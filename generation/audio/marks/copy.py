"""The copy mark: each sale has its own, far weaker than the house mark, and is heard against the stored master."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from generation.audio.marks.align import align, overlap
from generation.audio.marks.grid import (
    BANDS,
    CHIP,
    FAINTEST_POWER,
    HALF,
    Sound,
    Table,
    band_products,
    chips_in,
    mixed_down,
    write_chips,
)
from generation.audio.marks.sequences import Signs, derive_key, draw_signs

DEPTH_DB = 0.12
"""Up or down in each band: still some 8 dB fainter than the house mark, which itself stays far below the mask."""
SMALLEST_ERROR = 1e-3
"""Share of a band's power by which a copy may differ from the master's before the difference counts as disturbance."""

SLOW_WINDOWS = 7
"""What changes no faster, such as a filter, a compressor or a syllable over the music, is no mark: 80 ms."""

DISTURBED_WINDOWS = 3
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
    excerpt, original = (mixed_down(sound) for sound in (suspect, master))
    place = align(excerpt=excerpt, master=original)
    first, last = overlap(excerpt=excerpt, master=original, lag=place.lag)
    row = -(-(first + HALF) // CHIP)
    start = row * CHIP - HALF
    evidence = _evidence(heard=excerpt[start - place.lag : last - place.lag], meant=original[start:last])
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


def _evidence(*, heard: Sound, meant: Sound) -> Table:
    """How much louder each chip's first half is in ``heard`` than its second, against ``meant``; (chips, bands).

    Both begin with a chip. What is heard is taken for the master through a slowly changing filter, with a disturbance
    over it. The part of it that is in phase with the master is the change of level; it counts by the power of the
    master over that of the disturbance (the matched filter for a known signal in coloured noise).
    """
    product, master_power, power = band_products(one=heard, other=meant)
    gain = _mean(product, SLOW_WINDOWS) / (_mean(master_power, SLOW_WINDOWS) + FAINTEST_POWER)
    expected = (gain.real**2 + gain.imag**2) * master_power
    common = (gain.conj() * product).real
    disturbance = _mean(power - 2 * common + expected, DISTURBED_WINDOWS)
    allowed = SMALLEST_ERROR * _mean(expected, DISTURBED_WINDOWS) + FAINTEST_POWER
    louder = (common - expected) / (np.maximum(disturbance, 0) + allowed)
    chips = len(louder) // 2
    return np.asarray(louder[0 : 2 * chips : 2] - louder[1 : 2 * chips : 2], dtype=np.float32)


def _mean(values: Any, windows: int) -> Any:
    return ndimage.uniform_filter1d(values, windows, axis=0) if len(values) else values


def _score(evidence: Table, signs: Signs) -> float:
    spread = float(np.linalg.norm(evidence))
    return float(np.vdot(evidence, signs.astype(np.float32))) / spread if spread > 0 else 0.0


def _signs(*, secret: bytes, work: bytes, sale: bytes, rows: int) -> Signs:
    key = derive_key(secret=secret, purpose=b"copy", parts=(work, sale))
    return draw_signs(key=key, rows=rows, columns=BANDS)
