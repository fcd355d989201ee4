from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.composer.context import (
    DURATION_FIELDS,
    FIELDS,
    INPUT_FIELDS,
    LONGEST_HOLD,
    METRES,
    NO_DURATION,
    NO_EVENT,
    NO_PART,
    NO_PITCH,
    PART_FIELDS,
    PITCH_FIELDS,
    frame_of,
    rows,
    strengths,
)
from generation.composer.events import ADVANCES, DURATIONS, END, LOWEST_PITCH, encode, key_shift
from generation.composer.score import Note, Score
from generation.composer.traits import EXACT, NEW, NOT_TOLD, RHYTHM, TRAITS
from tests.generation.composer.models import songs
from tests.generation.composer.scores import CALM, PLAIN, ensemble, named, scribble, tune

BAR = [Note(0, 60, 12), Note(12, 64, 12), Note(24, 67, 24)]


def tables(score: Score) -> dict[str, Any]:
    return rows(score, frame=frame_of(score, edges=PLAIN))


def inputs_of(score: Score) -> list[Any]:
    """What is told before each event, by name."""
    return [named(INPUT_FIELDS, row) for row in tables(score)["inputs"]]


def repeated(times: int, *, bar: list[Note] = BAR, steps: int = 48) -> Score:
    notes = [
        Note(note.onset + steps * index, note.pitch, note.duration) for index in range(times) for note in bar
    ]
    return Score("piano", tuple(notes), (4, 4), times, 120.0, "C", "major")


@CALM
@given(seed=st.integers(0, 10**6), count=st.integers(1, 80), parts=st.integers(1, 5))
def test_every_number_lies_inside_its_field(seed: int, count: int, parts: int) -> None:
    instrument = "piano" if parts == 1 else "string_quartet"
    score = scribble(seed, count=count, parts=parts, instrument=instrument)
    found = tables(score)
    assert [len(table) for table in found.values()] == [len(score.notes) + 1] * 5
    for name, fields in FIELDS.items():
        sizes = np.array([size for _, size in fields])
        assert found[name].shape[1] == len(sizes)
        assert (found[name] >= 0).all()
        assert (found[name] < sizes).all()


def test_every_field_fits_into_a_byte() -> None:
    assert all(size <= 256 for fields in FIELDS.values() for _, size in fields)


def test_the_targets_are_the_events_and_each_is_told_after_it_was_written() -> None:
    score = ensemble(3)
    events = encode(score.notes, shift=0)
    found = tables(score)
    assert found["targets"].tolist() == [list(event) for event in events]
    assert events[-1].advance == END
    told = inputs_of(score)
    assert [told[0][name] for name in ("advance", "part", "pitch", "duration")] == [
        NO_EVENT,
        NO_PART,
        NO_PITCH,
        NO_DURATION,
    ]
    for row, event in zip(told[1:], events, strict=False):
        assert [row[name] for name in ("advance", "part", "pitch", "duration")] == list(event)


def test_nothing_that_is_told_before_an_event_depends_on_it_or_on_what_follows() -> None:
    one, other = scribble(5, count=60), scribble(5, count=30)
    frame = frame_of(one, edges=PLAIN)
    full, cut = rows(one, frame=frame), rows(other, frame=frame)
    common = sum(a == b for a, b in zip(one.notes, other.notes, strict=False))
    assert common > 25
    assert (full["inputs"][: common + 1] == cut["inputs"][: common + 1]).all()
    for name in ("part", "pitch", "duration"):
        assert (full[name][:common] == cut[name][:common]).all()


def test_look_back_names_what_followed_the_same_place_a_bar_ago() -> None:
    score = repeated(2)
    told = inputs_of(score)[4]
    assert (told["advance_1"], told["pitch_1"]) == (12, 64 - LOWEST_PITCH)
    assert (told["advance_2"], told["pitch_2"]) == (NO_EVENT, NO_PITCH)
    pitches = [named(PITCH_FIELDS, row) for row in tables(score)["pitch"]]
    assert pitches[4]["pitch_1"] == 64 - LOWEST_PITCH
    assert pitches[1]["pitch_1"] == NO_PITCH


@pytest.mark.parametrize("lag", [1, 2, 4, 8])
def test_look_back_reaches_one_two_four_and_eight_bars(lag: int) -> None:
    bars = [[Note(0, 40 + bar, 24), Note(24, 70 + bar, 24)] for bar in range(9)]
    notes = [Note(n.onset + 48 * index, n.pitch, n.duration) for index, bar in enumerate(bars) for n in bar]
    score = Score("piano", tuple(notes), (4, 4), 9, 120.0, "C", "major")
    at_last_bar = inputs_of(score)[17]
    assert at_last_bar[f"pitch_{lag}"] == 70 + 8 - lag - LOWEST_PITCH
    assert at_last_bar[f"advance_{lag}"] == 24
    pitches = named(PITCH_FIELDS, tables(score)["pitch"][17])
    assert pitches[f"pitch_{lag}"] == 70 + 8 - lag - LOWEST_PITCH


def test_look_back_also_shows_the_bar_that_is_planned_to_return() -> None:
    bars = [BAR, *([Note(0, 50 + bar, 48)] for bar in range(5)), BAR]
    notes = [Note(n.onset + 48 * index, n.pitch, n.duration) for index, bar in enumerate(bars) for n in bar]
    score = Score("piano", tuple(notes), (4, 4), 7, 120.0, "C", "major")
    found = tables(score)
    first_of_return = len(notes) - 3
    told = named(INPUT_FIELDS, found["inputs"][first_of_return + 1])
    assert (told["repeat"], told["advance_source"], told["pitch_source"]) == (EXACT, 12, 64 - LOWEST_PITCH)
    assert named(PITCH_FIELDS, found["pitch"][first_of_return])["pitch_source"] == 60 - LOWEST_PITCH
    duration = named(DURATION_FIELDS, found["duration"][first_of_return + 2])
    assert duration["duration_source"] == DURATIONS.index(24)
    before = named(INPUT_FIELDS, found["inputs"][first_of_return])
    assert (before["repeat"], before["next_repeat"]) == (RHYTHM, EXACT)


def test_what_a_bar_repeats_and_what_the_next_does_is_told() -> None:
    score = Score(
        "piano", tuple(sorted((*repeated(2).notes, Note(96, 62, 48)))), (4, 4), 3, 120.0, "C", "major"
    )
    told = inputs_of(score)
    assert [(row["repeat"], row["next_repeat"]) for row in (told[0], told[3], told[4], told[7])] == [
        (NEW, EXACT),
        (NEW, EXACT),
        (EXACT, NEW),
        (NEW, NEW),
    ]
    assert NOT_TOLD not in {row["repeat"] for row in told}


def test_duration_look_back_prefers_the_same_pitch_and_falls_back_to_the_lowest() -> None:
    notes = (
        Note(0, 48, 48), Note(0, 64, 12), Note(0, 67, 24),
        Note(48, 48, 48), Note(48, 67, 24), Note(48, 72, 6),
    )  # fmt: skip
    found = tables(Score("piano", notes, (4, 4), 2, 120.0, "C", "major"))["duration"]
    told = [named(DURATION_FIELDS, row) for row in found[:6]]
    assert [row["duration_1"] for row in told[3:]] == [DURATIONS.index(steps) for steps in (48, 24, 48)]
    assert [row["below"] for row in told[3:]] == [
        NO_DURATION,
        DURATIONS.index(48),
        DURATIONS.index(24),
    ]
    assert {row["duration_1"] for row in told[:3]} == {NO_DURATION}


def test_the_part_is_told_whose_turn_it_was() -> None:
    notes = (
        Note(0, 48, 48, 3),
        Note(0, 60, 24, 1),
        Note(24, 62, 24, 0),
        Note(48, 50, 48, 3),
        Note(48, 64, 48, 1),
    )
    found = tables(Score("string_quartet", notes, (4, 4), 2, 120.0, "C", "major"))["part"]
    told = [named(PART_FIELDS, row) for row in found[:5]]
    assert [row["part"] for row in told] == [NO_PART, 3, 1, 0, 3]
    assert [row["part_1"] for row in told] == [NO_PART, NO_PART, NO_PART, 3, 1]
    assert [row["advance"] for row in told] == [0, 0, 24, 24, 0]
    assert [row["position"] for row in told] == [0, 0, 24, 0, 0]


def test_the_pitch_is_told_the_last_note_of_its_player_and_what_lies_below_in_the_chord() -> None:
    notes = (Note(0, 48, 24, 1), Note(0, 60, 24, 0), Note(24, 50, 24, 1), Note(24, 62, 24, 0))
    found = tables(Score("string_quartet", notes, (4, 4), 1, 120.0, "C", "major"))["pitch"]
    told = [named(PITCH_FIELDS, row) for row in found[:4]]
    assert [row["before"] for row in told] == [
        NO_PITCH,
        NO_PITCH,
        48 - LOWEST_PITCH,
        60 - LOWEST_PITCH,
    ]
    assert [row["below"] for row in told] == [NO_PITCH, 48 - LOWEST_PITCH, NO_PITCH, 50 - LOWEST_PITCH]


def test_what_still_sounds_and_when_it_ends_is_told() -> None:
    notes = (Note(0, 48, 144), Note(0, 60, 24), Note(12, 64, 6), Note(96, 62, 12), Note(144, 65, 12))
    told = inputs_of(Score("piano", notes, (4, 4), 4, 120.0, "C", "major"))
    assert [row["sounding"] for row in told] == [0, 1, 2, 3, 2, 1]
    assert [row["next_end"] for row in told] == [0, LONGEST_HOLD + 1, 24, 6, 12, 12]


def test_the_outer_notes_of_this_chord_and_the_tops_of_the_two_before_are_told() -> None:
    notes = (Note(0, 48, 12), Note(0, 60, 12), Note(12, 50, 12), Note(24, 52, 12), Note(24, 67, 12))
    last = inputs_of(Score("piano", notes, (4, 4), 1, 120.0, "C", "major"))[5]
    assert (last["bass"], last["top"], last["top_before"]) == tuple(p - LOWEST_PITCH for p in (52, 50, 60))


def test_bars_left_count_down_to_the_last_bar() -> None:
    score = tune(1, bars=20)
    left = [row["bars_left"] for row in inputs_of(score)[1:]]
    assert left == [min(15, 19 - note.onset // 48) for note in score.notes]
    assert left[-1] == 0


def test_a_pick_up_belongs_to_the_first_bar_and_lies_at_the_end_of_one() -> None:
    notes = (Note(0, 67, 12), Note(12, 60, 48), Note(60, 64, 48))
    told = inputs_of(Score("piano", notes, (4, 4), 2, 120.0, "C", "major", pickup=12))
    assert [row["position"] for row in told[1:]] == [36, 0, 0]
    assert [row["bars_left"] for row in told[1:]] == [2, 1, 0]
    assert [row["bar"] for row in told[1:]] == [7, 0, 1]


def test_frame_and_traits_are_told_at_every_step() -> None:
    score = songs()[5]
    found = frame_of(score, edges=PLAIN)
    for row in inputs_of(score):
        assert row["metre"] == METRES.index(score.metre)
        assert row["mode"] == 1
        assert row["parts"] == 0
        assert [row[name] for name in TRAITS] == found.plan[0, 2:].tolist()
    assert {row["parts"] for row in inputs_of(ensemble(1))} == {3}
    odd = Score("piano", (Note(0, 60, 12),), (5, 8), 1, 120.0, "C", "major")
    assert inputs_of(odd)[0]["metre"] == len(METRES)


def test_the_key_signature_is_taken_away() -> None:
    notes = tuple(Note(note.onset, note.pitch + 2, note.duration) for note in repeated(2).notes)
    in_d = Score("piano", notes, (4, 4), 2, 120.0, "D", "major")
    assert key_shift(tonic="D", mode="major") == 2
    assert all((tables(in_d)[name] == table).all() for name, table in tables(repeated(2)).items())


def test_beats_weigh_more_than_what_lies_between_them() -> None:
    assert [strengths((4, 4))[step] for step in (0, 12, 24, 6, 3)] == [4, 2, 3, 1, 0]
    assert [strengths((3, 4))[step] for step in (0, 12, 24, 6)] == [4, 2, 2, 1]
    assert [strengths((6, 8))[step] for step in (0, 18, 6, 3)] == [4, 2, 1, 0]
    assert [strengths((12, 8))[step] for step in (0, 18, 36)] == [4, 2, 3]


# motifs


def moved(*starts: int, shape: tuple[int, ...] = (0, 4, 7), below: int | None = None) -> Score:
    """A figure of three eighths in C major that begins on each of some pitches in turn, after a rest of an eighth."""
    scale = (0, 2, 4, 5, 7, 9, 11)
    notes = []
    for index, start in enumerate(starts):
        degree = scale.index((start - 60) % 12) + 7 * ((start - 60) // 12)
        for place, step in enumerate(shape):
            steps = {0: 0, 4: 2, 7: 4}[step] + degree
            pitch = 60 + 12 * (steps // 7) + scale[steps % 7]
            notes.append(Note(index * 24 + place * 6, pitch, 6))
            if below is not None:
                notes.append(Note(index * 24 + place * 6, below, 6))
    return Score("piano", tuple(sorted(notes)), (4, 4), 8, 120.0, "C", "major")


def test_a_motif_is_told_on_another_step_of_the_scale() -> None:
    score = moved(60, 62, 67)
    found = tables(score)
    told = named(INPUT_FIELDS, found["inputs"][6])
    assert score.notes[5].pitch == 69
    assert (told["motif_top"], told["motif_pitch_top"]) == (1, 64 - LOWEST_PITCH)
    assert told["motif_advance_top"] == ADVANCES.index(12)
    assert told["motif_pitch_bass"] == told["motif_pitch_top"]
    pitch = named(PITCH_FIELDS, found["pitch"][6])
    # the source went on from G down to D; a step higher that is E, and the piece goes elsewhere, to G
    assert pitch["motif_top"] == 64 - LOWEST_PITCH
    assert named(DURATION_FIELDS, found["duration"][6])["motif_top"] == NO_DURATION


def test_a_motif_foretells_its_third_note_and_how_long_it_lasts() -> None:
    score = moved(60, 62, 60, 62)
    found = tables(score)
    assert named(PITCH_FIELDS, found["pitch"][11])["motif_top"] == score.notes[11].pitch - LOWEST_PITCH
    assert named(DURATION_FIELDS, found["duration"][11])["motif_top"] == DURATIONS.index(6)
    assert (
        named(INPUT_FIELDS, found["inputs"][11])["motif_top"]
        > named(INPUT_FIELDS, found["inputs"][9])["motif_top"]
    )


def test_without_a_likeness_of_two_moves_no_motif_is_told() -> None:
    told = named(INPUT_FIELDS, tables(moved(60, 62))["inputs"][4])
    assert (told["motif_top"], told["motif_advance_top"], told["motif_pitch_top"]) == (0, NO_EVENT, NO_PITCH)


def test_each_outer_line_has_its_own_motif() -> None:
    found = tables(moved(60, 65, 62, below=48))
    told = named(INPUT_FIELDS, found["inputs"][12])
    assert told["motif_pitch_bass"] == 48 - LOWEST_PITCH
    assert told["motif_pitch_top"] != told["motif_pitch_bass"]
    assert told["motif_bass"] >= told["motif_top"]
    assert named(PITCH_FIELDS, found["pitch"][13])["motif_bass"] == 48 - LOWEST_PITCH


def test_a_figure_needs_only_the_same_rhythm_and_directions() -> None:
    pitches = (60, 64, 67, 64, 62, 67, 71, 65, 64, 71)
    notes = tuple(Note(6 * index, pitch, 6) for index, pitch in enumerate(pitches))
    score = Score("piano", notes, (4, 4), 2, 120.0, "C", "major")
    told = named(INPUT_FIELDS, tables(score)["inputs"][7])
    # up, up after a fall: no interval as before, but the way it went, and then it fell by a third from the third note
    assert (told["motif_top"], told["figure_top"]) == (0, 0)
    told = named(INPUT_FIELDS, tables(score)["inputs"][8])
    assert told["motif_top"] == 0
    assert told["figure_top"] == 1
    # three moves (up, up, down) were followed by a step down; it is carried from F to E
    assert told["figure_pitch_top"] == 64 - LOWEST_PITCH
    pitch = named(PITCH_FIELDS, tables(score)["pitch"][8])
    assert pitch["figure_top"] == 64 - LOWEST_PITCH
    assert named(DURATION_FIELDS, tables(score)["duration"][8])["figure_top"] == DURATIONS.index(6)
