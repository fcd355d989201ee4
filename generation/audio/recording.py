"""A finished recording in one go, bit for bit the master that ``render`` makes step by step beside a preview."""

from __future__ import annotations

from pathlib import Path

from generation.audio.marks import Mark
from generation.audio.master import Sound, ended, in_room, master
from generation.audio.performance import Performance
from generation.audio.synthesis import RATE, played
from generation.composer.score import Score


def recorded(performance: Performance, *, score: Score, mark: Mark, cache_dir: Path) -> Sound:
    """Return a performance of ``score`` in its room, with ``mark`` in it, mastered; float32 of shape (frames, 2).

    Raises what ``played`` and ``master`` raise.
    """
    dry = played(performance=performance, score=score, cache_dir=cache_dir)
    placed = mark(in_room(sound=dry, rate=RATE, voice=performance.voice))
    return master(sound=ended(sound=placed, rate=RATE, music_seconds=performance.seconds), rate=RATE).sound
