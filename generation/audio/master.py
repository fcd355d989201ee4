"""Make the raw sound ready to publish: clean, in a room, at the right loudness, never clipped, fully decayed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy import ndimage, signal

from generation.audio.errors import SynthesisFailed
from generation.audio.room import add_room

Sound = npt.NDArray[np.float32]

TARGET_LUFS = -14.0
CEILING_DBTP = -1.0
HIGH_PASS_HERTZ = 28.0
DECAYED_DB = -62.0
FADE_SECONDS = 0.5
LONGEST_TAIL_SECONDS = 3.5
LOOK_AHEAD_SECONDS = 0.005
RELEASE_DB_PER_SECOND = 40.0
LOUDNESS_TOLERANCE = 0.05
LARGEST_ROUNDS = 4
OVERSAMPLING = 4
BLOCK_FRAMES = 1 << 16
PEAK_BLOCK_FRAMES = 1 << 12
PEAK_HEADROOM = 10 ** (-4 / 20)
"""How far below the ceiling samples may lie before what is between them is looked at too."""

MARGIN_DB = 0.05
"""Kept free below the ceiling, for what a true-peak meter of another make may find between the samples."""


@dataclass(frozen=True, slots=True)
class Master:
    """A finished sound, float32 of shape (frames, 2), with its measured loudness and highest true peak."""

    sound: Sound
    loudness_lufs: float
    true_peak_dbtp: float


def master(*, sound: Sound, rate: int, room: float, music_seconds: float) -> Master:
    """Return the mastered ``sound`` (frames, 2); equal input gives equal bits.

    ``music_seconds`` is when the last key is left: nothing before it is trimmed or faded. Raises
    ``SynthesisFailed`` if the input is too short or too quiet for its loudness to be measured.
    """
    # One name for every stage, so that only one of them is in memory.
    sound = _high_pass(sound=sound, rate=rate)
    sound = add_room(sound=sound, amount=room, rate=rate)
    sound = _end(sound=sound, rate=rate, music_seconds=music_seconds)
    measured = loudness(sound=sound, rate=rate)
    if not np.isfinite(measured):
        raise SynthesisFailed(f"the sound is too quiet to master: {measured} LUFS")
    gain_db = TARGET_LUFS - measured
    ceiling_db = CEILING_DBTP - MARGIN_DB
    peaks = true_peaks(sound=sound, above=PEAK_HEADROOM * 10 ** ((ceiling_db - gain_db) / 20))
    for _ in range(LARGEST_ROUNDS):
        limited = (
            sound * _limiter_gain(peaks=peaks, gain_db=gain_db, ceiling_db=ceiling_db, rate=rate)[:, None]
        )
        measured = loudness(sound=limited, rate=rate)
        if abs(measured - TARGET_LUFS) <= LOUDNESS_TOLERANCE:
            break
        gain_db += TARGET_LUFS - measured
    peak_db = decibels(
        float(true_peaks(sound=limited, above=PEAK_HEADROOM * float(np.abs(limited).max())).max())
    )
    if peak_db > ceiling_db:
        limited *= np.float32(10 ** ((ceiling_db - peak_db) / 20))
        measured += ceiling_db - peak_db
        peak_db = ceiling_db
    return Master(sound=limited, loudness_lufs=measured, true_peak_dbtp=peak_db)


def decibels(amplitude: float) -> float:
    """Amplitude in decibels of full scale, no lower than -200."""
    return 20 * float(np.log10(max(amplitude, 1e-10)))


def loudness(*, sound: Sound, rate: int) -> float:
    """Integrated loudness in LUFS of (frames,) or (frames, channels). Source: ITU-R BS.1770-4."""
    return float(pyloudnorm.Meter(rate).integrated_loudness(sound))


def true_peaks(*, sound: Sound, above: float = 0.0) -> Sound:
    """Highest absolute value around each frame, between the samples too, over all channels; shape (frames,).

    Four-fold oversampling as in ITU-R BS.1770-4, Annex 2, here with a 96-tap Kaiser filter. Blocks whose samples
    all stay at or below ``above`` are not oversampled, which saves most of the work where only peaks matter.
    """
    taps = 24 * OVERSAMPLING
    window = signal.firwin(taps + 1, 1 / OVERSAMPLING, window=("kaiser", 6.0)) * OVERSAMPLING
    window = window.astype(np.float32)
    delay = taps // 2 // OVERSAMPLING
    result = np.abs(sound[:, 0])
    for channel in range(1, sound.shape[1]):
        np.maximum(result, np.abs(sound[:, channel]), out=result)
    for start in range(0, len(sound), PEAK_BLOCK_FRAMES):
        block = result[start : start + PEAK_BLOCK_FRAMES]
        if block.max() <= above:
            continue
        first, last = max(0, start - delay), min(len(sound), start + len(block) + delay)
        skipped = taps // 2 + (start - first) * OVERSAMPLING
        for channel in range(sound.shape[1]):
            fine = np.abs(signal.upfirdn(window, sound[first:last, channel], up=OVERSAMPLING))
            fine = fine[skipped : skipped + len(block) * OVERSAMPLING]
            for phase in range(OVERSAMPLING):
                np.maximum(block, fine[phase::OVERSAMPLING], out=block)
    return result


def _high_pass(*, sound: Sound, rate: int) -> Sound:
    """Remove what lies below hearing; the filter runs in double precision, since 28 Hz is near its edge."""
    sections = signal.butter(2, HIGH_PASS_HERTZ, "highpass", fs=rate, output="sos")
    state = np.zeros((len(sections), 2, sound.shape[1]))
    result = np.empty_like(sound)
    for start in range(0, len(sound), BLOCK_FRAMES):
        block, state = signal.sosfilt(sections, sound[start : start + BLOCK_FRAMES], axis=0, zi=state)
        result[start : start + len(block)] = block
    return result


def _end(*, sound: Sound, rate: int, music_seconds: float) -> Sound:
    """Let the sound decay, then fade out with a cosine; cut what is only silence."""
    frame = rate // 100
    count = len(sound) // frame
    energy = np.square(sound[: count * frame]).reshape(count, -1).mean(axis=1)
    first = min(count - 1, int(music_seconds * 100))
    heard = np.flatnonzero(energy[first:] > energy.max() * 10 ** (DECAYED_DB / 10))
    decayed = (first + (int(heard[-1]) + 1 if len(heard) else 0)) * frame
    latest = int((music_seconds + LONGEST_TAIL_SECONDS) * rate)
    fade = int(FADE_SECONDS * rate)
    end = min(decayed, latest) + fade
    result = np.zeros((end + frame, sound.shape[1]), dtype=np.float32)
    result[: min(end, len(sound))] = sound[:end]
    result[end - fade : end] *= (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade, dtype=np.float32)))[:, None]
    result[end:] = 0
    return result


def _limiter_gain(*, peaks: Sound, gain_db: float, ceiling_db: float, rate: int) -> Sound:
    """Gain for each frame that brings ``peaks`` under the ceiling: early attack, release at a constant rate.

    The reduction is held over the look-ahead and then smoothed over the same length, which can only lower it
    between peaks and never at one.
    """
    reduction = np.zeros(len(peaks), dtype=np.float32)
    fall = np.arange(1, BLOCK_FRAMES + 1) * (RELEASE_DB_PER_SECOND / rate)
    last = 0.0
    for start in range(0, len(peaks), BLOCK_FRAMES):
        block = peaks[start : start + BLOCK_FRAMES]
        over = gain_db - ceiling_db + 20 * np.log10(np.maximum(block, 1e-10, dtype=np.float64))
        slope = fall[: len(block)]
        released = np.maximum.accumulate(np.maximum(over + slope, last)) - slope
        reduction[start : start + len(block)] = np.maximum(released, 0)
        last = max(0.0, float(released[-1]))
    if reduction.any():
        half = int(LOOK_AHEAD_SECONDS * rate) // 2 * 2 + 1
        reduction = ndimage.maximum_filter1d(reduction, 2 * half - 1)
        reduction = ndimage.uniform_filter1d(ndimage.uniform_filter1d(reduction, half), half)
    np.subtract(np.float32(gain_db), reduction, out=reduction)
    reduction /= 20
    np.power(np.float32(10), reduction, out=reduction)
    return reduction
