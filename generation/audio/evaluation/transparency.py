"""How far what a mark or an encoder adds lies below what hearing masks.

The ear is that of ITU-R BS.1387-1, basic version: weighting of the outer and middle ear, bands of a quarter Bark,
spreading in frequency that depends on level, forward masking, and a masking threshold 3 dB or more below what is
spread so. It differs in one thing: the noise is the spectrum of the difference itself, not the difference of the two
magnitude spectra, because this counts what changes only phases too. So our ratios are the stricter ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from generation.audio.synthesis import RATE

Sound = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

FRAME = 2048
HOP = 1024
FULL_SCALE_DB = 92.0
"""Sound pressure level at which a sine of full scale is taken to be heard, in decibels."""

LOWEST_HERTZ, HIGHEST_HERTZ = 80.0, 18_000.0
BAND_BARK = 0.25
LOWER_SLOPE = 27.0
"""Decibels a Bark towards lower frequencies."""

ADDITION = 0.4
"""Exponent in which spread excitations add up."""

AUDIBLE_DB = 1.5
"""A frame counts as disturbed where the ratio of some band is higher."""

SEGMENT = RATE // 50
QUIETEST_SEGMENT_DB = -60.0
SEGMENT_LIMITS_DB = (-10.0, 80.0)
BLOCK_FRAMES = 128


@dataclass(frozen=True, slots=True)
class Transparency:
    """How a sound differs from its reference.

    ``segmental_snr_db`` is the mean over segments of 20 ms of music. ``nmr_db`` is the noise-to-mask ratio: noise over
    masking threshold, mean over bands and frames; ``worst_nmr_db`` is that of the highest band of a frame, in the
    frame that 99 % of all do not exceed. ``disturbed`` is the share of frames in which some band lies more than
    ``AUDIBLE_DB`` above its threshold.
    """

    segmental_snr_db: float
    nmr_db: float
    worst_nmr_db: float
    disturbed: float


def compare(*, reference: Sound, sound: Sound) -> Transparency:
    """Compare ``sound`` with its ``reference``, both (frames,) or (frames, channels) at 44.1 kHz and aligned.

    Channels count as so many sounds. Raises ``ValueError`` if the shapes differ or a sound is shorter than ``FRAME``.
    """
    if reference.shape != sound.shape or len(sound) < FRAME:
        raise ValueError(
            f"two sounds of one shape and {FRAME} frames are needed: {reference.shape}, {sound.shape}"
        )
    references, sounds = (each.reshape(len(each), -1).T for each in (reference, sound))
    snr = np.concatenate([_segmental(one, other) for one, other in zip(references, sounds, strict=True)])
    ratios = np.concatenate(
        [block for one, other in zip(references, sounds, strict=True) for block in _ratios(one, other - one)]
    )
    worst = 10 * np.log10(ratios.max(axis=1) + 1e-20)
    return Transparency(
        segmental_snr_db=float(snr.mean()) if len(snr) else float("inf"),
        nmr_db=float(10 * np.log10(ratios.mean() + 1e-20)),
        worst_nmr_db=float(np.quantile(worst, 0.99)),
        disturbed=float(np.mean(worst > AUDIBLE_DB)),
    )


def _segmental(reference: Sound, sound: Sound) -> Floats:
    count = len(reference) // SEGMENT
    power, noise = (
        np.mean(np.square(each[: count * SEGMENT].reshape(count, SEGMENT), dtype=np.float64), axis=1)
        for each in (reference, sound - reference)
    )
    heard = power > 10 ** (QUIETEST_SEGMENT_DB / 10)
    ratio = 10 * np.log10(power[heard] / np.maximum(noise[heard], 1e-20))
    return np.asarray(np.clip(ratio, *SEGMENT_LIMITS_DB))


def _ratios(reference: Sound, noise: Sound) -> Iterator[Floats]:
    """Blocks of noise over masking threshold, shape (frames, bands)."""
    ear = _Ear()
    for first in range(0, (len(reference) - FRAME) // HOP + 1, BLOCK_FRAMES):
        here = slice(first * HOP, (first + BLOCK_FRAMES - 1) * HOP + FRAME)
        excitation = ear.spread(ear.bands(reference[here]) + ear.own_noise)
        yield ear.bands(noise[here]) / (ear.remembered(excitation) * ear.threshold)


class _Ear:
    """The peripheral ear of BS.1387, section 2.1 of its annex 2."""

    def __init__(self) -> None:
        hertz = np.fft.rfftfreq(FRAME, 1 / RATE)
        count = int(np.ceil((_bark(HIGHEST_HERTZ) - _bark(LOWEST_HERTZ)) / BAND_BARK))
        edges = _hertz(_bark(LOWEST_HERTZ) + BAND_BARK * np.arange(count + 1))
        centres = np.sqrt(edges[:-1] * edges[1:])
        # Every band gets its share of the bins, the lowest ones parts of a bin.
        width = RATE / FRAME
        low, high = hertz[:, None] - width / 2, hertz[:, None] + width / 2
        overlap = np.minimum(high, edges[None, 1:]) - np.maximum(low, edges[None, :-1])
        kilohertz = np.maximum(hertz, 10.0) / 1000
        ear_db = (
            -0.6 * 3.64 * kilohertz**-0.8
            + 6.5 * np.exp(-0.6 * (kilohertz - 3.3) ** 2)
            - 1e-3 * kilohertz**3.6
        )
        window = signal.windows.hann(FRAME, sym=False) * np.sqrt(8 / 3)
        # A sine of amplitude 1 has this power, summed over the bins of its peak.
        sine = 0.5 * FRAME**2 / 2
        self._weights = np.maximum(overlap, 0) / width * 10 ** ((ear_db[:, None] + FULL_SCALE_DB) / 10) / sine
        self._window = window
        self._centres = centres
        self._memory: Floats | None = None
        self._keep = np.exp(-HOP / RATE / (0.008 + 100 / centres * (0.030 - 0.008)))
        self.own_noise = 10 ** (0.4 * 3.64 * (centres / 1000) ** -0.8 / 10)
        barks = BAND_BARK * np.arange(count)
        self.threshold = 10 ** (-np.where(barks <= 12, 3.0, 0.25 * barks) / 10)

    def bands(self, sound: Sound) -> Floats:
        """Power in each band, shape (frames, bands); 1 is the power at 0 dB of sound pressure level."""
        frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
        spectrum = np.fft.rfft(frames * self._window, axis=1)
        return np.asarray((spectrum.real**2 + spectrum.imag**2) @ self._weights)

    def spread(self, power: Floats) -> Floats:
        """Let each band excite its neighbours: 27 dB a Bark downwards, less steep upwards the louder it is."""
        level = 10 * np.log10(power)
        least = -24 - 230 / self._centres
        upper = np.minimum(least + 0.2 * level, -0.1)
        bands = np.arange(power.shape[1])
        result, flat = np.zeros_like(power), np.zeros(power.shape[1])
        for source in bands:
            below, above = (np.clip(side * BAND_BARK * (bands - source), 0, None) for side in (-1, 1))
            shape = 10 ** ((upper[:, source, None] * above - LOWER_SLOPE * below) / 10)
            result += (power[:, source, None] * shape / shape.sum(axis=1, keepdims=True)) ** ADDITION
            # BS.1387 divides by what a level of 0 dB in every band would give.
            even = 10 ** ((least[source] * above - LOWER_SLOPE * below) / 10)
            flat += (even / even.sum()) ** ADDITION
        return np.asarray((result / flat) ** (1 / ADDITION))

    def remembered(self, excitation: Floats) -> Floats:
        """Excitation that decays no faster than hearing forgets it."""
        result = np.empty_like(excitation)
        memory = np.zeros(excitation.shape[1]) if self._memory is None else self._memory
        for index, now in enumerate(excitation):
            memory = self._keep * memory + (1 - self._keep) * now
            result[index] = np.maximum(memory, now)
        self._memory = memory
        return result


def _bark(hertz: float) -> float:
    return 7 * float(np.arcsinh(hertz / 650))


def _hertz(bark: npt.NDArray[np.floating]) -> Floats:
    return np.asarray(650 * np.sinh(bark / 7))
