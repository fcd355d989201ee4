"""Make the raw sound ready to publish: clean, in a room, at the right loudness, never clipped, fully decayed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from generation.audio.errors import SynthesisFailed
from generation.audio.filters import convolved, filtered, high_pass, low_pass
from generation.audio.levels import decibels, loudness_of, true_peaks, weighted_power
from generation.audio.room import convolve, impulse_response
from generation.audio.voices import Voice

Sound = npt.NDArray[np.float32]

TARGET_LUFS = -14.0
CEILING_DBTP = -1.0
HIGH_PASS_HERTZ = 28.0
CEILING_TAPS = 101
"""Of the low-pass: it falls by 80 dB within 2 kHz."""

DECAYED_DB = -62.0
FADE_SECONDS = 0.5
LONGEST_TAIL_SECONDS = 3.5
LOOK_AHEAD_SECONDS = 0.005
RELEASE_DB_PER_SECOND = 40.0
LOUDNESS_TOLERANCE = 0.05
LARGEST_ROUNDS = 4
BLOCK_FRAMES = 1 << 16
SMOOTHED_FRAMES = 1 << 20
REDUCTION_ENDS_DB = 1e-6
PEAK_HEADROOM = 10 ** (-4 / 20)
"""How far below the ceiling samples may lie before what is between them is looked at too."""

NEAR_THE_PEAK = 10 ** (-0.3 / 20)
"""Where the highest peak of a limited sound may be: its gain moves too slowly to change the order by more."""

MARGIN_DB = 0.25
"""Kept free below the ceiling: 0.2 dB for the mark that a sold copy gets later, the rest for other makes of meter."""


@dataclass(frozen=True, slots=True)
class Master:
    """A finished sound, float32 of shape (frames, 2), with its measured loudness and highest true peak."""

    sound: Sound
    loudness_lufs: float
    true_peak_dbtp: float


def in_room(*, sound: Sound, rate: int, voice: Voice) -> Sound:
    """Return ``sound`` (frames, 2) in the room of ``voice``, without what lies below hearing or above its ceiling.

    It is longer than ``sound`` by the room's tail. ``room.whole_blocks`` of a beginning give the beginning of it all.
    """
    return convolve(sound=sound, response=_response(rate, voice.room, voice.ceiling_hertz))


def ended(*, sound: Sound, rate: int, music_seconds: float) -> Sound:
    """Let ``sound`` (frames, 2) decay, then fade it out with a cosine; cut what is only silence.

    ``music_seconds`` is when the last key is left: nothing before it is trimmed or faded. The result lies in the
    memory of ``sound`` where that is long enough.
    """
    frame = rate // 100
    count = len(sound) // frame
    frames = sound[: count * frame].reshape(count, -1)
    energy = np.einsum("ij,ij->i", frames, frames)
    first = min(count - 1, int(music_seconds * 100))
    heard = np.flatnonzero(energy[first:] > energy.max() * 10 ** (DECAYED_DB / 10))
    decayed = (first + (int(heard[-1]) + 1 if len(heard) else 0)) * frame
    latest = int((music_seconds + LONGEST_TAIL_SECONDS) * rate)
    fade = int(FADE_SECONDS * rate)
    end = min(decayed, latest) + fade
    missing = max(0, end + frame - len(sound))
    result = np.pad(sound, ((0, missing), (0, 0))) if missing else sound[: end + frame]
    result[end - fade : end] *= (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade, dtype=np.float32)))[:, None]
    result[end:] = 0
    return result


def master(*, sound: Sound, rate: int) -> Master:
    """Bring ``sound`` (frames, 2) to the target loudness and below the ceiling; equal input gives equal bits.

    It is changed in place. Raises ``SynthesisFailed`` if it is too short or too quiet for its loudness to be measured.
    """
    power = weighted_power(sound=sound, rate=rate)
    measured = loudness_of(power=power, rate=rate)
    if not np.isfinite(measured):
        raise SynthesisFailed(f"the sound is too quiet or too short to master: {measured} LUFS")
    gain_db = TARGET_LUFS - measured
    ceiling_db = CEILING_DBTP - MARGIN_DB
    peaks = true_peaks(sound=sound, above=PEAK_HEADROOM * 10 ** ((ceiling_db - gain_db) / 20))
    for round_ in range(1, LARGEST_ROUNDS + 1):
        gain = limiter_gain(peaks=peaks, gain_db=gain_db, ceiling_db=ceiling_db, rate=rate)
        # The limiter moves slowly beside the meter's filters, so that their order makes no difference that counts.
        measured = loudness_of(power=power, gain=gain, rate=rate)
        if abs(measured - TARGET_LUFS) <= LOUDNESS_TOLERANCE:
            break
        gain_db += TARGET_LUFS - measured
        if round_ < LARGEST_ROUNDS:
            del gain
    del power
    sound *= gain[:, None]
    peaks *= gain
    del gain
    peak = true_peaks(sound=sound, above=NEAR_THE_PEAK * float(peaks.max()), rough=peaks).max()
    peak_db = decibels(float(peak))
    if peak_db > ceiling_db:
        sound *= np.float32(10 ** ((ceiling_db - peak_db) / 20))
        measured += ceiling_db - peak_db
        peak_db = ceiling_db
    return Master(sound=sound, loudness_lufs=measured, true_peak_dbtp=peak_db)


def limiter_gain(*, peaks: Sound, gain_db: float, ceiling_db: float, rate: int) -> Sound:
    """Gain for each frame, shape (frames,), at ``gain_db`` where that leaves ``peaks`` under the ceiling.

    Lower where it does not: early attack, release at a constant rate.
    The reduction is held over the look-ahead and then smoothed over the same length, which can only lower it
    between peaks and never at one.
    """
    plain = np.float32(10 ** (gain_db / 20))
    # The gain takes the place of the reduction: span by span, and what lies between them.
    gain = _reduction(peaks=peaks, threshold=10 ** ((ceiling_db - gain_db) / 20), rate=rate)
    half = int(LOOK_AHEAD_SECONDS * rate) // 2 * 2 + 1
    done = 0
    for first, last in _spans(gain, around=2 * half):
        gain[done:first] = plain
        done = first
        for part in _smoothed(gain[first:last], half=half):
            here = gain[done : done + len(part)]
            np.power(np.float32(10), part / np.float32(-20), out=here)
            here *= plain
            done += len(part)
    gain[done:] = plain
    return gain


@lru_cache(maxsize=16)
def _response(rate: int, room: float, ceiling_hertz: float | None) -> Sound:
    """Filters and room in one answer to a click, so that one convolution does for all."""
    response = impulse_response(rate) * room
    response[0] += 1.0
    if ceiling_hertz:
        ceiling = low_pass(taps=CEILING_TAPS, share=2 * ceiling_hertz / rate, beta=8.0)
        sides = [convolved(side, ceiling)[: len(response)] for side in response.T]
        response = np.stack(sides, axis=1)
    return filtered(response, sections=[high_pass(hertz=HIGH_PASS_HERTZ, quality=1 / np.sqrt(2), rate=rate)])


def _reduction(*, peaks: Sound, threshold: float, rate: int) -> Sound:
    """Decibels by which each frame lies over ``threshold``, or by which the one before is still held down."""
    reduction = np.zeros(len(peaks), dtype=np.float32)
    fall = np.arange(1, BLOCK_FRAMES + 1) * (RELEASE_DB_PER_SECOND / rate)
    last = 0.0
    for start in range(0, len(peaks), BLOCK_FRAMES):
        block = peaks[start : start + BLOCK_FRAMES]
        over = np.zeros(len(block))
        loud = np.flatnonzero(block > threshold)
        if not len(loud) and not last:
            continue
        over[loud] = 20 * np.log10(block[loud] / threshold)
        slope = fall[: len(block)]
        released = np.maximum.accumulate(np.maximum(over + slope, last)) - slope
        # Rounding must not leave a reduction of almost nothing.
        released[released < REDUCTION_ENDS_DB] = 0.0
        reduction[start : start + len(block)] = released
        last = float(released[-1])
    return reduction


def _smoothed(reduction: Sound, *, half: int) -> Iterator[Sound]:
    """``reduction``, held and smoothed, piece by piece, each of which may be written over when it has been given.

    SciPy's filters hold what they are given twice more, as doubles.
    """
    reach = 2 * half
    before = reduction[:0]
    for start in range(0, len(reduction), SMOOTHED_FRAMES):
        end = start + SMOOTHED_FRAMES
        part = np.concatenate([before, reduction[start : end + reach]])
        kept = slice(len(before), len(before) + SMOOTHED_FRAMES)
        before = reduction[end - reach : end].copy()
        part = ndimage.maximum_filter1d(part, 2 * half - 1)
        yield ndimage.uniform_filter1d(ndimage.uniform_filter1d(part, half), half)[kept]


def _spans(reduction: Sound, *, around: int) -> list[tuple[int, int]]:
    """Where ``reduction`` is at work, with ``around`` frames on both sides; spans do not overlap."""
    active = reduction != 0
    if not active.any():
        return []
    edges = np.flatnonzero(active[1:] != active[:-1]) + 1
    if active[0]:
        edges = np.concatenate([[0], edges])
    if len(edges) % 2:
        edges = np.append(edges, len(active))
    firsts, ends = edges[::2], edges[1::2]
    apart = firsts[1:] - ends[:-1] >= 2 * around
    return [
        (max(0, int(first) - around), min(len(reduction), int(end) + around))
        for first, end in zip(firsts[np.append(True, apart)], ends[np.append(apart, True)], strict=True)
    ]
