"""Styles: what stretches of real music are like and where their bars return, without a note of them.

A style holds, for one stretch of the training corpus, its metre and mode, the class of each trait, and for every bar
whether it copies an earlier bar, keeps an earlier one's rhythm, or is new. A piece without wishes takes one whole, so
that what belongs together in real music (metre, busyness, register, form) comes together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import METRES
from generation.composer.score import Mode, Note, Score
from generation.composer.traits import BLOCK_BARS, NEW, TRAITS, Bars, Edges, bar_plan

LONGEST = 48
"""Bars of a style; a longer piece begins its pattern of returns again."""

SHORTEST = 8
LAST_BARS = 2
"""Bars at the end of a piece that are always new: room for a cadence."""


@dataclass(frozen=True, slots=True)
class Styles:
    """``heads`` (styles, 3 + traits): metre, mode, bars and trait classes; ``bars`` (styles, LONGEST, 2): kind of each
    bar and how many bars back its source lies; ``edges`` between the classes of the traits."""

    heads: NDArray[np.uint8]
    bars: NDArray[np.uint8]
    edges: Edges

    def __len__(self) -> int:
        return len(self.heads)

    def metre(self, style: int) -> tuple[int, int]:
        """(beats, unit) of a style."""
        return METRES[int(self.heads[style, 0])]

    def mode(self, style: int) -> Mode:
        """Mode of a style."""
        return "minor" if self.heads[style, 1] else "major"

    def nearest(self, *, mode: Mode | None, wishes: dict[str, int]) -> list[int]:
        """Styles that come nearest to what is wished: all of those at the smallest distance, at least a tenth."""
        cost = np.zeros(len(self), np.int64)
        if mode:
            cost += 100 * (self.heads[:, 1] != (mode == "minor"))
        for name, wish in wishes.items():
            cost += np.abs(self.heads[:, 3 + TRAITS.index(name)].astype(np.int64) - wish)
        order = np.argsort(cost, kind="stable")
        enough = cost[order[min(len(order) - 1, len(order) // 10)]] if wishes else 0
        limit = max(int(cost.min()), int(enough) if enough < 100 else int(cost.min()))
        found: list[int] = np.flatnonzero(cost <= limit).tolist()
        return found

    def plan(self, style: int, *, bars: int, wishes: dict[str, int]) -> Bars:
        """The plan of a piece of so many bars: first and last bars new, wished traits in place of the style's."""
        length = int(self.heads[style, 2])
        plan = np.zeros((bars, 2 + len(TRAITS)), np.int32)
        plan[:, :2] = self.bars[style, np.arange(bars) % length]
        plan[:, 2:] = self.heads[style, 3:]
        for name, wish in wishes.items():
            plan[:, 2 + TRAITS.index(name)] = wish
        without_source = plan[:, 1] > np.arange(bars)
        without_source[-min(LAST_BARS, bars) :] = True
        plan[without_source, :2] = NEW, 0
        return plan


def styles_of(scores: Iterable[Score], *, edges: Edges) -> Styles:
    """Styles of all stretches of some scores that begin a block; metres without a class are left out."""
    heads, bars = [], []
    for score in scores:
        if score.metre not in METRES:
            continue
        for first in range(0, max(1, score.bars - SHORTEST + 1), BLOCK_BARS):
            part = _stretch(score, first=first)
            if part.bars < SHORTEST or not part.notes:
                continue
            plan = bar_plan(part, edges=edges)
            traits = plan[: min(BLOCK_BARS, part.bars), 2:].max(axis=0)
            heads.append([METRES.index(score.metre), score.mode == "minor", part.bars, *traits])
            padded = np.zeros((LONGEST, 2), np.uint8)
            padded[: part.bars] = plan[:, :2]
            bars.append(padded)
    return Styles(
        np.array(heads, np.uint8).reshape(-1, 3 + len(TRAITS)),
        np.array(bars, np.uint8).reshape(-1, LONGEST, 2),
        edges,
    )


def _stretch(score: Score, *, first: int) -> Score:
    count = min(LONGEST, score.bars - first)
    start = score.pickup + first * score.steps_per_bar
    end = start + count * score.steps_per_bar
    notes = tuple(
        Note(note.onset - start, note.pitch, note.duration, note.part)
        for note in score.notes
        if start <= note.onset < end
    )
    return replace(score, notes=notes, bars=count, pickup=0)
