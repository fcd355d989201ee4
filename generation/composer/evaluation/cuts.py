"""Cutting real and generated pieces into the same windows, so that like is compared with like.

A whole generated piece differs from a passage of a real one in ways that say nothing about the music: it
begins, it ends with a held chord, it is as long as ordered. So both sides are cut by one rule: a piece (of the
corpus: a section of one key and metre) gives the ``WINDOW_BARS`` bars it opens with, and as many from one
later place that is a whole number of phrases in; never its last ``ENDING_BARS`` bars. Endings are measured by
themselves (:mod:`.promises`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from generation.composer.arranging import arranged
from generation.composer.corpus import Piece
from generation.composer.score import Note, Score

WINDOW_BARS = 12
"""Long enough for bars to return after eight, short enough for the corpus's short pieces."""

ENDING_BARS = 2
PHRASE_BARS = 4

FROM_ONE_WORK = 4
"""Windows that one work (an opus, a cycle) may give: none of them stands for the whole instrument."""

FEWEST_WORKS = 15
"""Held-out works from which on they alone are the real side."""

_FEWEST_NOTES = WINDOW_BARS


@dataclass(frozen=True, slots=True)
class Window:
    """An excerpt, the work (or generated piece) it is from, and whether it is an opening."""

    score: Score
    group: str
    opening: bool


@dataclass(frozen=True, slots=True)
class RealSide:
    """Real windows, and where they are from: ``held out`` works, or ``all works`` if those are too few."""

    windows: tuple[Window, ...]
    source: str

    @property
    def works(self) -> int:
        """Number of different works."""
        return len({window.group for window in self.windows})


def cut(score: Score, *, start: int, bars: int = WINDOW_BARS) -> Score:
    """Bars ``start`` … ``start + bars`` (counted after a pick-up) as a score of their own."""
    first = score.pickup + start * score.steps_per_bar
    last = first + bars * score.steps_per_bar
    notes = tuple(
        Note(note.onset - first, note.pitch, note.duration, note.part)
        for note in score.notes
        if first <= note.onset < last
    )
    return Score(score.instrument, notes, score.metre, bars, score.bpm, score.tonic, score.mode)


def windows_of(score: Score, *, group: str, rng: np.random.Generator) -> list[Window]:
    """The opening and one later window of a piece; fewer if it is short or almost empty there."""
    room = score.bars - ENDING_BARS - WINDOW_BARS
    if room < 0:
        return []
    starts = [0]
    if room >= PHRASE_BARS:
        starts.append(PHRASE_BARS * int(rng.integers(1, room // PHRASE_BARS + 1)))
    found = [Window(cut(score, start=start), group, start == 0) for start in starts]
    return [window for window in found if len(window.score.notes) >= _FEWEST_NOTES]


def real_side(pieces: Sequence[Piece], *, instrument: str) -> RealSide:
    """Windows of the held-out works of a corpus, or of all its works where fewer than ``FEWEST_WORKS`` can be cut.

    An ``instrument`` without a corpus of its own has them arranged (:mod:`generation.composer.arranging`).
    """
    held = _from_corpus((piece for piece in pieces if piece.entry.held_out), instrument)
    side = RealSide(held, "held out")
    return side if side.works >= FEWEST_WORKS else everywhere(pieces, instrument=instrument)


def everywhere(pieces: Sequence[Piece], *, instrument: str) -> RealSide:
    """Windows of all works of a corpus: more of them, but the network has learned from most."""
    return RealSide(_from_corpus(pieces, instrument), "all works")


def made_windows(scores: Sequence[Score]) -> tuple[Window, ...]:
    """Windows of generated pieces, each a group of its own."""
    rng = np.random.default_rng(0)
    return tuple(
        window
        for index, score in enumerate(scores)
        for window in windows_of(score, group=f"piece {index}", rng=rng)
    )


def balanced(real: Sequence[Window], made: Sequence[Window]) -> tuple[list[Window], list[Window]]:
    """Equally many openings, and equally many later windows, from each side."""
    rng = np.random.default_rng(0)
    sides: tuple[list[Window], list[Window]] = ([], [])
    for opening in (True, False):
        pools = [[window for window in side if window.opening == opening] for side in (real, made)]
        count = min(map(len, pools))
        for side, pool in zip(sides, pools, strict=True):
            side.extend(pool[index] for index in sorted(rng.permutation(len(pool))[:count].tolist()))
    return sides


def _from_corpus(pieces: Iterable[Piece], instrument: str) -> tuple[Window, ...]:
    rng = np.random.default_rng(0)
    by_work: dict[str, list[Window]] = defaultdict(list)
    for piece in pieces:
        for section in piece.sections:
            score = arranged(section, instrument=instrument)
            by_work[piece.entry.work] += windows_of(score, group=piece.entry.work, rng=rng)
    return tuple(
        windows[index]
        for _, windows in sorted(by_work.items())
        for index in sorted(rng.permutation(len(windows))[:FROM_ONE_WORK].tolist())
    )
