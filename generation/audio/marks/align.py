"""Finding where in a master an excerpt comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import fft

from generation.audio.filters import low_pass
from generation.audio.marks.grid import Sound

COARSE = 8
"""How many frames one step of the first search takes."""

CANDIDATES = 6
"""Places that are looked at closely: a synthesizer plays a note that comes again almost the same way."""

SMALLEST_OVERLAP = 0.5
"""Of the shorter sound."""

STRETCH = 1 << 18
"""Frames (6 s) that tell a place from those a few frames beside it, and that are worked on at a time."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Frame i of the excerpt is frame ``i + lag`` of the master.

    ``likeness`` is the correlation of the two over their common frames, from 0 to 1, whatever the polarity.
    """

    lag: int
    likeness: float


def align(*, excerpt: Sound, master: Sound) -> Alignment:
    """Find the place where ``excerpt`` fits ``master`` best, both (frames,) at the same rate and speed.

    Memory beside both: a few eighths of them.
    """
    if min(len(excerpt), len(master)) < 4 * COARSE:
        return Alignment(lag=0, likeness=0.0)
    coarse, coarse_master = (_bright(_coarse(sound)) for sound in (excerpt, master))
    exact = set()
    for place in _likely_lags(excerpt=coarse, master=coarse_master):
        stretch = _telling(excerpt=coarse, master=coarse_master, lag=place)
        around = range((place - 1) * COARSE, (place + 1) * COARSE + 1)
        exact.add(max(around, key=partial(_likeness, excerpt, master, of=_bright, within=stretch)))
    best = max(sorted(exact), key=partial(_likeness, excerpt, master, of=_bright))
    return Alignment(lag=best, likeness=_likeness(excerpt, master, best, of=np.asarray))


def overlap(*, excerpt: Sound, master: Sound, lag: int) -> tuple[int, int]:
    """First frame of ``master`` that ``excerpt`` has too, and the frame behind the last one."""
    first = max(0, lag)
    return first, max(first, min(len(master), len(excerpt) + lag))


def _coarse(sound: Sound) -> Sound:
    """Every ``COARSE``-th frame of what lies below a ``COARSE``-th of the band."""
    window = low_pass(taps=20 * COARSE + 1, share=1 / COARSE, beta=5.0)
    taps = np.pad(window, (0, -len(window) % COARSE)).reshape(-1, COARSE)
    before, count = len(window) // 2, -(-len(sound) // COARSE)
    result = np.zeros(count, dtype=np.float32)
    block = STRETCH // COARSE
    for start in range(0, count, block):
        here = result[start : start + block]
        first = start * COARSE - before
        around = np.zeros((len(here) + len(taps)) * COARSE, dtype=np.float32)
        known = sound[max(0, first) : first + len(around)]
        around[max(0, -first) :][: len(known)] = known
        # Every eight frames meet every eight taps in one product of matrices; its diagonals are the answer.
        products = taps @ around.reshape(-1, COARSE).T
        for row, product in enumerate(products):
            here += product[row : row + len(here)]
    return result


def _bright(sound: Sound) -> Sound:
    """Differences from frame to frame: they give the upper partials, which tell places apart, their weight."""
    return np.diff(sound)


def _likely_lags(*, excerpt: Sound, master: Sound) -> list[int]:
    """The ``CANDIDATES`` lags of the highest correlation, each over the frames common at that lag."""
    size = fft.next_fast_len(len(excerpt) + len(master), real=True)
    spectrum = fft.rfft(master, size)
    spectrum *= np.conj(fft.rfft(excerpt, size))
    # The envelope of the correlation, that of the analytic signal: it does not miss a peak between two steps.
    products = np.abs(fft.ifft(spectrum, size))
    del spectrum
    least = int(np.ceil(SMALLEST_OVERLAP * min(len(excerpt), len(master))))
    lags = range(least - len(excerpt), len(master) - least + 1)
    energy = _common_energy(excerpt=excerpt, master=master, lags=lags)
    if not energy.max() > 0:
        return [0]
    # A pair of almost silent stretches is like any other.
    likeness = np.concatenate([products[lags.start :], products[: lags.stop]])[-len(lags) :]
    likeness /= np.sqrt(np.maximum(energy, 1e-6 * energy.max(), out=energy), out=energy)
    found = []
    for _ in range(CANDIDATES):
        best = int(np.argmax(likeness))
        found.append(lags[best])
        likeness[max(0, best - 1) : best + 2] = 0
    return found


def _common_energy(*, excerpt: Sound, master: Sound, lags: range) -> Sound:
    """Energy of both sounds over their common frames, one times the other, at each lag; shape (lags,)."""
    sums, sums_master = (
        np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))]) for sound in (excerpt, master)
    )
    energy = np.empty(len(lags), dtype=np.float32)
    for start in range(0, len(lags), STRETCH):
        here = np.array(lags[start : start + STRETCH])
        firsts, lasts = np.maximum(here, 0), np.minimum(len(master), len(excerpt) + here)
        common = (sums_master[lasts] - sums_master[firsts]) * (sums[lasts - here] - sums[firsts - here])
        energy[start : start + len(here)] = common
    return energy


def _telling(*, excerpt: Sound, master: Sound, lag: int) -> tuple[int, int]:
    """First and last frame of the ``STRETCH`` of the master where both coarse sounds together are strongest."""
    first, last = overlap(excerpt=excerpt, master=master, lag=lag)
    frames = STRETCH // COARSE

    def strength(start: int) -> float:
        end = min(last, start + frames)
        one, other = master[start:end], excerpt[start - lag : end - lag]
        return float(np.dot(one, one)) * float(np.dot(other, other))

    strongest = max(range(first, max(first + 1, last), frames), key=strength)
    return strongest * COARSE, (strongest + frames) * COARSE


def _likeness(
    excerpt: Sound,
    master: Sound,
    lag: int,
    *,
    of: Callable[[Sound], Sound],
    within: tuple[int, int] | None = None,
) -> float:
    """Correlation of what ``of`` makes of both over their common frames, or those ``within`` a part of the master."""
    first, last = overlap(excerpt=excerpt, master=master, lag=lag)
    if within:
        first, last = max(first, within[0]), min(last, within[1])
    product = energy = energy_master = 0.0
    for start in range(first, last, STRETCH):
        end = min(last, start + STRETCH)
        one, other = of(master[start:end]), of(excerpt[start - lag : end - lag])
        product += float(np.dot(one, other))
        energy += float(np.dot(other, other))
        energy_master += float(np.dot(one, one))
    norm = np.sqrt(energy * energy_master)
    return abs(product) / float(norm) if norm > 0 else 0.0
