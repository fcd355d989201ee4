from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.composer.critic import (
    CRITIC_BITS,
    MOMENTS,
    SEGMENTS,
    Critic,
    Ear,
    Heard,
    distance,
    drawn_anew,
)
from generation.composer.logistic import logistic
from generation.composer.sampling import Stream
from generation.composer.teaching import heard_in, taught
from tests.generation.composer.models import random_core
from tests.generation.composer.scores import PLAIN, tune

UNITS = 3
WIDTH = MOMENTS * UNITS
ONE = 1 << CRITIC_BITS


def heard(*means: float, notes: int = 4) -> Heard:
    """One piece whose first unit has these means, segment by segment."""
    sums = np.zeros((len(means), WIDTH), np.int64)
    sums[:, 0] = [round(mean * 256) * notes for mean in means]
    return Heard(sums, np.full(len(means), notes, np.int64))


def listening_to_the_first_unit(weight: int = ONE) -> Critic:
    weights = np.zeros((SEGMENTS, WIDTH), np.int32)
    weights[:, 0] = weight
    return Critic(weights, np.zeros(SEGMENTS, np.int32))


def test_odds_follow_the_mean_of_what_was_heard_block_by_block() -> None:
    critic = listening_to_the_first_unit()
    assert critic.log_odds(heard(0.5, 1.5)) == 1.0
    assert critic.log_odds(heard(*[1.0] * SEGMENTS, 0.25)) == 1.25
    assert critic.log_odds(heard(0.5, notes=400)) == critic.log_odds(heard(0.5, notes=1))


def test_very_sure_odds_do_not_count_without_limit() -> None:
    critic = listening_to_the_first_unit(weight=100 * ONE)
    assert critic.log_odds(heard(1.0)) == 8.0
    assert critic.log_odds(heard(-1.0, -1.0)) == -8.0


def test_to_a_deaf_critic_all_music_is_alike() -> None:
    critic = Critic.deaf(UNITS)
    assert critic.log_odds(heard(0.3)) == critic.log_odds(heard(-2.0, 7.0)) == 0.0


@given(
    odds=st.lists(st.floats(-20, 20), min_size=1, max_size=16),
    seed=st.integers(0, 1000),
)
def test_each_candidate_goes_on_about_as_often_as_its_odds_say(odds: list[float], seed: int) -> None:
    chosen = drawn_anew(np.array(odds), stream=Stream(seed))
    shares = [math.exp(one - max(odds)) for one in odds]
    for candidate, share in enumerate(shares):
        expected = share / sum(shares) * len(odds)
        assert math.floor(expected - 0.01) <= chosen.count(candidate) <= math.ceil(expected + 0.01)
    assert all(chosen[one] == one for one in chosen)


def test_equal_odds_change_nothing() -> None:
    assert drawn_anew(np.zeros(8), stream=Stream(1)) == list(range(8))


def test_a_regression_finds_the_line_between_two_clouds() -> None:
    rng = np.random.default_rng(1)
    table = np.concatenate([rng.normal(1, 1, (400, 2)), rng.normal(-1, 1, (100, 2))])
    found = logistic(table, labels=np.array([True] * 400 + [False] * 100), penalty=1e-3)
    assert found == pytest.approx([2.0, 2.0, 0.0], abs=0.7)


def two_kinds() -> tuple[list[Heard], list[Heard]]:
    """Pieces in which one unit is a little higher on the real side, and all others are noise."""
    rng = np.random.default_rng(3)
    sides: list[list[Heard]] = []
    for higher in (60, 0):
        sums = rng.normal(0, 100, (40, SEGMENTS, WIDTH))
        sums[:, :, 1] += higher
        counts = rng.integers(5, 30, (40, SEGMENTS))
        whole = np.rint(sums * counts[:, :, None]).astype(np.int64)
        sides.append([Heard(one, count) for one, count in zip(whole, counts, strict=True)])
    return sides[0], sides[1]


def test_a_taught_critic_tells_music_apart_that_it_has_not_heard_the_better_the_longer_it_is() -> None:
    real, made = two_kinds()
    critic = taught(Critic.deaf(UNITS), real=real[:20], made=made[:20])
    shares = [
        np.mean(
            [
                (critic.log_odds(one.first(length)) > 0) == (side is real)
                for side in (real, made)
                for one in side[20:]
            ]
        )
        for length in (1, SEGMENTS)
    ]
    assert shares[0] > 0.55
    assert shares[1] > max(0.65, shares[0])


def test_a_second_lesson_adds_to_the_first() -> None:
    real, made = two_kinds()
    once = taught(Critic.deaf(UNITS), real=real, made=made)
    twice = taught(once, real=real, made=made)
    assert (twice.weights == 2 * once.weights).all()


def test_a_piece_is_heard_segment_by_segment_without_its_end() -> None:
    core = random_core(1)
    score = tune(3, bars=11)
    (found,) = heard_in(core, scores=[score], edges=PLAIN)
    assert found.counts.tolist() == [
        1 + sum(note.onset < 4 * 48 for note in score.notes),
        sum(4 * 48 <= note.onset < 8 * 48 for note in score.notes),
    ]
    several = heard_in(core, scores=[tune(4, bars=24), score], edges=PLAIN)
    assert (several[1].sums == found.sums).all()


def test_the_ear_hears_states_and_how_much_they_change() -> None:
    ear = Ear(segments=2, candidates=2, units=1)
    everyone = np.arange(2)
    for segment, states in ((0, (3, -4)), (0, (-1, -4)), (1, (5, 0))):
        ear.listen(np.array(states, np.int16)[:, None], candidates=everyone, segments=segment)
    assert ear.heard.sums[:, 0].tolist() == [[2, 3 + 4, 3 + 1], [5, 6, 2]]
    assert ear.heard.of(1).sums.tolist() == [[-8, 4, 4 + 4], [0, 4, 4]]
    assert ear.heard.counts.tolist() == [[2, 2], [1, 1]]
    ear.go_on_with(np.array([1, 1]))
    ear.listen(np.array([[1], [1]], np.int16), candidates=everyone, segments=1)
    assert ear.heard.sums[1].tolist() == [[1, 4 + 1, 4 + 5]] * 2


def test_too_few_stretches_are_refused() -> None:
    with pytest.raises(ValueError, match="two stretches of 4 bars a side; there are 1 real and 2"):
        taught(Critic.deaf(UNITS), real=[heard(0.1)], made=[heard(0.2), heard(0.3)])


def test_pieces_are_as_far_apart_as_what_was_heard() -> None:
    assert distance(heard(1.0), heard(3.0)) == 4.0
    assert distance(heard(1.0), heard(1.0)) == 0.0
