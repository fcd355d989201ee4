from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from generation.composer.context import Frame
from generation.composer.order import MOOD_MEANINGS, MOODS, InvalidOrderError, Order
from generation.composer.plan import PiecePlan, cut, extension, plan, variation
from generation.composer.players import PLAYERS
from generation.composer.sampling import Stream
from generation.composer.styles import Styles
from generation.composer.traits import EXACT, NEW, RHYTHM, TRAITS, bar_plan
from tests.generation.composer.models import some_styles
from tests.generation.composer.scores import tune


@cache
def styles() -> Styles:
    return some_styles()


def planned(*, seed: int = 3, **wishes: Any) -> PiecePlan:
    order = Order(**{"instrument": "piano", "seconds": 30, "seed": seed, **wishes})
    return plan(order, styles=styles(), stream=Stream("orders", seed))


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("seconds", 4.9, "5 to 180 seconds"),
        ("seconds", 181, "5 to 180 seconds"),
        ("seconds", float("nan"), "5 to 180 seconds"),
        ("seconds", True, "5 to 180 seconds"),
        ("seed", -1, "0 to 9223372036854775807"),
        ("seed", 2**63, "0 to 9223372036854775807"),
        ("seed", 1.5, "whole number"),
        ("seed", True, "whole number"),
        ("bpm", 29, "30 to 240"),
        ("temperature", 0.4, "0.5 to 1.5"),
        ("mood", "angry", "calm, happy, sad, tense, playful, solemn"),
        ("tonic", "H", "C, C#"),
        ("mode", "dorian", "major, minor"),
        ("density", "thick", "sparse, medium, busy"),
        ("register", "shrill", "low, middle, high"),
        ("variant", 2, "0 or 1"),
        ("variant", -1, "0 or 1"),
    ],
)
def test_a_bad_order_names_the_value_and_the_remedy(field: str, value: Any, remedy: str) -> None:
    with pytest.raises(InvalidOrderError) as caught:
        Order(**{"instrument": "piano", "seconds": 30, "seed": 1, field: value})
    assert caught.value.field == field
    assert repr(value) in caught.value.message
    assert remedy in caught.value.message


def test_thirty_and_thirty_point_zero_are_the_same_order() -> None:
    whole = Order(instrument="piano", seconds=30, seed=1, bpm=90)
    assert repr(whole.parameters()) == repr(replace(whole, seconds=30.0, bpm=90.0).parameters())


@pytest.mark.parametrize(("register", "told"), [("low", 1), ("middle", 3), ("high", 5)])
def test_a_wished_register_is_told_in_every_bar_and_wins_over_the_mood(register: str, told: int) -> None:
    made = planned(register=register, mood="tense")
    assert set(made.frame.plan[:, 2 + TRAITS.index("register")].tolist()) == {told}
    assert set(made.frame.plan[:, 2 + TRAITS.index("density")].tolist()) == {5}


def test_an_unknown_instrument_is_told_the_known_ones() -> None:
    with pytest.raises(InvalidOrderError, match=r"'theremin'.*piano"):
        planned(instrument="theremin")


@pytest.mark.parametrize("instrument", ["piano", "guitar", "flute", "harp"])
@pytest.mark.parametrize("bpm", [None, 30, 97, 240])
def test_whole_bars_last_exactly_what_was_ordered(instrument: str, bpm: float | None) -> None:
    for seed, seconds in product(range(6), (5, 6, 7.3, 15, 30, 60, 61.7, 90, 180)):
        made = planned(instrument=instrument, seconds=seconds, seed=seed, bpm=bpm)
        beats, unit = made.frame.metre
        assert made.bars * beats * 4 / unit * 60 / made.bpm == pytest.approx(seconds, abs=1e-9)
        assert len(made.frame.plan) == made.bars >= 2
        assert made.frame.pickup == 0
        assert made.frame.parts == 1


@pytest.mark.parametrize("instrument", ["piano", "guitar", "flute", "harp"])
@pytest.mark.parametrize(("seconds", "most"), [(15, 0.15), (30, 0.08), (60, 0.05), (90, 0.04), (180, 0.03)])
def test_the_tempo_is_one_the_player_likes(instrument: str, seconds: float, most: float) -> None:
    low, high = PLAYERS[instrument].bpm
    for seed in range(20):
        made = planned(instrument=instrument, seconds=seconds, seed=seed)
        assert low * (1 - most) <= made.bpm <= high * (1 + most)


@pytest.mark.parametrize("seconds", [30, 60, 90, 180])
@pytest.mark.parametrize("bpm", [60, 90, 97, 120, 150])
def test_a_wished_tempo_is_kept_within_a_twentieth(seconds: float, bpm: float) -> None:
    for seed in range(20):
        assert planned(seconds=seconds, bpm=bpm, seed=seed).bpm == pytest.approx(bpm, rel=0.05)


def test_keys_metres_and_tempos_differ_from_seed_to_seed() -> None:
    made = [planned(seed=seed) for seed in range(40)]
    assert len({one.tonic for one in made}) > 4
    assert len({one.frame.metre for one in made}) == 3
    assert {one.frame.mode for one in made} == {"major", "minor"}
    assert len({round(one.bpm) for one in made}) > 6


def test_a_wished_key_is_kept() -> None:
    for seed in range(10):
        made = planned(tonic="E-", mode="minor", seed=seed)
        assert (made.tonic, made.frame.mode) == ("E-", "minor")


@pytest.mark.parametrize("mood", MOODS)
def test_a_mood_sets_what_the_customer_did_not(mood: str) -> None:
    meaning = MOOD_MEANINGS[mood]
    made = planned(mood=mood, seconds=90)
    assert made.frame.mode == meaning.mode
    assert meaning.bpm[0] * 0.95 <= made.bpm <= meaning.bpm[1] * 1.05
    for name, told in meaning.traits.items():
        assert set(made.frame.plan[:, 2 + TRAITS.index(name)].tolist()) == {told}
    assert planned(mood=mood, mode="minor").frame.mode == "minor"
    assert planned(mood=mood, mode="major").frame.mode == "major"


def test_an_instrument_without_scores_is_told_to_the_network_as_the_one_it_learned_from() -> None:
    made = planned(instrument="harp")
    assert (made.instrument, made.frame.instrument, made.player) == ("harp", "piano", PLAYERS["harp"])


def form_of(bars: int, *copies: tuple[range, int], kind: int = EXACT) -> str:
    told = np.zeros((bars, 2 + len(TRAITS)), np.int32)
    told[:, 0] = NEW
    for where, back in copies:
        for bar in where:
            told[bar, :2] = kind, back
    frame = Frame("piano", (4, 4), bars, 0, "major", 1, told)
    return PiecePlan("piano", frame, PLAYERS["piano"], 100.0, "C").form


def test_a_form_names_phrases_that_return_by_the_letter_of_their_source() -> None:
    assert form_of(16) == "ABCD"
    assert form_of(16, (range(4, 8), 4), (range(12, 16), 12)) == "AABA"
    assert form_of(16, (range(8, 12), 8), (range(12, 16), 8)) == "ABAB"
    assert form_of(12, (range(8, 10), 8)) == "ABA"
    assert form_of(12, (range(8, 9), 8)) == "ABC"
    assert form_of(12, (range(8, 12), 8), kind=RHYTHM) == "ABC"
    assert form_of(10) == "ABC"
    assert form_of(8, (range(1, 4), 1), (range(5, 8), 1)) == "AB"


def test_many_phrases_run_out_of_letters_without_an_error() -> None:
    assert form_of(4 * 30)[-5:] == "ZZZZZ"


# pieces to go on from

PIECE = tune(1, bars=12)


@pytest.mark.parametrize("bar", [0, 1, 12, 13])
def test_a_variation_from_a_bar_outside_is_refused(bar: int) -> None:
    with pytest.raises(InvalidOrderError, match=rf"from_bar is {bar}; choose a bar from 2 to 11"):
        variation(PIECE, from_bar=bar)


def test_a_piece_too_short_to_be_varied_is_refused() -> None:
    with pytest.raises(InvalidOrderError, match="A piece of 2 bars has none that could be varied"):
        variation(tune(1, bars=2), from_bar=2)


def test_a_piece_that_goes_on_keeps_its_own_plan() -> None:
    own = bar_plan(PIECE, edges=styles().edges)
    order = Order(instrument="piano", seconds=PIECE.seconds, seed=1)
    varied = plan(order, styles=styles(), stream=Stream(1), source=variation(PIECE, from_bar=5))
    assert (varied.bars, varied.bpm) == (12, PIECE.bpm)
    assert (varied.frame.plan[:10] == own[:10]).all()
    assert varied.frame.plan[10:, 0].tolist() == [NEW, NEW]
    longer = plan(replace(order, seconds=60), styles=styles(), stream=Stream(1), source=extension(PIECE))
    assert longer.bars > 20
    assert (longer.frame.plan[:12] == own).all()


def test_sources_keep_whole_bars() -> None:
    assert variation(PIECE, from_bar=2).bars == 1
    assert variation(PIECE, from_bar=11).bars == 10
    assert extension(PIECE).bars == 10
    assert cut(PIECE, seconds=12).bars == 4
    assert cut(PIECE, seconds=5).bars == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_piece_that_goes_on_has_key_metre_and_nearly_the_tempo_of_its_source(seed: int) -> None:
    for source, seconds in (
        (variation(PIECE, from_bar=5), PIECE.seconds),
        (extension(PIECE), 60.0),
        (cut(PIECE, seconds=12), 12.0),
    ):
        order = Order(instrument="piano", seconds=seconds, seed=seed, tonic="E", bpm=40, mode="minor")
        made = plan(order, styles=styles(), stream=Stream(seed), source=source)
        assert (made.tonic, made.frame.mode, made.frame.metre) == ("C", "major", (4, 4))
        assert made.bpm == pytest.approx(PIECE.bpm, rel=0.1)
        assert made.kept_bars == source.bars < made.bars
        assert made.kept == tuple(note for note in PIECE.notes if note.onset < source.bars * 48)
