"""Finding where in a master an excerpt comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from generation.audio.filters import low_pass
from generation.audio.marks.grid import Sound

Places = npt.NDArray[np.intp]

COARSE = 8
"""How many frames one step of the first search takes."""

CANDIDATES = 6
"""Places that are looked at closely: a synthesizer plays a note that comes again almost the same way."""

SMALLEST_OVERLAP = 0.5
"""Of the shorter sound."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Frame i of the excerpt is frame ``i + lag`` of the master.

    ``likeness`` is the correlation of the two over their common frames, from 0 to 1, whatever the polarity.
    """

    lag: int
    likeness: float


def align(*, excerpt: Sound, master: Sound) -> Alignment:
    """Find the place where ``excerpt`` fits ``master`` best, both (frames,) at the same rate and speed."""
    if min(len(excerpt), len(master)) < 4 * COARSE:
        return Alignment(lag=0, likeness=0.0)
    rough = _likely_lags(
        excerpt=_bright(_coarse(excerpt)),
        master=_bright(_coarse(master)),
    )
    sharp, sharp_master = _bright(excerpt), _bright(master)
    around = [lag for place in rough for lag in range((place - 1) * COARSE, (place + 1) * COARSE + 1)]
    best = max(around, key=lambda lag: _likeness(excerpt=sharp, master=sharp_master, lag=lag))
    return Alignment(lag=best, likeness=_likeness(excerpt=excerpt, master=master, lag=best))


def overlap(*, excerpt: Sound, master: Sound, lag: int) -> tuple[int, int]:
    """First frame of ``master`` that ``excerpt`` has too, and the frame behind the last one."""
    first = max(0, lag)
    return first, max(first, min(len(master), len(excerpt) + lag))


def _coarse(sound: Sound) -> Sound:
    """Every ``COARSE``-th frame of what lies below a ``COARSE``-th of the band."""
    window = low_pass(taps=20 * COARSE + 1, share=1 / COARSE, beta=5.0)
    spread = np.pad(sound, (len(window) // 2, len(window)))
    views = np.lib.stride_tricks.sliding_window_view(spread, len(window))[::COARSE][
        : -(-len(sound) // COARSE)
    ]
    return np.asarray(views @ window, dtype=np.float32)


def _bright(sound: Sound) -> Sound:
    """Differences from frame to frame: they give the upper partials, which tell places apart, their weight."""
    return np.diff(sound)


def _likely_lags(*, excerpt: Sound, master: Sound) -> list[int]:
    """The ``CANDIDATES`` lags of the highest correlation, each over the frames common at that lag."""
    size = fft.next_fast_len(len(excerpt) + len(master), real=True)
    spectrum = fft.rfft(master, size) * np.conj(fft.rfft(excerpt, size))
    # The envelope of the correlation, that of the analytic signal: it does not miss a peak between two steps.
    products = np.abs(fft.ifft(2 * spectrum, size))
    lags = np.arange(-len(excerpt) + 1, len(master))
    firsts, lasts = np.maximum(lags, 0), np.minimum(len(master), len(excerpt) + lags)
    energy = _energy(master, firsts, lasts) * _energy(excerpt, firsts - lags, lasts - lags)
    # A pair of almost silent stretches is like any other.
    energy = np.maximum(energy, 1e-6 * energy.max())
    likeness = products[lags] / np.sqrt(energy) if energy.max() > 0 else np.zeros(len(lags))
    likeness[lasts - firsts < SMALLEST_OVERLAP * min(len(excerpt), len(master))] = 0
    found = []
    for _ in range(CANDIDATES):
        best = int(np.argmax(likeness))
        found.append(int(lags[best]))
        likeness[max(0, best - 1) : best + 2] = 0
    return found


def _energy(sound: Sound, firsts: Places, lasts: Places) -> npt.NDArray[np.float64]:
    sums = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    result: npt.NDArray[np.float64] = sums[lasts] - sums[firsts]
    return result


def _likeness(*, excerpt: Sound, master: Sound, lag: int) -> float:
    first, last = overlap(excerpt=excerpt, master=master, lag=lag)
    one, other = master[first:last], excerpt[first - lag : last - lag]
    norm = float(np.sqrt(np.dot(one, one) * np.dot(other, other)))
    return abs(float(np.dot(one, other))) / norm if norm > 0 else 0.0
