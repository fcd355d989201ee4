"""What must be true of every finished recording, measured on its samples and not by the code that made them.

Loudness comes from pyloudnorm and, with the true peak, from FFmpeg; everything else is defined here. The product
itself does not refuse a master by these gates: they are statistics of a sound, and a buyer is better served by a
piece with a suspected click than by none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy import ndimage, signal

from generation.audio.errors import EncodingFailed
from generation.audio.process import run_program

Sound = npt.NDArray[np.float32]
"""Samples of shape (frames, 2) at 44.1 kHz, full scale 1."""

RATE = 44_100
LUFS, LUFS_TOLERANCE = -14.0, 0.3
HIGHEST_DBTP = -1.0
LATEST_START_SECONDS = 0.15
LONGEST_SILENCE_SECONDS = 2.0
LENGTH_TOLERANCE_SECONDS = 0.5
LONGEST_TAIL_SECONDS = 4.1
"""Longer than any room here rings: 3.5 s and a fade of half a second."""

QUIETEST_END_DB = -60.0
STEEPEST_FALL_DB = 20.0
HEARD_DBFS = -60.0
"""A sound below is none: 46 dB under the loudness of the piece."""

WINDOW_SECONDS = 0.01
END_SECONDS = 0.05
FULL_SCALE = 0.9999
FLAT_SAMPLES = 3
ISOLATED = 4.0
NEAR_SECONDS, FAR_SECONDS = 0.002, 0.025
HIGH_BAND_HERTZ = 12_000
ATTACK_SECONDS = (-0.003, 0.022)
FAINT = 3e-4
"""-70 dBFS: what sticks out of less is no click that anybody hears."""

POOLED = 4


@dataclass(frozen=True, slots=True)
class Levels:
    """Integrated loudness (LUFS) and highest true peak (dBTP), both after ITU-R BS.1770."""

    lufs: float
    dbtp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A recording against the gates. Times in seconds, levels in decibels.

    ``clicks`` are the moments of clicks, ``silence`` is the longest stretch below -60 dBFS between first sound and
    notated end, ``end_db`` the level of the last 50 ms against the loudest, ``fall_db`` the steepest fall within 20 ms
    after the last key is left, ``off_length`` how much longer the music was than ordered, ``tail`` how long it rang.
    """

    lufs: float
    dbtp: float
    clipped: int
    clicks: tuple[float, ...]
    start: float
    silence: float
    end_db: float
    fall_db: float
    off_length: float
    tail: float

    def failures(self) -> tuple[str, ...]:
        """Names of the gates that it fails."""
        held = {
            "loudness": abs(self.lufs - LUFS) <= LUFS_TOLERANCE,
            "true peak": self.dbtp <= HIGHEST_DBTP,
            "clipping": not self.clipped,
            "clicks": not self.clicks,
            "start": self.start <= LATEST_START_SECONDS,
            "silence": self.silence <= LONGEST_SILENCE_SECONDS,
            "tail": self.end_db <= QUIETEST_END_DB and self.fall_db <= STEEPEST_FALL_DB,
            "length": abs(self.off_length) <= LENGTH_TOLERANCE_SECONDS
            and 0 < self.tail <= LONGEST_TAIL_SECONDS,
        }
        return tuple(name for name, holds in held.items() if not holds)


def measure(
    *, sound: Sound, levels: Levels, onsets: Iterable[float], music_ends: float, ordered: float
) -> Measured:
    """Measure a master.

    ``levels`` are those of ``ffmpeg_levels``: of loudness, the reading further from the target counts. ``onsets`` are
    the moments at which notes were struck, ``music_ends`` is when the last key was left, both from the start of the
    file; ``ordered`` is the length wished, all in seconds.
    """
    lufs = (float(pyloudnorm.Meter(RATE).integrated_loudness(sound)), levels.lufs)
    start = first_sound(sound)
    end_db, fall_db = ending(sound, music_ends=music_ends)
    return Measured(
        lufs=max(lufs, key=lambda value: abs(value - LUFS)),
        dbtp=levels.dbtp,
        clipped=clipped(sound),
        clicks=clicks(sound, onsets=onsets),
        start=start,
        silence=longest_silence(sound, until=start + ordered),
        end_db=end_db,
        fall_db=fall_db,
        off_length=music_ends - start - ordered,
        tail=len(sound) / RATE - music_ends,
    )


def ffmpeg_levels(path: Path) -> Levels:
    """Loudness and true peak of an audio file as FFmpeg's meter (filter ``ebur128``) reads them, to 0.1 dB.

    Raises ``EncodingFailed`` if it is no audio, ``SoundUnavailable`` without ffmpeg.
    """
    said = run_program(
        command=[
            *("ffmpeg", "-nostdin", "-nostats", "-hide_banner", "-i", str(path)),
            *("-af", "ebur128=peak=true", "-f", "null", "-"),
        ],
        timeout=120.0,
        failure=EncodingFailed,
    )
    summary = said[said.rindex("Summary:") :]
    lufs, dbtp = (re.search(rf"{name}:\s+(-?[\d.]+|-inf)", summary) for name in ("I", "Peak"))
    if lufs is None or dbtp is None:
        raise EncodingFailed(f"ffmpeg measured no loudness of {path.name}: {summary.strip()}")
    return Levels(lufs=float(lufs[1]), dbtp=float(dbtp[1]))


def clipped(sound: Sound) -> int:
    """Count samples at full scale, and those that stand level at the highest peak of their side, three or more."""
    high = np.abs(sound)
    count = int((high >= FULL_SCALE).sum())
    for side, peak in zip(sound.T, high.max(axis=0), strict=True):
        level = (np.diff(side) == 0) & (np.abs(side[1:]) >= 0.99 * max(peak, FAINT))
        flat = np.convolve(level, np.ones(FLAT_SAMPLES - 1), "valid") == FLAT_SAMPLES - 1
        count += int(flat.sum())
    return count


def clicks(sound: Sound, *, onsets: Iterable[float]) -> tuple[float, ...]:
    """Moments of clicks, in seconds.

    A click is a jump of a few samples in a sound that goes on as before. There the second difference stands out: it is
    more than four times (12 dB) as high as anything from 2 to 25 ms before *and* after it. The attack of a struck or
    plucked tone is no click by that, since what follows is as rough; nor are the pulses of a bowed string, which come
    again and again. Looked at are the second difference itself, everywhere, and what of it lies above 12 kHz, where
    instruments in a room have little to hide a click in, except within attacks: there felt and wood do click.
    """
    bent = np.diff(sound, n=2, axis=0)
    found = _isolated(bent)
    bright = signal.oaconvolve(bent, _high_band()[:, None], mode="same", axes=0)
    struck = np.zeros(len(found), dtype=bool)
    for onset in onsets:
        first, last = (max(0, int((onset + by) * RATE)) // POOLED for by in ATTACK_SECONDS)
        struck[first:last] = True
    found |= _isolated(bright) & ~struck
    places = np.flatnonzero(found) * POOLED / RATE
    apart = np.diff(places, prepend=-1.0) > NEAR_SECONDS
    return tuple(round(float(place), 4) for place in places[apart])


def first_sound(sound: Sound) -> float:
    """Seconds until the first sample above -60 dBFS; the whole length if there is none."""
    heard = np.flatnonzero(np.abs(sound).max(axis=1) > 10 ** (HEARD_DBFS / 20))
    return float(heard[0] if len(heard) else len(sound)) / RATE


def longest_silence(sound: Sound, *, until: float) -> float:
    """Longest time below -60 dBFS (windows of 10 ms) between the first sound and ``until``, in seconds."""
    levels = _levels(sound[: int(until * RATE)], seconds=WINDOW_SECONDS)
    heard = np.flatnonzero(levels > HEARD_DBFS)
    if not len(heard):
        return until
    edges = np.append(heard, len(levels))
    return float(np.diff(edges).max() - 1) * WINDOW_SECONDS


def ending(sound: Sound, *, music_ends: float) -> tuple[float, float]:
    """How far the last 50 ms lie below the loudest, and the steepest fall within 20 ms from ``music_ends`` on, in dB.

    A tail that is cut falls from what is heard to nothing at once, whether the file ends there or goes on in silence.
    """
    size = int(END_SECONDS * RATE)
    loudest = _levels(sound, seconds=END_SECONDS).max()
    last = _levels(sound[-size:], seconds=END_SECONDS)[0]
    end = np.concatenate([sound[int(music_ends * RATE) :], np.zeros((size, 2), dtype=np.float32)])
    levels = np.maximum(_levels(end, seconds=WINDOW_SECONDS), HEARD_DBFS - STEEPEST_FALL_DB - 10)
    falls = (levels[:-2] - levels[2:])[levels[:-2] > HEARD_DBFS]
    return float(last - loudest), float(falls.max(initial=0.0))


def _levels(sound: Sound, *, seconds: float) -> npt.NDArray[np.float64]:
    """Level of each whole window, in dBFS."""
    size = int(seconds * RATE)
    count = len(sound) // size
    power = np.square(sound[: count * size], dtype=np.float64).reshape(count, -1).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-20)))


def _isolated(bent: Sound) -> npt.NDArray[np.bool_]:
    """Where, in groups of four frames, something is much higher than all that is near before and after it."""
    count = len(bent) // POOLED
    high = np.abs(bent[: count * POOLED]).reshape(count, POOLED, -1).max(axis=1)
    near, far = (int(seconds * RATE) // POOLED for seconds in (NEAR_SECONDS, FAR_SECONDS))
    around = ndimage.maximum_filter1d(high, far - near + 1, axis=0, mode="constant")
    away = (near + far) // 2
    silent = np.zeros((away, high.shape[1]), dtype=high.dtype)
    before, after = np.concatenate([silent, around])[:count], np.concatenate([around, silent])[away:]
    return np.asarray((high > ISOLATED * np.maximum(np.maximum(before, after), FAINT)).any(axis=1))


@lru_cache(maxsize=1)
def _high_band() -> Sound:
    taps = signal.firwin(63, HIGH_BAND_HERTZ, fs=RATE, pass_zero=False, window=("kaiser", 8.0))
    return np.asarray(taps, dtype=np.float32)
