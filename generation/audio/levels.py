"""How loud a sound is and how high it reaches between its samples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy import signal

Sound = npt.NDArray[np.float32]

GATE_SECONDS = 0.4
STEPS_PER_GATE = 4
STEPS_PER_BLOCK = 16
SILENCE_LUFS = -70.0
RELATIVE_GATE_DB = -10.0
OFFSET_LUFS = -0.691
OVERSAMPLING = 4
BLOCK_FRAMES = 1 << 16
PEAK_BLOCK_FRAMES = 1 << 10


def decibels(amplitude: float) -> float:
    """Amplitude in decibels of full scale, no lower than -200."""
    return 20 * float(np.log10(max(amplitude, 1e-10)))


def loudness(*, sound: Sound, rate: int) -> float:
    """Integrated loudness in LUFS of (frames,) or (frames, channels); minus infinity for silence or less than 0.4 s.

    Source: ITU-R BS.1770-4: means over 0.4 s, three quarters overlapping, those below -70 LUFS and then those 10 dB
    below the mean of the rest left out.
    """
    return _gated(
        np.concatenate([_step_sums(power, rate=rate) for power in _weighted(sound=sound, rate=rate)]),
        rate=rate,
    )


def weighted_power(*, sound: Sound, rate: int) -> Sound:
    """Square of each frame after the meter's filters, summed over the channels; float32 of shape (frames,).

    What a slowly moving gain does to the loudness can be reckoned from it without filtering again.
    """
    power = np.empty(len(sound), dtype=np.float32)
    start = 0
    for block in _weighted(sound=sound, rate=rate):
        power[start : start + len(block)] = block
        start += len(block)
    return power


def loudness_of(*, power: Sound, rate: int, gain: Sound | None = None) -> float:
    """Integrated loudness in LUFS of the sound with this ``weighted_power``, ``gain`` (frames,) on it or none."""
    size = _step(rate) * STEPS_PER_BLOCK
    sums = []
    for start in range(0, len(power), size):
        block = power[start : start + size]
        sums.append(
            _step_sums(block if gain is None else block * np.square(gain[start : start + size]), rate=rate)
        )
    return _gated(np.concatenate(sums), rate=rate)


def true_peaks(*, sound: Sound, above: float = 0.0, rough: Sound | None = None) -> Sound:
    """Highest absolute value around each frame, between the samples too, over all channels; shape (frames,).

    Four-fold oversampling as in ITU-R BS.1770-4, Annex 2, here with a 96-tap Kaiser filter. Blocks in which
    ``rough`` (by default the samples themselves) stays at or below ``above`` are not oversampled, which saves most
    of the work where only peaks matter.
    """
    taps = 24 * OVERSAMPLING
    window = _oversampling_filter(taps)
    delay = taps // 2 // OVERSAMPLING
    result = np.empty(len(sound), dtype=np.float32)
    for start in range(0, len(sound), BLOCK_FRAMES):
        block = np.abs(sound[start : start + BLOCK_FRAMES])
        np.maximum.reduce([*block.T], out=result[start : start + BLOCK_FRAMES])
    rough = result if rough is None else rough
    for start in range(0, len(sound), PEAK_BLOCK_FRAMES):
        if rough[start : start + PEAK_BLOCK_FRAMES].max() <= above:
            continue
        block = result[start : start + PEAK_BLOCK_FRAMES]
        first, last = max(0, start - delay), min(len(sound), start + len(block) + delay)
        skipped = taps // 2 + (start - first) * OVERSAMPLING
        for channel in range(sound.shape[1]):
            fine = np.abs(signal.upfirdn(window, sound[first:last, channel], up=OVERSAMPLING))
            fine = fine[skipped : skipped + len(block) * OVERSAMPLING]
            for phase in range(OVERSAMPLING):
                np.maximum(block, fine[phase::OVERSAMPLING], out=block)
    return result


def _weighted(*, sound: Sound, rate: int) -> Iterator[Sound]:
    """Blocks of ``weighted_power``, each of so many steps."""
    sections = _k_weighting(rate)
    channels = sound.reshape(len(sound), -1)
    state = np.zeros((len(sections), 2, channels.shape[1]))
    size = _step(rate) * STEPS_PER_BLOCK
    for start in range(0, len(sound), size):
        block, state = signal.sosfilt(sections, channels[start : start + size], axis=0, zi=state)
        yield np.square(block).sum(axis=1, dtype=np.float32)


def _step(rate: int) -> int:
    """Frames from the start of one mean to that of the next."""
    return round(GATE_SECONDS / STEPS_PER_GATE * rate)


def _step_sums(power: Sound, *, rate: int) -> npt.NDArray[np.float64]:
    """Sums over whole steps."""
    step = _step(rate)
    count = len(power) // step
    sums: npt.NDArray[np.float64] = power[: count * step].reshape(count, step).sum(axis=1, dtype=np.float64)
    return sums


def _gated(sums: npt.NDArray[np.float64], *, rate: int) -> float:
    if len(sums) < STEPS_PER_GATE:
        return -np.inf
    means = np.convolve(sums, np.ones(STEPS_PER_GATE), "valid") / (STEPS_PER_GATE * _step(rate))
    heard = means[means > 10 ** ((SILENCE_LUFS - OFFSET_LUFS) / 10)]
    if not len(heard):
        return -np.inf
    heard = heard[heard > heard.mean() * 10 ** (RELATIVE_GATE_DB / 10)]
    return float(OFFSET_LUFS + 10 * np.log10(heard.mean()))


@lru_cache(maxsize=4)
def _k_weighting(rate: int) -> npt.NDArray[np.float64]:
    """Second-order sections of the two filters of BS.1770, as pyloudnorm reckons them for any rate."""
    stages = (
        pyloudnorm.IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, rate, "high_shelf"),
        pyloudnorm.IIRfilter(0.0, 0.5, 38.0, rate, "high_pass"),
    )
    return np.stack([np.concatenate([stage.b, stage.a]) for stage in stages])


@lru_cache(maxsize=1)
def _oversampling_filter(taps: int) -> Sound:
    window = signal.firwin(taps + 1, 1 / OVERSAMPLING, window=("kaiser", 6.0)) * OVERSAMPLING
    return np.asarray(window, dtype=np.float32)
