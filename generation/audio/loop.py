"""A piece as a loop: its end goes over into its beginning as if it had been played for ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from generation.audio import memory
from generation.audio.levels import decibels, loudness, true_peaks
from generation.audio.marks import Mark
from generation.audio.master import CEILING_DBTP, PEAK_HEADROOM, TARGET_LUFS, Master, Sound, in_room, master
from generation.audio.performance import LEAD_SECONDS, perform
from generation.audio.synthesis import RATE, played
from generation.composer.score import Score

BEFORE_SECONDS, AFTER_SECONDS = 2.0, 0.25
"""Of the loop itself, heard before and after it while it is mastered: more than the room and the limiter remember."""

LOUDNESS_TOLERANCE = 0.1

MARK_RAMP_FRAMES = 2048
PEAK_CONTEXT_FRAMES = 64
MARGIN_DB = 0.05
"""Kept free below the ceiling, for true-peak meters of another make."""


def make_loop(*, score: Score, seed: int, cache_dir: Path, mark: Mark | None = None) -> Master:
    """Return the piece without its last ritardando, as long to the frame as its bars, to be repeated without a gap.

    What rings beyond the last bar line, and what is struck a little before the first, sounds at the other end of
    it. The loudness is that of any master, the true peak is measured across the seam, which ``mark`` leaves alone.
    Equal arguments give equal bits. Raises what ``perform``, ``played`` and ``master`` raise.
    """
    performance = perform(score=score, seed=seed, ritardando=0.0, begins=0)

    def placed() -> Sound:
        """One round of the loop in its room, in which the rounds before still sound."""
        dry = played(performance=performance, score=score, cache_dir=cache_dir)
        once = _wrapped(dry, first=round(LEAD_SECONDS * RATE), frames=round(score.seconds * RATE))
        del dry
        once = in_room(sound=once, rate=RATE, voice=performance.voice)
        return _wrapped(once, first=0, frames=round(score.seconds * RATE))

    found = _mastered(placed(), before=round(BEFORE_SECONDS * RATE), mark=mark)
    if abs(found.loudness_lufs - TARGET_LUFS) > LOUDNESS_TOLERANCE:
        # Its end is much louder than the rest and the limiter has no room left: the whole loop has to be heard twice.
        # It is played anew, since it is rarely needed and large.
        once = placed()
        found = _mastered(once, before=len(once), mark=mark)
    return found


def _mastered(once: Sound, *, before: int, mark: Mark | None) -> Master:
    """Master a loop with ``before`` frames of its end in front of it and some of its beginning behind."""
    before, frames = min(before, len(once)), len(once)
    around = np.concatenate([once[-before:], once, once[: round(AFTER_SECONDS * RATE)]])
    del once
    memory.give_back()
    loop = master(sound=around, rate=RATE).sound[before : before + frames]
    del around
    if mark:
        loop = _marked(loop, mark=mark)
    return _levelled(loop)


def _marked(loop: Sound, *, mark: Mark) -> Sound:
    """Mark a loop all but its ends: there a mark would be cut off in the middle."""
    frames = min(MARK_RAMP_FRAMES, len(loop) // 2)
    ramp = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    marked = mark(loop)
    for here, share in ((slice(0, frames), ramp), (slice(len(loop) - frames, len(loop)), ramp[::-1])):
        marked[here] = loop[here] + (marked[here] - loop[here]) * share
    return marked


def _wrapped(sound: Sound, *, first: int, frames: int) -> Sound:
    """Fold ``sound`` into ``frames`` frames, of which number 0 is its frame ``first``."""
    result = np.zeros((frames, sound.shape[1]), dtype=np.float32)
    for start in range(first - frames, len(sound), frames):
        piece = sound[max(0, start) : max(0, start + frames)]
        offset = max(0, -start)
        result[offset : offset + len(piece)] += piece
    return result


def _levelled(sound: Sound) -> Master:
    """Bring a loop to its loudness: it was mastered together with more of itself, which can be louder or softer."""
    measured = loudness(sound=sound, rate=RATE)
    edge = PEAK_CONTEXT_FRAMES
    seam = np.concatenate([sound[-2 * edge :], sound[: 2 * edge]])
    highest = max(float(sound.max()), -float(sound.min()))
    inside = true_peaks(sound=sound, above=PEAK_HEADROOM * highest)[edge:-edge].max()
    peak = decibels(float(max(inside, true_peaks(sound=seam)[edge:-edge].max())))
    gain = min(TARGET_LUFS - measured, CEILING_DBTP - MARGIN_DB - peak)
    sound *= np.float32(10 ** (gain / 20))
    return Master(sound=sound, loudness_lufs=measured + gain, true_peak_dbtp=peak + gain)
