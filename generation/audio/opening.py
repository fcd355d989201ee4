"""Where the opening ends that a listener hears while the rest of a piece is still in work."""

from __future__ import annotations

from collections.abc import Iterable

from generation.audio.clock import LEAD_SECONDS, Clock
from generation.audio.phrases import phrases_of
from generation.audio.synthesis import RATE
from generation.composer.score import Score

SHORTEST_SECONDS = 8.0
LONGEST_PHRASE_SECONDS = 10.5
"""A phrase that ends later is not waited for: the end of a bar comes sooner."""

LONGEST_SECONDS = 12.0
SHORTEST_PIECE_SECONDS = 20.0
"""A shorter piece is ready almost as soon as its opening would be."""


def opening_frames(score: Score) -> int | None:
    """Frames of audio in the opening of ``score``, 8 to 12 s: to the end of a phrase or a bar where one ends then.

    None for a piece too short to need an opening.
    """
    if score.seconds < SHORTEST_PIECE_SECONDS:
        return None
    bars = range(score.pickup, score.steps, score.steps_per_bar)
    phrases = phrases_of(score)
    clock = Clock(score=score, phrases=phrases, rubato=0.0, ritardando=0.0)
    ends = (
        _first_between(phrases.starts, clock=clock, latest=LONGEST_PHRASE_SECONDS),
        _first_between(bars, clock=clock, latest=LONGEST_SECONDS),
    )
    end = next((end for end in ends if end is not None), SHORTEST_SECONDS)
    return int((LEAD_SECONDS + end) * RATE)


def _first_between(steps: Iterable[int], *, clock: Clock, latest: float) -> float | None:
    """The first of ``steps`` that comes in time, in seconds after the first note."""
    seconds = (clock.at(step) - LEAD_SECONDS for step in steps)
    return next((second for second in seconds if SHORTEST_SECONDS <= second <= latest), None)
