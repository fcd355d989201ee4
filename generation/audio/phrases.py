"""Where a piece breathes and which notes it stresses, found in the score itself."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from generation.composer.score import PHRASE_BARS, STEPS_PER_QUARTER, Score

CLIMAX = 0.62
"""Share of the piece before its loudest phrase."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of a piece: phrase ``i`` lasts from grid step ``starts[i]`` to ``starts[i + 1]``, the last to ``end``."""

    starts: tuple[int, ...]
    end: int

    def span(self, step: int) -> tuple[int, int]:
        """First step of the phrase that holds ``step``, and the step after its last."""
        index = max(0, bisect_right(self.starts, step) - 1)
        return self.starts[index], (*self.starts, self.end)[index + 1]

    def through(self, step: int) -> float:
        """How much of its phrase lies before ``step``, 0 to 1."""
        start, end = self.span(step)
        return min(1.0, max(0.0, (step - start) / max(1, end - start)))

    def arc(self, step: int) -> float:
        """Loudness of a place, about -1 to 1: the swell of its phrase within the long line of the piece."""
        swell = math.sin(math.pi * self.through(step) ** 1.2) - 0.5
        start, end = self.span(step)
        place = (start + end) / 2 / max(1, self.end)
        line = 1 - abs(place - CLIMAX) / CLIMAX
        closing = 0.25 if end == self.end and len(self.starts) > 2 else 0.0
        return swell + 0.5 * line - 0.25 - closing


def phrases_of(score: Score) -> Phrases:
    """Phrases of four bars, each moved to the breathing point nearby: after a long note or a rest of the melody.

    What is left over at the end belongs to the last phrase, unless it is half a phrase or more.
    """
    bar = score.steps_per_bar
    onsets = sorted({note.onset for note in score.notes})
    ends = {onset: onset for onset in onsets}
    for note in score.notes:
        ends[note.onset] = max(ends[note.onset], note.onset + note.duration)
    starts = [0]
    for number in range(PHRASE_BARS, score.bars - PHRASE_BARS // 2 + 1, PHRASE_BARS):
        line = score.pickup + number * bar
        starts.append(_breathing_point(line, within=bar, onsets=onsets, ends=ends))
    return Phrases(starts=tuple(sorted(set(starts))), end=score.steps)


def _breathing_point(line: int, *, within: int, onsets: Sequence[int], ends: dict[int, int]) -> int:
    """Onset near a bar line that follows the longest wait; a silence counts twice, distance against it."""
    best, most = line, 0.0
    for before, onset in pairwise(onsets):
        if line - within < onset <= line + within // 2:
            silence = max(0, onset - ends[before])
            worth = (onset - before) + silence - 0.5 * abs(onset - line)
            if worth > most:
                best, most = onset, worth
    return best


def pulse(score: Score) -> int:
    """Grid steps of the beat that is felt: three eighths together, or two, where eighths are counted."""
    beats, unit = score.metre
    together = 1 if unit != 8 else 3 if beats % 3 == 0 else 2
    return together * STEPS_PER_QUARTER * 4 // unit


def stress(*, score: Score, onset: int) -> float:
    """Stress of a place in the bar: 1 on its first beat, 0.5 on other strong ones, 0 on weak ones, -0.5 between."""
    beats, unit = score.metre
    beat = STEPS_PER_QUARTER * 4 // unit
    place = (onset - score.pickup) % score.steps_per_bar
    if place == 0:
        return 1.0
    compound = unit >= 8 and beats % 3 == 0 and beats > 3
    pulse = 3 * beat if compound else beat
    if place % pulse:
        return -0.5
    number, count = place // pulse, score.steps_per_bar // pulse
    strong = {4: (2,), 5: (3,), 6: (3,), 7: (3, 5)}.get(count, (1,) if compound else ())
    return 0.5 if number in strong else 0.0


def peaks(score: Score) -> dict[int, float]:
    """Height of the melody (the top notes) at each onset, -1 to 1: above its surroundings is positive."""
    top: dict[int, int] = {}
    for note in score.notes:
        top[note.onset] = max(top.get(note.onset, 0), note.pitch)
    onsets = sorted(top)
    line = [top[onset] for onset in onsets]
    heights = {}
    for index, onset in enumerate(onsets):
        around = line[max(0, index - 4) : index + 5]
        heights[onset] = max(-1.0, min(1.0, (line[index] - sum(around) / len(around)) / 6))
    return heights
