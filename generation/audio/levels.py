"""How loud a sound is and how high it reaches between its samples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from generation.audio.filters import as_one, high_pass, high_shelf, low_pass, transfer_of

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
NEIGHBOURS = 12
"""Frames on each side from which the sound between two of them is reckoned."""

MEMORY_SECONDS = 0.093
"""After so long the meter's filters have forgotten a click by 195 dB."""


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
    phases = _between_samples()
    result = np.empty(len(sound), dtype=np.float32)
    for start in range(0, len(sound), BLOCK_FRAMES):
        block = np.abs(sound[start : start + BLOCK_FRAMES])
        np.maximum.reduce([*block.T], out=result[start : start + BLOCK_FRAMES])
    rough = result if rough is None else rough
    starts = np.arange(0, len(sound), PEAK_BLOCK_FRAMES)
    for start in starts[np.maximum.reduceat(rough, starts) > above] if len(starts) else ():
        block = result[start : start + PEAK_BLOCK_FRAMES]
        first, last = start - NEIGHBOURS, start + len(block) + NEIGHBOURS
        around = np.zeros((sound.shape[1], last - first), dtype=np.float32)
        known = sound[max(0, first) : last]
        around[:, max(0, -first) :][:, : len(known)] = known.T
        views = np.lib.stride_tricks.sliding_window_view(around, len(phases), axis=1)
        np.maximum(block, np.abs(views @ phases).max(axis=(0, 2)), out=block)
    return result


def _weighted(*, sound: Sound, rate: int) -> Iterator[Sound]:
    """Blocks of ``weighted_power``, each of so many steps.

    Two channels go through one transform, as the real and the imaginary part of a sound.
    """
    memory = round(MEMORY_SECONDS * rate)
    frames = _step(rate) * STEPS_PER_BLOCK
    size = fft.next_fast_len(frames + memory, real=True)
    transfer = _k_weighting(rate, size=size, memory=memory)
    is_mono = sound.ndim == 1 or sound.shape[1] == 1
    if not is_mono and sound.shape[1] > 2:
        raise ValueError(f"a sound has one channel or two, not {sound.shape[1]}")
    both = sound.reshape(-1) if is_mono else as_one(sound)
    for start in range(0, len(both), frames):
        before = min(start, memory)
        block = both[start - before : start + frames]
        kept = slice(before, len(block))
        if is_mono:
            spectrum = fft.rfft(block, size)
            spectrum *= transfer[: size // 2 + 1]
            yield np.square(fft.irfft(spectrum, size, overwrite_x=True)[kept])
        else:
            spectrum = fft.fft(block, size)
            spectrum *= transfer
            heard = fft.ifft(spectrum, overwrite_x=True)[kept]
            power = np.square(heard.real)
            power += np.square(heard.imag)
            yield power


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
def _k_weighting(rate: int, *, size: int, memory: int) -> npt.NDArray[np.complex64]:
    """What the two filters of BS.1770 do to a spectrum of ``size``, given back to the rate by their analogue figures.

    Their answer to a click is cut off after ``memory`` frames.
    """
    sections = (
        high_shelf(hertz=1500.0, quality=1 / np.sqrt(2), gain_db=4.0, rate=rate),
        high_pass(hertz=38.0, quality=0.5, rate=rate),
    )
    response = fft.irfft(transfer_of(sections, size=size), size)[:memory]
    return np.asarray(fft.fft(response, size), dtype=np.complex64)


@lru_cache(maxsize=1)
def _between_samples() -> Sound:
    """Weights of the neighbours of a frame for each place after it, shape (2 * NEIGHBOURS + 1, OVERSAMPLING)."""
    taps = 2 * NEIGHBOURS * OVERSAMPLING + 1
    window = low_pass(taps=taps, share=1 / OVERSAMPLING, beta=6.0) * OVERSAMPLING
    padded = np.append(window, np.zeros(OVERSAMPLING - 1, dtype=np.float32))
    return np.ascontiguousarray(padded.reshape(-1, OVERSAMPLING)[::-1])
