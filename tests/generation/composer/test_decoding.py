"""What every candidate keeps, whatever the network wants: candidates of networks that have learned nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from generation.composer.context import Frame
from generation.composer.decode import decode_batch
from generation.composer.drawing import draw
from generation.composer.events import key_shift
from generation.composer.measures import ends_on_tonic
from generation.composer.order import Order
from generation.composer.plan import PiecePlan, Source, cut, extension, plan, variation
from generation.composer.players import PLAYERS, Player
from generation.composer.rules import LONGEST_SILENCE
from generation.composer.sampling import Stream
from generation.composer.score import Note, Score
from generation.composer.traits import EXACT, NEW, TRAITS
from tests.generation.composer.models import random_core, some_styles

INSTRUMENTS = ("piano", "guitar", "violin", "flute", "harp", "marimba")
SEEDS = range(3)
CASES = [(instrument, seed) for instrument in INSTRUMENTS for seed in SEEDS]


@cache
def core_of(seed: int):
    return random_core(seed)


@cache
def styles():
    return some_styles()


def planned(instrument: str, seed: int, *, seconds: float = 20.0, source: Source | None = None) -> PiecePlan:
    order = Order(instrument=instrument, seconds=seconds, seed=seed)
    return plan(order, styles=styles(), stream=Stream("tests", instrument, seed), source=source)


def drawn(made: PiecePlan, *, seed: int, count: int = 3, temperature: float = 1.0) -> list[Score]:
    streams = [Stream("tests", seed, number) for number in range(count)]
    batch = decode_batch(made, core=core_of(seed), streams=streams, temperature=temperature)
    return [one.score for one in batch]


@cache
def candidates(instrument: str, seed: int) -> tuple[PiecePlan, list[Score]]:
    made = planned(instrument, seed)
    return made, drawn(made, seed=seed)


def sounding(score: Score, onset: int) -> list[Note]:
    return [note for note in score.notes if note.onset <= onset < note.onset + note.duration]


def onsets(score: Score) -> list[int]:
    return sorted({note.onset for note in score.notes})


def free_plan(
    bars: int, *, instrument: str = "piano", player: Player | None = None, bpm: float = 100.0
) -> PiecePlan:
    """A plan in C major and 4/4 in which nothing returns."""
    told = np.zeros((bars, 2 + len(TRAITS)), np.int32)
    told[:, 0] = NEW
    frame = Frame(instrument, (4, 4), bars, 0, "major", 1, told)
    return PiecePlan(instrument, frame, player or PLAYERS[instrument], bpm, "C")


def with_copies(made: PiecePlan, copies: dict[int, int]) -> PiecePlan:
    """The plan with some bars as copies of the bars so many before them."""
    told = made.frame.plan.copy()
    for bar, back in copies.items():
        told[bar, :2] = EXACT, back
    return replace(made, frame=replace(made.frame, plan=told))


def bar_of(score: Score, bar: int) -> list[tuple[int, int]]:
    start = bar * score.steps_per_bar
    return [
        (note.onset - start, note.pitch)
        for note in score.notes
        if start <= note.onset < start + score.steps_per_bar
    ]


def test_slow_music_and_short_bars_end_on_two_bars_unless_the_piece_is_short() -> None:
    made = planned("piano", 1)
    slow, usual = np.array(made.frame.plan), np.array(made.frame.plan)
    slow[:, 2 + TRAITS.index("density")] = 1
    usual[:, 2 + TRAITS.index("density")] = 3

    def ending(told: Any, metre: tuple[int, int] = (4, 4), bars: int = 8) -> int:
        frame = replace(made.frame, plan=told[:bars], bars=bars, metre=metre)
        return replace(made, frame=frame).ending_bars

    assert (ending(slow), ending(slow, bars=4)) == (2, 1)
    assert (ending(usual), ending(usual, metre=(3, 8))) == (1, 2)


@pytest.mark.parametrize("metre", [(9, 8), (12, 8), (7, 4), (5, 8)])
def test_the_last_chord_is_held_to_the_end_also_where_no_class_is_so_long(metre: tuple[int, int]) -> None:
    made = free_plan(8)
    told = made.frame.plan.copy()
    told[:, 2 + TRAITS.index("density")] = 1
    made = replace(made, frame=replace(made.frame, metre=metre, plan=told))
    assert made.ending_bars == 2
    for score in drawn(made, seed=3):
        last = [note for note in score.notes if note.onset == made.last_chord]
        assert {note.onset + note.duration for note in last} == {score.steps}


@pytest.mark.parametrize(("instrument", "seed"), CASES)
def test_a_candidate_lasts_as_planned_and_ends_with_a_held_chord_on_the_tonic(
    instrument: str, seed: int
) -> None:
    made, scores = candidates(instrument, seed)
    for score in scores:
        assert score.seconds == pytest.approx(20.0, abs=1e-9)
        assert (score.bars, score.metre, score.tonic) == (made.bars, made.frame.metre, made.tonic)
        final = (score.bars - made.ending_bars) * score.steps_per_bar
        assert score.notes[-1].onset == final
        last = [note for note in score.notes if note.onset == final]
        assert {note.duration for note in last} == {made.ending_bars * score.steps_per_bar}
        assert ends_on_tonic(score)
        third = 4 if score.mode == "major" else 3
        home = key_shift(tonic=score.tonic, mode=score.mode) + (0 if score.mode == "major" else 9)
        assert {(note.pitch - home) % 12 for note in last} <= {0, third, 7}
        assert sounding(score, final) == last


@pytest.mark.parametrize(("instrument", "seed"), CASES)
def test_a_candidate_stays_in_the_range_of_its_instrument(instrument: str, seed: int) -> None:
    player = PLAYERS[instrument]
    for score in candidates(instrument, seed)[1]:
        assert len(score.notes) > 8
        assert all(player.low <= note.pitch <= player.high for note in score.notes)


@pytest.mark.parametrize(("instrument", "seed"), CASES)
def test_a_pitch_is_never_struck_while_it_sounds(instrument: str, seed: int) -> None:
    for score in candidates(instrument, seed)[1]:
        for onset in onsets(score):
            pitches = [note.pitch for note in sounding(score, onset)]
            assert len(set(pitches)) == len(pitches)


@pytest.mark.parametrize(("instrument", "seed"), CASES)
def test_no_more_notes_sound_at_once_than_the_player_has_voices(instrument: str, seed: int) -> None:
    for score in candidates(instrument, seed)[1]:
        for onset in onsets(score):
            assert len(sounding(score, onset)) <= PLAYERS[instrument].voices


def reachable(pitches: list[int], player: Player) -> bool:
    """Whether the hands can hold these pitches together, the feet the lowest of them."""
    pitches = sorted(pitches)
    if player.pedal and pitches and pitches[0] <= player.pedal:
        return reachable(pitches[1:], replace(player, pedal=None))
    if not pitches:
        return True
    if player.hands == 1:
        return pitches[-1] - pitches[0] <= player.span
    return any(
        all(hand[-1] - hand[0] <= player.span for hand in (pitches[:split], pitches[split:]) if hand)
        for split in range(len(pitches) + 1)
    )


@pytest.mark.parametrize("instrument", [*INSTRUMENTS, "organ", "cello"])
def test_hands_can_reach_what_sounds_together(instrument: str) -> None:
    player = PLAYERS[instrument]
    made = free_plan(8, instrument=player.weights_from or instrument, player=player)
    for score in drawn(made, seed=1, count=6):
        for onset in onsets(score):
            assert reachable([note.pitch for note in sounding(score, onset)], player)


def test_an_organist_needs_the_feet_for_what_no_hand_reaches() -> None:
    organ = PLAYERS["organ"]
    made = free_plan(8, instrument="organ", player=organ)
    by_hand = [
        reachable([note.pitch for note in sounding(score, onset)], replace(organ, pedal=None))
        for score in drawn(made, seed=1, count=6)
        for onset in onsets(score)
    ]
    assert not all(by_hand)


def test_low_notes_leave_room_between_each_other() -> None:
    made = free_plan(8, player=replace(PLAYERS["piano"], high=60))
    for score in drawn(made, seed=2, count=6):
        final = 7 * 48
        for onset in onsets(score):
            pitches = sorted(note.pitch for note in sounding(score, onset))
            for low, high in pairwise(pitches):
                assert onset == final or low >= 48 or high - low >= 4


@pytest.mark.parametrize("instrument", ["piano", "guitar", "flute", "cello"])
@pytest.mark.parametrize("bpm", [40.0, 100.0])
def test_nothing_new_is_silent_longer_than_the_longest_silence(instrument: str, bpm: float) -> None:
    for score in drawn(free_plan(12, instrument=instrument, bpm=bpm), seed=3, count=6):
        end = 0
        for note in score.notes:
            assert score.seconds_at(note.onset - end) <= LONGEST_SILENCE
            end = max(end, note.onset + note.duration)


def test_a_wind_player_is_not_asked_to_hold_a_note_longer_than_a_breath() -> None:
    player = PLAYERS["flute"]
    for score in drawn(free_plan(8, instrument="flute"), seed=4, count=6):
        assert max(note.duration for note in score.notes) <= player.longest * 12


def assert_copied(score: Score, *, bar: int, back: int) -> None:
    """A copy has the notes of its source, and others only to fill the silence before a source that begins late."""
    source, copy = bar_of(score, bar - back), bar_of(score, bar)
    if source:
        assert copy[-len(source) :] == source
        filling = copy[: -len(source)]
        assert all(onset < source[0][0] for onset, _ in filling)


@pytest.mark.parametrize("instrument", ["piano", "flute", "guitar"])
def test_a_planned_copy_has_the_notes_of_its_source(instrument: str) -> None:
    copies = {4: 4, 5: 4, 7: 4, 9: 1}
    made = with_copies(free_plan(12, instrument=instrument), copies)
    for score in drawn(made, seed=5, count=8):
        for bar, back in copies.items():
            assert_copied(score, bar=bar, back=back)


def test_without_a_plan_of_copies_bars_differ() -> None:
    for score in drawn(free_plan(12), seed=5, count=8):
        assert bar_of(score, 4) != bar_of(score, 0)


@pytest.mark.parametrize(("instrument", "seed"), CASES)
def test_planned_copies_of_real_forms_are_copies(instrument: str, seed: int) -> None:
    made, scores = candidates(instrument, seed)
    exact = [bar for bar in range(made.bars) if made.frame.plan[bar, 0] == EXACT]
    for score in scores:
        for bar in exact:
            assert_copied(score, bar=bar, back=int(made.frame.plan[bar, 1]))


@pytest.mark.parametrize("instrument", ["piano", "guitar", "flute"])
@pytest.mark.parametrize("seed", SEEDS)
def test_variation_extension_and_cut_begin_as_their_source_does(instrument: str, seed: int) -> None:
    source = candidates(instrument, seed)[1][0]
    for kept, seconds in (
        (variation(source, from_bar=3), 20.0),
        (extension(source), 32.0),
        (cut(source, seconds=12.0), 12.0),
    ):
        made = planned(instrument, seed + 100, seconds=seconds, source=kept)
        assert made.kept_bars >= 1
        limit = made.kept_bars * source.steps_per_bar
        expected = [note for note in source.notes if note.onset < limit]
        for score in drawn(made, seed=seed):
            assert score.seconds == pytest.approx(seconds, abs=1e-9)
            assert (score.metre, score.tonic, score.mode) == (source.metre, source.tonic, source.mode)
            begun = list(score.notes[: len(expected)])
            assert [(n.onset, n.pitch) for n in begun] == [(n.onset, n.pitch) for n in expected]
            inside = [(a, b) for a, b in zip(begun, expected, strict=True) if b.onset + b.duration <= limit]
            assert [a for a, _ in inside] == [b for _, b in inside]
            assert len(score.notes) > len(expected)


def test_a_variation_differs_after_what_it_keeps() -> None:
    source = candidates("piano", 0)[1][0]
    made = planned("piano", 7, source=variation(source, from_bar=3))
    for score in drawn(made, seed=0):
        rest = made.kept_bars * source.steps_per_bar
        assert [n for n in score.notes if n.onset >= rest] != [n for n in source.notes if n.onset >= rest]


def test_a_candidate_does_not_depend_on_those_written_beside_it() -> None:
    made = planned("piano", 1)
    streams = [Stream("tests", 1, number) for number in range(3)]
    alone = decode_batch(made, core=core_of(1), streams=[Stream("tests", 1, 2)], temperature=1.0)
    beside = decode_batch(made, core=core_of(1), streams=streams, temperature=1.0)
    assert beside[2].score == alone[0].score
    assert (beside[2].heard.sums == alone[0].heard.sums).all()
    assert len({one.score.notes for one in beside}) == 3


# drawing from the nucleus


def shares(
    logits: list[int], allowed: list[bool], *, temperature: float = 1.0, nucleus: int = 1000
) -> list[float]:
    """How often each class is drawn by random numbers that are spread evenly."""
    count = 4096
    found = np.zeros(len(logits))
    for number in range(count):
        bits = np.uint64((2 * number + 1) << 51)
        found[draw(np.array(logits), np.array(allowed), temperature, nucleus, bits)] += 1
    return (found / count).tolist()


LOG2 = 354.89
"""ln 2 in the logits' units of 2**-9."""

HALVES = [round(-LOG2), 0, round(-2 * LOG2), round(-2 * LOG2)]
"""Logits of a quarter, a half and two eighths."""


def test_classes_are_drawn_by_their_probability() -> None:
    assert shares(HALVES, [True] * 4) == pytest.approx([0.25, 0.5, 0.125, 0.125], abs=2e-3)


def test_only_the_smallest_set_that_holds_the_nucleus_is_drawn_from() -> None:
    assert shares(HALVES, [True] * 4, nucleus=740) == pytest.approx([1 / 3, 2 / 3, 0, 0], abs=2e-3)
    assert shares(HALVES, [True] * 4, nucleus=760) == pytest.approx([2 / 7, 4 / 7, 1 / 7, 0], abs=2e-3)
    assert shares(HALVES, [True] * 4, nucleus=10) == [0, 1, 0, 0]


def test_what_is_not_allowed_is_never_drawn_and_leaves_its_share_to_the_rest() -> None:
    assert shares(HALVES, [True, False, True, True]) == pytest.approx([0.5, 0, 0.25, 0.25], abs=2e-3)
    assert shares([0, 9000, 9000], [True, False, False], nucleus=985) == [1, 0, 0]


def test_temperature_flattens_and_sharpens() -> None:
    assert shares([0, round(-LOG2)], [True, True], temperature=0.5) == pytest.approx([0.8, 0.2], abs=2e-3)
    root = 2**-0.5
    assert shares([0, round(-LOG2)], [True, True], temperature=2.0) == pytest.approx(
        [1 / (1 + root), root / (1 + root)], abs=2e-3
    )


def test_the_least_likely_class_is_still_drawn_by_the_last_random_number() -> None:
    bits = np.uint64(2**64 - 1)
    assert draw(np.array([0, -100]), np.array([True, True]), 1.0, 1000, bits) == 1
    assert draw(np.array([0, -(10**6)]), np.array([False, True]), 1.0, 985, bits) == 1
