"""The grid both marks are written on: bands of the spectrum and chips of time, and how a chip is written and read.

A chip lasts 23 ms. In its first half a band is made louder by a few tenths of a decibel or less, in its second
half quieter by as much, or the other way round: an amplitude modulation of 43 Hz whose phase carries one sign.
Music hardly changes at that rate, so the change stands out from it for whoever knows the signs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from generation.audio.synthesis import RATE

Sound = npt.NDArray[np.float32]
Table = npt.NDArray[np.float32]
Spectra = npt.NDArray[np.complex64]

CHIP = 1024
"""Frames of a chip, and of the Fourier transforms."""

HALF = CHIP // 2
LOWEST_HERTZ, HIGHEST_HERTZ = 350.0, 9000.0
NARROWEST_HERTZ, NARROWEST_SHARE = 130.0, 0.12
"""A band is at least this wide, or this share of its lower edge: about one critical band of hearing."""

BLOCK_CHIPS = 256
FAINTEST_POWER = 1e-9
ORDER = 3
"""Of the difference in time: a level that runs like a parabola leaves nothing of itself in the third."""

NEIGHBOURS = 11
"""Chips around one whose changes tell how far to trust it."""

LARGEST_CHANGE = 12.0


def _edges() -> npt.NDArray[np.intp]:
    hertz = [LOWEST_HERTZ]
    while hertz[-1] < HIGHEST_HERTZ:
        hertz.append(hertz[-1] + max(NARROWEST_HERTZ, NARROWEST_SHARE * hertz[-1]))
    return np.rint(np.array(hertz) * CHIP / RATE).astype(np.intp)


EDGES = _edges()
"""First bin of each band, and the first bin behind the last one."""

BANDS = len(EDGES) - 1


def mixed_down(sound: Sound) -> Sound:
    """Return the mean of the channels of ``sound`` (frames, channels), shape (frames,); of one, the sound itself."""
    if sound.shape[1] == 1:
        return sound[:, 0].astype(np.float32, copy=False)
    # By columns: NumPy is ten times slower at means over so short an axis.
    mono = sound[:, 0].astype(np.float32)
    for channel in range(1, sound.shape[1]):
        mono += sound[:, channel]
    return mono / np.float32(sound.shape[1])


def chips_in(frames: int) -> int:
    """Count the chips that are needed to cover ``frames``."""
    return frames // CHIP + 2


def write_chips(*, sound: Sound, decibels: Table) -> Sound:
    """Return ``sound`` (frames, channels) with a mark of ``decibels`` (chips, bands) written over it.

    Row 0 belongs to the chip that begins ``HALF`` frames before the sound; ``chips_in`` says how many rows it
    takes. What lies outside the bands comes through unchanged.
    """
    window = np.sin(np.pi * (np.arange(CHIP, dtype=np.float32) + 0.5) / CHIP)
    widths = np.diff(EDGES)
    result = sound.astype(np.float32, copy=True)
    for first in range(0, chips_in(len(sound)), BLOCK_CHIPS):
        rows = decibels[first : first + BLOCK_CHIPS]
        exponents = rows * np.float32(np.log(10) / 20)
        for half, exponent in enumerate((exponents, -exponents)):
            change = np.repeat(np.expm1(exponent), widths, axis=1)
            start = first * CHIP + (half - 1) * HALF
            tiles = _padded(sound, start=start, frames=len(rows) * CHIP)
            here = slice(max(0, start), min(len(sound), start + len(tiles)))
            for channel, column in enumerate(tiles.T):
                spectrum = fft.rfft(column.reshape(len(rows), CHIP) * window, axis=1)
                spectrum[:, : EDGES[0]] = 0
                spectrum[:, EDGES[-1] :] = 0
                spectrum[:, EDGES[0] : EDGES[-1]] *= change
                changed = fft.irfft(spectrum, CHIP, axis=1, overwrite_x=True)
                changed *= window
                result[here, channel] += changed.ravel()[here.start - start : here.stop - start]
    return result


def _padded(sound: Sound, *, start: int, frames: int) -> Sound:
    """Frames ``start`` to ``start + frames`` of ``sound``, with silence where it has none."""
    before, after = max(0, -start), max(0, start + frames - len(sound))
    inside = sound[max(0, start) : max(0, start + frames)]
    return np.pad(inside, ((before, after), (0, 0))) if before or after else inside


def band_levels(*, mono: Sound, hop: int = HALF) -> Table:
    """Level in decibels of each band in windows of ``CHIP`` frames, ``hop`` apart; shape (windows, bands)."""
    if len(mono) < CHIP:
        return np.empty((0, BANDS), dtype=np.float32)
    window = _window()
    views = np.lib.stride_tricks.sliding_window_view(mono, CHIP)[::hop]
    levels = np.empty((len(views), BANDS), dtype=np.float32)
    for first in range(0, len(views), BLOCK_CHIPS):
        spectrum = fft.rfft(views[first : first + BLOCK_CHIPS] * window, axis=1)
        levels[first : first + len(spectrum)] = _in_bands(spectrum.real**2 + spectrum.imag**2)
    return np.asarray(10 * np.log10(levels + np.float32(FAINTEST_POWER)), dtype=np.float32)


def band_products(*, one: Sound, other: Sound) -> tuple[Spectra, Table, Table]:
    """Compare two sounds (frames,) in windows of ``CHIP`` frames, ``HALF`` apart, band by band; (windows, bands).

    Returns the sum of ``one`` times the conjugate of ``other``, the power of ``other`` and that of ``one``.
    """
    windows = max(0, min(len(one), len(other)) // HALF - 1)
    product = np.empty((windows, BANDS), dtype=np.complex64)
    power, other_power = np.empty((2, windows, BANDS), dtype=np.float32)
    window = _window()
    for first in range(0, windows, BLOCK_CHIPS):
        here = slice(first, min(windows, first + BLOCK_CHIPS))
        spectrum, other_spectrum = (
            fft.rfft(np.lib.stride_tricks.sliding_window_view(sound, CHIP)[::HALF][here] * window, axis=1)
            for sound in (one, other)
        )
        product[here] = _in_bands(spectrum * other_spectrum.conj())
        power[here] = _in_bands(spectrum.real**2 + spectrum.imag**2)
        other_power[here] = _in_bands(other_spectrum.real**2 + other_spectrum.imag**2)
    return product, other_power, power


def _in_bands(bins: Any) -> Any:
    return np.add.reduceat(bins[:, EDGES[0] : EDGES[-1]], EDGES[:-1] - EDGES[0], axis=1)


def read_chips(levels: Table) -> Table:
    """Change of level inside each chip, in decibels, from ``levels`` at hops of ``HALF``; shape (chips, bands).

    The first window must be the first half of a chip. The first and the last chip, which have no neighbour on one
    side, read 0.
    """
    chips = len(levels) // 2
    changes = np.zeros((chips, BANDS), dtype=np.float32)
    if chips > 2:
        changes[1:-1] = np.diff(levels[1 : 2 * chips - 1], n=ORDER, axis=0)[::2][: chips - 2]
    return changes


def weigh(changes: Table, *, floor: float) -> Table:
    """Turn changes of level into evidence for a sign, (chips, bands).

    A change counts less where the changes around it are large, and still less if it is itself larger than they
    are: then it is a note or a syllable. This is the score function of a Cauchy distribution, whose scale is the
    mean change of the neighbours and at least ``floor`` decibels.
    """
    if not len(changes):
        return changes
    scale = ndimage.uniform_filter1d(np.minimum(np.abs(changes), LARGEST_CHANGE), NEIGHBOURS, axis=0)
    scale = np.maximum(1.25 * scale, np.float32(floor))
    relative = changes / scale
    evidence = relative / ((1 + relative**2) * scale)
    return np.asarray(evidence - evidence.mean(axis=0), dtype=np.float32)


def _window() -> Sound:
    """Hann's window of ``CHIP`` frames, periodic."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(CHIP) / CHIP), dtype=np.float32)
