from __future__ import annotations

from typing import Any

import pytest

from generation.composer.order import MOODS, InvalidOrderError, Order
from generation.composer.plan import PLAYERS, plan
from generation.composer.sampling import Stream


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("seconds", 4.9, "5 to 180 seconds"),
        ("seconds", 181, "5 to 180 seconds"),
        ("seconds", float("nan"), "5 to 180 seconds"),
        ("seed", -1, "0 to 9223372036854775807"),
        ("seed", 2**63, "0 to 9223372036854775807"),
        ("seed", 1.5, "whole number"),
        ("bpm", 29, "30 to 240"),
        ("temperature", 0.4, "0.5 to 1.5"),
        ("mood", "angry", "calm, happy, sad, tense, playful, solemn"),
        ("tonic", "H", "C, C#"),
        ("mode", "dorian", "major, minor"),
        ("density", "thick", "sparse, medium, busy"),
    ],
)
def test_a_bad_order_names_the_value_and_the_remedy(field: str, value: Any, remedy: str) -> None:
    with pytest.raises(InvalidOrderError) as caught:
        Order(**{"instrument": "piano", "seconds": 30, "seed": 1, field: value})
    assert caught.value.field == field
    assert repr(value) in caught.value.message
    assert remedy in caught.value.message


def test_an_unknown_instrument_is_told_the_known_ones() -> None:
    with pytest.raises(InvalidOrderError, match=r"'theremin'.*piano, guitar"):
        plan(Order(instrument="theremin", seconds=30, seed=1), stream=Stream(1))


@pytest.mark.parametrize("instrument", PLAYERS)
@pytest.mark.parametrize("seconds", [5, 7.3, 15, 30, 61.7, 180])
@pytest.mark.parametrize("bpm", [None, 30, 97, 240])
def test_whole_bars_last_exactly_what_was_ordered(instrument: str, seconds: float, bpm: float | None) -> None:
    for seed in range(5):
        made = plan(Order(instrument=instrument, seconds=seconds, seed=seed, bpm=bpm), stream=Stream(seed))
        beats, unit = made.frame.metre
        lasts = made.bars * beats * 4 / unit * 60 / made.bpm
        assert lasts == pytest.approx(seconds, abs=1e-9)
        assert sum(phrase.bars for phrase in made.phrases) == made.bars
        assert all(phrase.source + phrase.replayed <= phrase.start for phrase in made.phrases)


def test_a_wished_tempo_is_kept_within_a_tenth_in_an_ordinary_piece() -> None:
    for bpm in (60, 90, 120, 150):
        made = plan(Order(instrument="piano", seconds=30, seed=3, bpm=bpm), stream=Stream(3))
        assert made.bpm == pytest.approx(bpm, rel=0.1)


@pytest.mark.parametrize("mood", MOODS)
def test_a_mood_sets_what_the_customer_did_not(mood: str) -> None:
    made = plan(Order(instrument="piano", seconds=30, seed=3, mood=mood), stream=Stream(3))
    wished = plan(Order(instrument="piano", seconds=30, seed=3, mood=mood, mode="minor"), stream=Stream(3))
    assert made.frame.mode == ("major" if mood in ("calm", "happy", "playful") else "minor")
    assert wished.frame.mode == "minor"
