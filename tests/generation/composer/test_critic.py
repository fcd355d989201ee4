from __future__ import annotations

import math
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest

from generation.composer.critic import Critic, body, logistic, trained, untrained
from generation.composer.measures import measure
from generation.composer.score import Note, Score
from tests.generation.composer.scores import song, tune

LOOP = Score(
    "piano", tuple(Note(step * 6, 60 + step % 2, 6) for step in range(128)), (4, 4), 16, 120.0, "C", "major"
)


@cache
def real() -> tuple[Score, ...]:
    return tuple(song(seed, form="ABAC") for seed in range(24))


@cache
def made() -> tuple[Score, ...]:
    return tuple(tune(seed, bars=17) for seed in range(24))


@cache
def knowing() -> Critic:
    return untrained(real())


def test_an_untrained_critic_prefers_what_is_typical() -> None:
    critic = knowing()
    usual = [critic.log_odds(measure(score)) for score in real()]
    assert all(odds <= 0 for odds in usual)
    assert critic.log_odds(measure(LOOP)) < min(usual)
    assert critic.log_odds(dict(zip(critic.names, critic.mean, strict=True))) == 0


def test_chances_are_proportional_to_the_odds_of_being_real() -> None:
    critic = Critic(("mean_pitch",), (60.0,), (1.0,), weights=(1.0, 0.0), bias=0.0)
    pieces = [{"mean_pitch": 60.0 + shift} for shift in (0.0, 1.0, 2.0, -1.0)]
    chances = critic.chances(pieces)
    assert chances[2] == 1_000_001
    for shift, chance in zip((0, 1, 2, -1), chances, strict=True):
        assert chance == pytest.approx(1_000_000 * math.exp(shift - 2), rel=1e-4)


def test_even_a_hopeless_candidate_keeps_a_chance() -> None:
    critic = Critic(("mean_pitch",), (60.0,), (1.0,))
    assert critic.chances([{"mean_pitch": 60.0}, {"mean_pitch": 99.0}])[1] >= 1


def test_one_odd_measure_and_very_sure_odds_do_not_count_without_limit() -> None:
    critic = Critic(("mean_pitch", "empty_beats"), (60.0, 0.0), (1.0, 1.0))
    assert critic.scores({"mean_pitch": 600.0}) == [4.0, 0.0]
    sure = replace(critic, weights=(9.0, 0.0, 0.0, 0.0))
    assert sure.log_odds({"mean_pitch": 64.0, "empty_beats": 0.0}) == 6.0
    assert sure.log_odds({"mean_pitch": 56.0, "empty_beats": 0.0}) == -6.0


def test_a_trained_critic_tells_two_kinds_of_music_apart_that_it_has_not_heard() -> None:
    critic = trained(knowing(), real=real()[:16], made=made()[:16])
    others = [critic.log_odds(measure(score)) for score in real()[16:]]
    drawn = [critic.log_odds(measure(body(score))) for score in made()[16:]]
    assert min(others) > 0 > max(drawn)
    assert len(critic.weights) == 2 * len(critic.names)


def test_a_critic_comes_back_from_its_card() -> None:
    critic = trained(knowing(), real=real()[:8], made=made()[:8])
    assert Critic.of(asdict(critic)) == critic
    assert Critic.of(asdict(knowing())) == knowing()


def test_pieces_are_as_far_apart_as_their_measures() -> None:
    critic = Critic(("mean_pitch", "empty_beats"), (0.0, 0.0), (1.0, 1.0))
    one, other = {"mean_pitch": 1.0, "empty_beats": 0.0}, {"mean_pitch": 3.0, "empty_beats": 2.0}
    assert critic.distance(one, other) == 4.0
    assert critic.distance(one, one) == 0.0


def test_too_few_excerpts_are_refused() -> None:
    with pytest.raises(ValueError, match="1 excerpt"):
        untrained(real()[:1])


def test_what_is_judged_leaves_the_last_chord_out() -> None:
    score = tune(1, bars=12)
    judged = body(score)
    assert judged.bars == 11
    assert judged.notes == tuple(note for note in score.notes if note.onset < 11 * 48)
    assert body(tune(1, bars=40)).bars == 16


def test_a_logistic_regression_finds_the_line_between_two_clouds() -> None:
    rng = np.random.default_rng(1)
    table = np.concatenate([rng.normal(1, 1, (400, 2)), rng.normal(-1, 1, (100, 2))])
    labels = np.array([1.0] * 400 + [0.0] * 100)
    weights, bias = logistic(table, labels=labels, penalty=1.0)
    assert weights == pytest.approx([2.0, 2.0], rel=0.35)
    assert bias == pytest.approx(0.0, abs=0.35)
