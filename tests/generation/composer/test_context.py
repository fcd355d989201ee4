from __future__ import annotations

from generation.composer.context import (
    DURATION_FIELDS,
    INPUT_FIELDS,
    NO_EVENT,
    NO_PITCH,
    PITCH_FIELDS,
    Follower,
    frame_of,
    rows,
    strengths,
)
from generation.composer.events import END, LOWEST_PITCH, encode
from generation.composer.score import Note, Score
from tests.generation.composer.scores import tune


def named(values: list[int]) -> dict[str, int]:
    return {name: value for (name, _), value in zip(INPUT_FIELDS, values, strict=True)}


def test_every_number_lies_inside_its_field() -> None:
    inputs, pitch_inputs, duration_inputs, events = rows(tune(3, bars=20))
    assert events[-1].advance == END
    for fields, table in (
        (INPUT_FIELDS, inputs),
        (PITCH_FIELDS, pitch_inputs),
        (DURATION_FIELDS, duration_inputs),
    ):
        for row in table:
            assert len(row) == len(fields)
            assert all(0 <= value < size for value, (_, size) in zip(row, fields, strict=True))


def test_look_back_names_what_followed_the_same_place_a_bar_ago() -> None:
    bar = [Note(0, 60, 12), Note(12, 64, 12), Note(24, 67, 24)]
    again = [Note(note.onset + 48, note.pitch, note.duration) for note in bar]
    score = Score("piano", tuple(bar + again), (4, 4), 2, 120.0, "C", "major")
    inputs, pitch_inputs, _, _ = rows(score)
    after_first_of_second_bar = named(inputs[4])
    assert after_first_of_second_bar["advance_1"] == 12
    assert after_first_of_second_bar["pitch_1"] == 64 - LOWEST_PITCH
    assert after_first_of_second_bar["advance_2"] == NO_EVENT
    names = [name for name, _ in PITCH_FIELDS]
    assert pitch_inputs[4][names.index("pitch_1")] == 64 - LOWEST_PITCH
    assert pitch_inputs[1][names.index("pitch_1")] == NO_PITCH


def test_bars_left_count_down_to_the_last_bar() -> None:
    score = tune(1, bars=4)
    follower = Follower(frame_of(score))
    left = []
    for event in encode(score.notes, shift=0)[:-1]:
        follower.push(event)
        left.append(named(follower.inputs())["bars_left"])
    assert left == sorted(left, reverse=True)
    assert left[0] == 3
    assert left[-1] == 0


def test_beats_weigh_more_than_what_lies_between_them() -> None:
    assert [strengths((4, 4))[step] for step in (0, 12, 24, 6, 3)] == [4, 2, 3, 1, 0]
    assert [strengths((3, 4))[step] for step in (0, 12, 24, 6)] == [4, 2, 2, 1]
    assert [strengths((6, 8))[step] for step in (0, 18, 6, 3)] == [4, 2, 1, 0]
    assert [strengths((12, 8))[step] for step in (0, 18, 36)] == [4, 2, 3]
