"""Comparing sets of music: what is cut, what is measured, and that likeness is told from unlikeness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from generation.composer.compose import Order
from generation.composer.corpus import Entry, Piece
from generation.composer.evaluation import pieces
from generation.composer.evaluation.areas import FEATURES, features, overlap, overlapping_areas
from generation.composer.evaluation.calibration import halves, shuffled_pitches
from generation.composer.evaluation.classifier import auc, classifier_auc, classify
from generation.composer.evaluation.cuts import (
    FROM_ONE_WORK,
    WINDOW_BARS,
    Window,
    balanced,
    cut,
    made_windows,
    real_side,
    windows_of,
)
from generation.composer.evaluation.descriptors import describe
from generation.composer.evaluation.own_runs import own_runs
from generation.composer.evaluation.pieces import Made, Studio
from generation.composer.evaluation.shop import SEEDS_APART, as_sold
from generation.composer.logistic import logistic
from generation.composer.model import load_model
from generation.composer.score import Note, Score
from generation.originality.index import MemoryIndex
from generation.originality.report import check
from generation.originality.runs import lines_on_record
from tests.generation.composer.scores import tune

LOOP = Score(
    "piano", tuple(Note(step * 6, 60 + step % 2, 6) for step in range(96)), (4, 4), 12, 120.0, "C", "major"
)


def openings(*seeds: int) -> list[Window]:
    return [Window(cut(tune(seed, bars=16), start=0), f"work {seed}", opening=True) for seed in seeds]


def piece(work: str, *scores: Score) -> Piece:
    entry = Entry("a.mid", "piano", "", "", "CC0-1.0", f"Tests: made/{work}/tune.mid", "")
    return Piece(entry, scores)


# cutting


def test_both_sides_are_cut_alike_and_never_to_the_ending() -> None:
    score = tune(1, bars=30)
    opening, later = windows_of(score, group="a", rng=np.random.default_rng(1))
    assert (opening.opening, later.opening) == (True, False)
    assert opening.score.bars == later.score.bars == WINDOW_BARS == 12
    starts = [start for start in (4, 8, 12, 16) if cut(score, start=start) == later.score]
    assert len(starts) == 1
    assert windows_of(tune(1, bars=13), group="a", rng=np.random.default_rng(1)) == []


def test_bars_are_counted_after_a_pickup() -> None:
    notes = (Note(0, 60, 12), Note(12, 62, 48), Note(60, 64, 48), Note(108, 65, 48))
    score = Score("piano", notes, (4, 4), 3, 120.0, "C", "major", pickup=12)
    assert cut(score, start=1, bars=1).notes == (Note(0, 64, 48),)


def test_no_work_stands_for_the_whole_instrument() -> None:
    large = piece("large", *(tune(seed, bars=20) for seed in range(10)))
    small = [piece(f"small {seed}", tune(seed + 10, bars=20)) for seed in range(4)]
    side = real_side([large, *small], instrument="piano")
    counts = [sum(window.group == piece.entry.work for window in side.windows) for piece in (large, *small)]
    assert counts == [FROM_ONE_WORK, 2, 2, 2, 2]
    assert side.source == "all works"


def test_sides_are_equally_large_by_place() -> None:
    real, made = made_windows([tune(seed, bars=30) for seed in range(6)]), openings(7, 8, 9)
    ours, theirs = balanced(real, made)
    assert len(ours) == len(theirs) == 3
    assert all(window.opening for window in ours)


# overlapping areas


def test_overlap_is_one_for_equal_samples_and_nothing_for_distant_ones() -> None:
    sample = np.random.default_rng(0).normal(size=2000)
    assert overlap(sample, sample) == pytest.approx(1)
    assert overlap(sample, sample + 100) == pytest.approx(0, abs=1e-6)
    # Two normal densities one standard deviation apart share 2·Φ(-1/2) = 0.617; smoothing widens both a little.
    assert overlap(sample, sample + 1) == pytest.approx(0.617, abs=0.03)


def test_features_of_a_known_bar() -> None:
    score = Score(
        "piano",
        (Note(0, 67, 12), Note(12, 71, 12), Note(24, 74, 24)),
        (4, 4), 1, 120.0, "G", "major",
    )  # fmt: skip
    found = features(score)
    assert [found[name].item() for name in FEATURES[:5]] == [3, 7, 3.5, 1, 0.75]
    assert found["pitch_class_histogram"].nonzero()[0].tolist() == [0, 4, 7]
    assert found["pitch_class_transitions"].nonzero()[0].tolist() == [0 * 12 + 4, 4 * 12 + 7]
    assert found["length_histogram"][[7, 9]] == pytest.approx([2 / 3, 1 / 3])


def test_a_set_is_like_itself_and_unlike_a_loop() -> None:
    alike = overlapping_areas(openings(*range(0, 40, 2)), openings(*range(1, 40, 2)))
    loops = [Window(LOOP, f"loop {index}", opening=True) for index in range(12)]
    unlike = overlapping_areas(openings(*range(20)), loops)
    assert alike["mean"] > 0.85
    assert unlike["mean"] < 0.5
    assert set(alike) == {"mean", *FEATURES}


# the classifier


def test_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    labels = np.array([False, False, True, True])
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), labels=labels) == 0.75
    assert auc(np.array([0.5, 0.5, 0.5, 0.5]), labels=labels) == 0.5
    weights = np.array([1.0, 0.0, 1.0, 1.0])
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), labels=labels, weights=weights) == 1


def test_the_regression_is_at_its_minimum() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(80, 3))
    labels = table[:, 0] + rng.normal(size=80) > 0.3
    weights = logistic(table, labels=labels, penalty=0.1)
    rows = np.column_stack([table, np.ones(80)])
    balance = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    slope = rows.T @ (balance * (1 / (1 + np.exp(-rows @ weights)) - labels))
    assert slope + 0.1 * np.append(weights[:3], 0) == pytest.approx([0, 0, 0, 0], abs=1e-6)
    assert weights[0] > 5 * abs(weights[1])


def test_halves_are_not_told_apart_but_shuffled_pitches_are() -> None:
    steps = [_scalewise(seed) for seed in range(40)]
    one, other = halves(steps, seed=0)
    assert not {window.group for window in one} & {window.group for window in other}
    assert 0.2 < classifier_auc(one, other) < 0.8
    shuffled = shuffled_pitches(other)
    assert classifier_auc(one, shuffled) > 0.95
    assert sorted(note.pitch for note in shuffled[0].score.notes) == sorted(
        note.pitch for note in other[0].score.notes
    )


def test_the_verdict_names_what_gives_music_away() -> None:
    loops = [replace(_scalewise(seed, size=7), group=f"leaps {seed}") for seed in range(12)]
    verdict = classify([_scalewise(seed) for seed in range(12)], loops)
    assert verdict.auc > 0.95
    assert verdict.interval[0] > 0.9
    effects = {row["name"]: row["effect"] for row in verdict.telling}
    assert effects["intervals.fourths_and_fifths"] > 5
    assert effects["lengths.quarters"] == 0
    assert [abs(effect) for effect in effects.values()] == sorted(map(abs, effects.values()), reverse=True)
    assert verdict.families["lengths"] == 0.5 < 0.95 < verdict.families["intervals"]


def _scalewise(seed: int, *, size: int = 2) -> Window:
    """Twelve bars of quarters that wander by ``size`` semitones."""
    rng = np.random.default_rng(seed)
    pitches = 66 + np.cumsum(rng.choice((-size, size), 48))
    notes = tuple(
        Note(12 * index, 48 + (pitch - 48) % 36, 12) for index, pitch in enumerate(pitches.tolist())
    )
    return Window(Score("piano", notes, (4, 4), 12, 120.0, "C", "major"), f"work {seed}", opening=True)


def test_descriptors_of_a_known_piece() -> None:
    # C major chord held under c'' d'' e'' c'': a step up twice, then a third down.
    chord = [Note(0, 48, 48), Note(0, 52, 48), Note(0, 55, 48)]
    line = [Note(0, 72, 12), Note(12, 74, 12), Note(24, 76, 6), Note(36, 72, 12)]
    found = describe(Score("piano", tuple(sorted([*chord, *line])), (4, 4), 1, 120.0, "C", "major"))
    assert found["intervals.up_among_steps"] == 1
    assert found["intervals.thirds"] == pytest.approx(1 / 3)
    assert found["contour.turns"] == 0.5
    assert found["contour.longest_one_way"] == 2
    assert found["contour.bar_span"] == 4
    assert found["lengths.quarters"] == pytest.approx(3 / 7)
    assert found["places.line_detached"] == pytest.approx(1 / 3)
    assert found["places.downbeats_struck"] == 1
    assert found["degrees.on_tonic"] == pytest.approx(3 / 7)
    assert found["degrees.outside_key"] == 0
    assert found["chords.voices_sounding"] == 4
    # Full sonorities: CEGC, CEGD, CEGE, CEGC; only the second is no triad.
    assert found["chords.triads_among_full"] == 0.75
    assert found["chords.rough_downbeats"] == 0
    assert found["chords.tonic_under_downbeats"] == 1
    # Pairs: 3 chord pairs at each of 4 onsets, and 3 with the line: unisons at an octave 3, of D 10-class 2 and so on.
    assert found["pairs.octave"] == pytest.approx(3 / 24)
    assert found["pairs.tone"] == pytest.approx(2 / 24)
    assert found["repetition.trigrams_heard_before"] == 0


def test_syncopation_begins_off_the_beat_and_lasts_over_the_next() -> None:
    notes = (Note(0, 60, 6), Note(6, 62, 12), Note(18, 64, 6), Note(24, 65, 24))
    found = describe(Score("piano", notes, (4, 4), 1, 120.0, "C", "major"))
    assert found["places.syncopation"] == 0.25


# runs among our own


def test_the_longest_run_of_two_of_our_pieces_is_found_in_any_key() -> None:
    rng = np.random.default_rng(5)
    pitches = [rng.integers(50, 74, 60).tolist() for _ in range(12)]
    passage = rng.integers(50, 70, 15).tolist()
    pitches[3][10:25] = passage
    pitches[8][30:45] = [pitch + 3 for pitch in passage]
    scores = [
        Score("piano", tuple(Note(12 * index, pitch, 12) for index, pitch in enumerate(line)), (4, 4), 15, 120.0,
              "C", "major")
        for line in pitches
    ]  # fmt: skip
    found = own_runs(scores)
    # In even rhythm the note before the passage belongs to it: only its time is compared.
    assert found.longest == 16
    assert sorted(found.between or ()) == [3, 8]
    assert [bound >= 15 for bound in found.bounds] == [index in (3, 8) for index in range(12)]
    assert own_runs(scores[:3]).longest == 0


def test_a_figure_that_goes_round_in_one_piece_and_stands_once_in_the_other_is_a_run_of_one_round() -> None:
    figure = np.random.default_rng(7).integers(50, 74, 12).tolist()
    other = np.random.default_rng(8).integers(50, 74, 40).tolist()
    round_and_round, once = (
        Score("piano", tuple(Note(12 * index, pitch, 12) for index, pitch in enumerate(line)), (4, 4), 15, 120.0,
              "C", "major")
        for line in (figure * 5, other[:20] + figure * 2 + other[20:])
    )  # fmt: skip
    found = own_runs([round_and_round, once])
    assert 24 <= found.longest <= 26
    assert found.bounds[0] > 50


def test_a_run_shared_with_nobody_else_is_not_counted_against_its_own_piece() -> None:
    twice = tuple(Note(12 * index, 60 + index * 5 % 12, 12) for index in range(20))
    again = tuple(Note(note.onset + 240, note.pitch, 12) for note in twice)
    score = Score("piano", (*twice, *again), (4, 4), 10, 120.0, "C", "major")
    assert own_runs([score, tune(1)]).longest == 0


def test_a_figure_that_anybody_may_let_go_round_is_no_run_as_in_the_register() -> None:
    rng = np.random.default_rng(9)
    scores = [
        Score("piano", tuple(Note(12 * index, pitch, 12) for index, pitch in enumerate(line)), (4, 4), 12, 120.0,
              "C", "major")
        for line in ([*rng.integers(50, 74, 12).tolist(), *[48, 55, 52, 55] * 6, *rng.integers(50, 74, 12).tolist()]
                     for _ in range(2))
    ]  # fmt: skip
    record = MemoryIndex({"other": lines_on_record(scores[1].notes)})
    assert own_runs(scores).longest == check(scores[0].notes, works=record).longest_run_works == 0


# as the shop makes them


def an_order(number: int) -> Order:
    return Order(instrument="piano", seconds=40, seed=number + 1)


def test_a_piece_too_near_to_one_before_it_is_composed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(order: Order, *, model: object) -> Made | None:
        if order.seed == 3:
            return None
        return Made(order, tune(0 if order.seed in (1, 2) else order.seed, bars=20), 40.0, 9)

    monkeypatch.setattr(pieces, "make", made)
    sample = as_sold(Studio(load_model("piano")), an_order, pieces=4)
    assert [piece.order.seed for piece in sample.made] == [1, 2 + SEEDS_APART, 3 + SEEDS_APART, 4]
    assert [piece.order.seed for piece in sample.drawn] == [1, 2, 4]
    assert (sample.drawn_again, sample.refused) == (2, ())
    assert own_runs([piece.score for piece in sample.drawn]).longest > 16
    assert own_runs([piece.score for piece in sample.made]).longest < 16


def test_in_the_place_of_an_order_that_stays_too_near_comes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(order: Order, *, model: object) -> Made | None:
        return Made(order, tune(5 if order.seed == 3 else 0, bars=20), 40.0, 9)

    monkeypatch.setattr(pieces, "make", made)
    sample = as_sold(Studio(load_model("piano")), an_order, pieces=2)
    assert [piece.order.seed for piece in sample.made] == [1, 3]
    assert sample.refused == (an_order(1),)
    assert [piece.order.seed for piece in as_sold(Studio(load_model("piano")), an_order, pieces=3).made] == [
        1,
        3,
    ]
