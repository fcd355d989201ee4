"""The few filters that the sound needs, without ``scipy.signal``: that takes 2 s and 50 MB to load, in every process.

Source of the second-order sections: R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients";
of the low-pass: A. V. Oppenheim, R. W. Schafer, "Discrete-Time Signal Processing", window method.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

Mono = npt.NDArray[np.float32]


class Section(NamedTuple):
    """A second-order section: three coefficients above, three below the fraction line."""

    above: tuple[float, float, float]
    below: tuple[float, float, float]


def high_pass(*, hertz: float, quality: float, rate: float) -> Section:
    """Return a high-pass; a ``quality`` of 1/√2 makes it Butterworth's."""
    cosine, alpha = _angle(hertz=hertz, quality=quality, rate=rate)
    return Section(((1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2), (1 + alpha, -2 * cosine, 1 - alpha))


def high_shelf(*, hertz: float, quality: float, gain_db: float, rate: float) -> Section:
    """Return a filter that lifts what lies above ``hertz`` by ``gain_db``."""
    cosine, alpha = _angle(hertz=hertz, quality=quality, rate=rate)
    level = 10 ** (gain_db / 40)
    root = 2 * np.sqrt(level) * alpha
    up, down = level + 1, level - 1
    return Section(
        (
            level * (up + down * cosine + root),
            -2 * level * (down + up * cosine),
            level * (up + down * cosine - root),
        ),
        (up - down * cosine + root, 2 * (down - up * cosine), up - down * cosine - root),
    )


def gentle_low_pass(*, hertz: float, rate: float) -> Section:
    """Return Butterworth's low-pass of first order."""
    bend = float(np.tan(np.pi * hertz / rate))
    return Section((bend, bend, 0.0), (1 + bend, bend - 1, 0.0))


def transfer_of(sections: Sequence[Section], *, size: int) -> npt.NDArray[np.complex128]:
    """Return what ``sections`` in a row do to the spectrum of ``size`` real frames; shape (size // 2 + 1,)."""
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    result = np.ones(len(delay), dtype=np.complex128)
    for above, below in sections:
        result *= np.polyval(above[::-1], delay) / np.polyval(below[::-1], delay)
    return result


def low_pass(*, taps: int, share: float, beta: float) -> Mono:
    """Return a symmetric low-pass of ``taps`` (odd) that passes ``share`` of the band; it leaves a constant alone."""
    places = np.arange(taps) - (taps - 1) / 2
    response = np.sinc(share * places) * np.kaiser(taps, beta)
    return np.asarray(response / response.sum(), dtype=np.float32)


def filtered(sound: npt.NDArray[np.floating], *, sections: Sequence[Section]) -> Mono:
    """Return a short ``sound`` (frames, …), which must last until ``sections`` have forgotten its beginning."""
    size = fft.next_fast_len(2 * len(sound), real=True)
    spectrum = fft.rfft(sound, size, axis=0)
    spectrum = (spectrum.T * transfer_of(sections, size=size)).T
    return np.asarray(fft.irfft(spectrum, size, axis=0)[: len(sound)], dtype=np.float32)


def resampled(sound: Mono, *, up: int, down: int) -> Mono:
    """Return a short ``sound`` (frames,) at ``up / down`` times its rate, as if silence lay around it."""
    ratio = Fraction(up, down)
    # Both transforms at lengths that are quick: a prime one takes six times as long.
    steps = fft.next_fast_len(-(-len(sound) // ratio.denominator), real=True)
    size, new_size = steps * ratio.denominator, steps * ratio.numerator
    result = fft.irfft(fft.rfft(sound, size)[: new_size // 2 + 1], new_size) * float(ratio)
    return np.asarray(result[: len(sound) * up // down], dtype=np.float32)


def convolved(sound: npt.NDArray[np.floating], response: npt.NDArray[np.floating]) -> Mono:
    """Return a short ``sound`` (frames,) as ``response`` answers to it, longer by the response."""
    frames = len(sound) + len(response) - 1
    size = fft.next_fast_len(frames, real=True)
    product = fft.rfft(sound, size) * fft.rfft(response, size)
    return np.asarray(fft.irfft(product, size)[:frames], dtype=np.float32)


def as_one(sound: Mono) -> npt.NDArray[np.complex64]:
    """Return both sides of a sound (frames, 2) as real and imaginary part, in the same memory if that is in one piece.

    What is done to both in the same way is done by one Fourier transform instead of two.
    """
    joined: npt.NDArray[np.complex64] = np.ascontiguousarray(sound, dtype=np.float32).view(np.complex64)[:, 0]
    return joined


def _angle(*, hertz: float, quality: float, rate: float) -> tuple[float, float]:
    omega = 2 * np.pi * hertz / rate
    return float(np.cos(omega)), float(np.sin(omega) / (2 * quality))
