"""Musical time: from grid steps to seconds of audio, with rubato and a ritardando that ends on time."""

from __future__ import annotations

import math

from generation.audio.phrases import Phrases
from generation.composer.score import Score

LEAD_SECONDS = 0.1
"""Silence before the first note of every rendering."""

RITARDANDO_SECONDS = 0.4
RITARDANDO_SHARE = 0.16
"""Of the last bar: how much longer it takes at most."""

HURRY_BARS = 8
HURRY_SHARE = 0.04
"""How much faster the bars before the last may be, to win the time that the last one loses."""

RUBATO_SHARE = 0.015


class Clock:
    """Seconds of audio for a grid step.

    Each phrase hurries a little towards its middle and comes back. The last bar slows down by ``ritardando``
    seconds; the bars before it are imperceptibly faster by the same total, so the piece ends exactly when it is
    notated to end. Onsets never go backwards.

    The sound begins with step ``begins``, by default that of the first note: nobody waits for a rest. The rest of the
    piece is then slower by as much, evenly.
    """

    def __init__(
        self,
        *,
        score: Score,
        phrases: Phrases,
        rubato: float,
        ritardando: float = RITARDANDO_SECONDS,
        begins: int | None = None,
    ) -> None:
        self._score = score
        self._phrases = phrases
        first = min((note.onset for note in score.notes), default=0)
        self._begins = min(first, score.steps - 1) if begins is None else begins
        self._seconds_a_step = score.seconds / (score.steps - self._begins)
        bar = score.steps_per_bar
        bar_seconds = score.seconds_at(bar)
        self._slowing = max(0, score.steps - bar)
        self._hurrying = max(0, self._slowing - HURRY_BARS * bar)
        hurried = score.seconds_at(self._slowing - self._hurrying)
        self._ritardando = min(ritardando, RITARDANDO_SHARE * bar_seconds, HURRY_SHARE * hurried)
        self._rubato = min(rubato, RUBATO_SHARE * bar_seconds)

    def at(self, step: int) -> float:
        """Seconds from the start of the audio; beyond the last bar line the piece goes on in tempo."""
        step = max(step, self._begins)
        seconds = LEAD_SECONDS + (step - self._begins) * self._seconds_a_step
        if step >= self._slowing:
            late = min(1.0, (step - self._slowing) / self._score.steps_per_bar)
            return seconds - self._ritardando * (1 - late**2)
        start, end = self._phrases.span(step)
        through = max(0.0, (step - start) / max(1, min(end, self._slowing) - start))
        seconds -= self._rubato * (1 - math.cos(2 * math.pi * through)) / 2
        if step > self._hurrying:
            part = (step - self._hurrying) / (self._slowing - self._hurrying)
            seconds -= self._ritardando * part**2 * (3 - 2 * part)
        return seconds
