"""What bars repeat, what a stretch is like, and the styles made of both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from generation.composer.score import Note, Score
from generation.composer.styles import LONGEST, Styles, styles_of
from generation.composer.traits import (
    CLASSES,
    EXACT,
    FARTHEST_REPEAT,
    NEW,
    RHYTHM,
    TRAITS,
    bar_plan,
    blocks,
    edges_of,
    repeats,
    trait_classes,
    traits,
)
from tests.generation.composer.models import some_styles, songs
from tests.generation.composer.scores import PLAIN, song, tune

A = ((0, 60, 24), (24, 64, 24))
A_HIGHER = ((0, 67, 24), (24, 71, 24))
A_SHORTER = ((0, 60, 24), (24, 64, 12))
B = ((0, 60, 12), (12, 64, 12), (24, 67, 24))
EMPTY = ()


def score_of(*bars: tuple[tuple[int, int, int], ...], pickup: int = 0) -> Score:
    notes = [
        Note(pickup + index * 48 + position, pitch, duration)
        for index, bar in enumerate(bars)
        for position, pitch, duration in bar
    ]
    return Score("piano", tuple(sorted(notes)), (4, 4), len(bars), 120.0, "C", "major", pickup=pickup)


def told(*bars: tuple[tuple[int, int, int], ...], pickup: int = 0) -> list[tuple[int, int]]:
    return [tuple(row) for row in repeats(score_of(*bars, pickup=pickup)).tolist()]


def test_a_bar_is_the_copy_of_the_nearest_equal_bar_else_has_the_rhythm_of_the_nearest_such_bar() -> None:
    assert told(A, B, A, A_HIGHER, A, B) == [
        (NEW, 0),
        (NEW, 0),
        (EXACT, 2),
        (RHYTHM, 1),
        (EXACT, 2),
        (EXACT, 4),
    ]


def test_a_bar_with_another_duration_or_player_is_no_copy() -> None:
    assert told(A, A_SHORTER) == [(NEW, 0), (RHYTHM, 1)]
    score = score_of(A, A)
    passed_on = tuple(replace(note, part=int(note.onset >= 48)) for note in score.notes)
    assert repeats(replace(score, notes=passed_on)).tolist() == [[NEW, 0], [RHYTHM, 1]]


def test_an_empty_bar_repeats_nothing_and_is_not_repeated() -> None:
    assert told(EMPTY, A, EMPTY, EMPTY, A) == [(NEW, 0), (NEW, 0), (NEW, 0), (NEW, 0), (EXACT, 3)]


def test_bars_are_counted_after_the_pick_up() -> None:
    assert told(A, A, pickup=12) == [(NEW, 0), (EXACT, 1)]


def test_a_repeat_is_not_looked_for_beyond_the_farthest() -> None:
    between = [((0, 40 + bar % 30, 3), (3 + bar // 30, 41, 3)) for bar in range(FARTHEST_REPEAT)]
    assert told(B, *between[:-1], B)[-1] == (EXACT, FARTHEST_REPEAT)
    assert told(B, *between, B)[-1] == (NEW, 0)


def test_traits_of_a_known_stretch() -> None:
    notes = [Note(0, 62, 24), Note(0, 66, 24), Note(24, 69, 12), Note(36, 66, 12)]
    assert traits(notes, bars=1, bar_steps=48, shift=2) == {
        "density": 1.0,
        "register": 63.75,
        "polyphony": pytest.approx(4 / 3),
        "leaps": 3.0,
        "variety": 1.0,
    }


def test_a_block_has_sixteen_bars_and_takes_a_shorter_rest_along() -> None:
    assert [len(blocks(tune(1, bars=bars))) for bars in (1, 16, 23, 25, 33)] == [1, 1, 1, 2, 2]
    assert len(bar_plan(tune(1, bars=23), edges=PLAIN)) == 23


def test_a_class_counts_the_edges_below() -> None:
    edges = {name: [float(mark) for mark in range(1, CLASSES[name])] for name in TRAITS}
    values = {"density": 0.5, "register": 9.0, "polyphony": 1.0, "leaps": 2.5, "variety": 3.0}
    assert trait_classes(values, edges=edges) == [1, 5, 2, 3, 4]


def test_edges_cut_a_corpus_into_equal_classes() -> None:
    scores = songs()
    edges = edges_of(scores)
    found = [trait_classes(values, edges=edges) for score in scores for values in blocks(score)]
    for column, name in enumerate(TRAITS):
        assert len(edges[name]) == CLASSES[name] - 1
        assert edges[name] == sorted(edges[name])
        assert {row[column] for row in found} <= set(range(1, CLASSES[name] + 1))
    counts = np.bincount([row[0] for row in found])[1:]
    assert counts.max() - counts.min() <= 2


def test_a_plan_tells_repeats_and_trait_classes_bar_by_bar() -> None:
    score = song(1, form="ABAC")
    plan = bar_plan(score, edges=edges_of(songs()))
    assert plan.shape == (16, 2 + len(TRAITS))
    assert plan[8:12, :2].tolist() == [[EXACT, 8]] * 4
    assert (plan[:, 2:] == plan[0, 2:]).all()
    assert plan[:, 2:].min() >= 1


# styles


def test_a_style_is_a_stretch_of_the_corpus_without_its_notes() -> None:
    edges = edges_of(songs())
    styles = styles_of([song(3, form="ABAB", metre=(3, 4), mode="minor")], edges=edges)
    assert len(styles) == 1
    assert (styles.metre(0), styles.mode(0), int(styles.heads[0, 2])) == ((3, 4), "minor", 16)
    assert styles.bars[0, 8:16].tolist() == [[EXACT, 8]] * 8


def test_every_block_of_a_long_piece_begins_a_style_and_what_is_too_short_or_odd_gives_none() -> None:
    edges = edges_of(songs())
    long = song(1, form="ABCDABCDABCDABCDAB")
    assert len(styles_of([long], edges=edges)) == 5
    assert int(styles_of([long], edges=edges).heads[:, 2].max()) == LONGEST
    assert len(styles_of([tune(1, bars=7)], edges=edges)) == 0
    assert len(styles_of([replace(tune(1), metre=(5, 8))], edges=edges)) == 0


@pytest.mark.parametrize("bars", [2, 3, 5, 8, 17, 48, 60, 100, 512])
def test_a_plan_never_points_before_the_beginning_and_begins_and_ends_anew(bars: int) -> None:
    styles = some_styles()
    for style in range(len(styles)):
        plan = styles.plan(style, bars=bars, wishes={})
        assert plan.shape == (bars, 2 + len(TRAITS))
        assert (plan[:, 1] <= np.arange(bars)).all()
        assert plan[0].tolist()[:2] == plan[-1].tolist()[:2] == plan[-2].tolist()[:2] == [NEW, 0]
        assert ((plan[:, 0] == NEW) == (plan[:, 1] == 0)).all()
        assert set(plan[:, 0].tolist()) <= {EXACT, RHYTHM, NEW}


def test_a_plan_has_the_styles_returns_and_traits() -> None:
    styles = styles_of([song(3, form="ABABC")], edges=edges_of(songs()))
    plan = styles.plan(0, bars=20, wishes={})
    assert plan[8:16, :2].tolist() == [[EXACT, 8]] * 8
    assert (plan[:, 2:] == styles.heads[0, 3:]).all()


def test_a_wish_takes_the_place_of_the_styles_trait_in_every_bar() -> None:
    styles = some_styles()
    plan = styles.plan(0, bars=12, wishes={"register": 5, "density": 1})
    assert (plan[:, 2 + TRAITS.index("register")] == 5).all()
    assert (plan[:, 2 + TRAITS.index("density")] == 1).all()
    rest = [2 + TRAITS.index(name) for name in ("polyphony", "leaps", "variety")]
    assert (plan[:, rest] == styles.plan(0, bars=12, wishes={})[:, rest]).all()


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("wishes", [{}, {"register": 5}, {"register": 1, "density": 5, "leaps": 4}])
def test_the_nearest_styles_are_of_the_wished_mode(mode: str, wishes: dict[str, int]) -> None:
    styles = some_styles()
    found = styles.nearest(mode=mode, wishes=wishes)
    assert found
    assert {styles.mode(style) for style in found} == {mode}


def test_the_nearest_styles_come_nearest_to_the_wishes_and_are_enough_to_choose_from() -> None:
    styles = some_styles()
    assert styles.nearest(mode=None, wishes={}) == list(range(len(styles)))
    registers = styles.heads[:, 3 + TRAITS.index("register")].astype(int)
    found = styles.nearest(mode=None, wishes={"register": 5})
    assert len(found) >= len(styles) // 10
    others = sorted(set(range(len(styles))) - set(found))
    assert max(abs(registers[found] - 5)) < min(abs(registers[others] - 5))


def test_a_mode_that_no_style_has_leaves_the_nearest() -> None:
    styles = some_styles()
    major = np.flatnonzero(styles.heads[:, 1] == 0)
    only = Styles(styles.heads[major], styles.bars[major], styles.edges)
    assert only.nearest(mode="minor", wishes={}) == list(range(len(only)))
