"""Finding where in a master an excerpt comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from generation.audio.marks.grid import Sound

COARSE = 8
"""How many frames one step of the first search takes."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Frame i of the excerpt is frame ``i + lag`` of the master.

    ``likeness`` is the correlation of the two over their common frames, from 0 to 1, whatever the polarity.
    """

    lag: int
    likeness: float


def align(*, excerpt: Sound, master: Sound) -> Alignment:
    """Find the place where ``excerpt`` fits ``master`` best, both (frames,) at the same rate and speed."""
    if len(excerpt) < COARSE or len(master) < COARSE:
        return Alignment(lag=0, likeness=0.0)
    rough = COARSE * _best_lag(
        excerpt=signal.resample_poly(excerpt, 1, COARSE), master=signal.resample_poly(master, 1, COARSE)
    )
    around = range(rough - 2 * COARSE, rough + 2 * COARSE + 1)
    likeness, lag = max((_likeness(excerpt=excerpt, master=master, lag=lag), lag) for lag in around)
    return Alignment(lag=lag, likeness=likeness)


def overlap(*, excerpt: Sound, master: Sound, lag: int) -> tuple[int, int]:
    """First frame of ``master`` that ``excerpt`` has too, and the frame behind the last one."""
    first = max(0, lag)
    return first, max(first, min(len(master), len(excerpt) + lag))


def _best_lag(*, excerpt: Sound, master: Sound) -> int:
    size = fft.next_fast_len(len(excerpt) + len(master), real=True)
    product = fft.rfft(master, size) * np.conj(fft.rfft(excerpt, size))
    best = int(np.argmax(np.abs(fft.irfft(product, size))))
    return best - size if best >= len(master) else best


def _likeness(*, excerpt: Sound, master: Sound, lag: int) -> float:
    first, last = overlap(excerpt=excerpt, master=master, lag=lag)
    one, other = master[first:last], excerpt[first - lag : last - lag]
    norm = float(np.sqrt(np.dot(one, one) * np.dot(other, other)))
    return abs(float(np.dot(one, other))) / norm if norm > 0 else 0.0
