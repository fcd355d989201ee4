"""Teaching a critic: what tells the hidden states of real music from those of the network's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generation.composer.batches import track_of
from generation.composer.critic import CRITIC_BITS, SEGMENT_BARS, SEGMENTS, Critic, Ear, Heard
from generation.composer.logistic import logistic
from generation.composer.runtime import Core
from generation.composer.score import Score

PENALTY = 0.1
_LEAST_SPREAD = 1e-3
_WIDEST = 4.0
_SIDE_BY_SIDE = 64


def heard_in(core: Core, *, scores: Sequence[Score], edges: Mapping[str, Sequence[float]]) -> list[Heard]:
    """What the network hears in real pieces, told what each is like; in order of falling length."""
    ordered = sorted(scores, key=lambda score: -len(score.notes))
    found: list[Heard] = []
    for first in range(0, len(ordered), _SIDE_BY_SIDE):
        found += _hear(core, scores=ordered[first : first + _SIDE_BY_SIDE], edges=edges)
    return found


def _hear(core: Core, *, scores: Sequence[Score], edges: Mapping[str, Sequence[float]]) -> list[Heard]:
    """Pieces of falling length, side by side."""
    tables = [track_of(score, edges=edges).tables["inputs"] for score in scores]
    segments = [_segment_of_rows(score) for score in scores]
    most = max(1 + int(numbers.max()) for numbers in segments)
    ear = Ear(segments=most, candidates=len(scores), units=core.units)
    states = core.start(len(scores))
    for time in range(len(segments[0])):
        alive = sum(len(numbers) > time for numbers in segments)
        states = states.only(slice(alive))
        rows = np.stack([table[time] for table in tables[:alive]]).astype(np.int32)
        now = np.array([numbers[time] for numbers in segments[:alive]])
        ear.listen(core.step(rows, states=states), candidates=np.arange(alive), segments=now)
    return [without_ending(ear.heard.of(one), score=score) for one, score in enumerate(scores)]


def without_ending(heard: Heard, *, score: Score) -> Heard:
    """What was heard of a piece in its whole segments before the last bar: excerpts have no endings."""
    return heard.first((score.bars - 1) // SEGMENT_BARS)


def _segment_of_rows(score: Score) -> NDArray[np.intp]:
    """The segment of the last note read at each step, as the decoder counts them."""
    onsets = np.array([0, *(note.onset for note in score.notes)])
    found: NDArray[np.intp] = np.maximum(0, onsets - score.pickup) // (score.steps_per_bar * SEGMENT_BARS)
    return found


def taught(critic: Critic, *, real: Sequence[Heard], made: Sequence[Heard]) -> Critic:
    """The critic after hearing real music and candidates that came through its own choice.

    What it learns is added to what it knew, so that it can be taught in rounds: each corrects what the ones before
    left. Raises ``ValueError`` if either side has fewer than two stretches of some length.
    """
    weights, bias = critic.weights.copy(), critic.bias.copy()
    for length in range(1, SEGMENTS + 1):
        sides = [_means(side, segments=length) for side in (real, made)]
        if min(map(len, sides)) < 2:
            raise ValueError(
                f"A critic needs two stretches of {length * SEGMENT_BARS} bars a side; there are "
                f"{len(sides[0])} real and {len(sides[1])} generated ones."
            )
        learned = _regression(*sides)
        weights[length - 1] += learned[:-1]
        bias[length - 1] += learned[-1]
    return Critic(weights, bias)


def _means(side: Sequence[Heard], *, segments: int) -> NDArray[np.float64]:
    """Mean hidden states of every whole stretch of so many segments."""
    rows = [
        Heard(one.sums[first : first + segments], one.counts[first : first + segments])
        for one in side
        for first in range(0, len(one.counts) - segments + 1, segments)
    ]
    return np.array([row.mean() for row in rows if row.counts.sum()])


def _regression(real: NDArray[np.float64], made: NDArray[np.float64]) -> NDArray[np.int32]:
    """Weights and bias on means as they are, in units of 2**-12; learned on standard scores."""
    mean, spread = real.mean(axis=0), real.std(axis=0) + _LEAST_SPREAD
    table = np.clip((np.concatenate([real, made]) - mean) / spread, -_WIDEST, _WIDEST)
    labels = np.array([True] * len(real) + [False] * len(made))
    found = logistic(table, labels=labels, penalty=PENALTY)
    weights = found[:-1] / spread
    whole: NDArray[np.int32] = np.rint(
        np.append(weights, found[-1] - weights @ mean) * 2.0**CRITIC_BITS
    ).astype(np.int32)
    return whole
