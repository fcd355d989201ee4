from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.composer.events import (
    ADVANCES,
    DURATIONS,
    END_EVENT,
    LOWEST_PITCH,
    PARTS,
    PITCHES,
    Event,
    UnencodableScoreError,
    decode,
    encode,
    fit,
    key_shift,
    nearest,
)
from generation.composer.score import TONICS, Note
from tests.generation.composer.scores import CALM


@st.composite
def scores_on_the_grid(draw: st.DrawFn) -> tuple[tuple[Note, ...], int]:
    shift = key_shift(tonic=draw(st.sampled_from(TONICS)), mode=draw(st.sampled_from(("major", "minor"))))
    lowest = LOWEST_PITCH + shift
    notes = {}
    onset = 0
    for _ in range(draw(st.integers(0, 20))):
        onset += draw(st.sampled_from(ADVANCES))
        pitch = draw(st.integers(lowest, lowest + PITCHES - 1))
        part = draw(st.integers(0, PARTS - 1))
        notes[onset, pitch, part] = Note(onset, pitch, draw(st.sampled_from(DURATIONS)), part)
    return tuple(sorted(notes.values())), shift


@CALM
@given(scores_on_the_grid())
def test_a_score_on_the_grid_comes_back_exactly_with_its_parts(case: tuple[tuple[Note, ...], int]) -> None:
    notes, shift = case
    events = encode(notes, shift=shift)
    assert events[-1] == END_EVENT
    assert len(events) == len(notes) + 1
    assert decode(events, shift=shift) == notes


@CALM
@given(
    st.lists(
        st.builds(Note, st.integers(0, 3000), st.integers(0, 127), st.integers(1, 500), st.integers(0, 9)),
        max_size=30,
    ),
    st.integers(-5, 6),
)
def test_any_notes_can_be_fitted_and_fitting_twice_changes_nothing(notes: list[Note], shift: int) -> None:
    fitted = fit(notes, shift=shift)
    assert decode(encode(fitted, shift=shift), shift=shift) == fitted
    assert fit(fitted, shift=shift) == fitted
    assert len(fitted) <= len(notes)


def test_what_follows_the_end_is_ignored() -> None:
    note = Event(0, 2, 45, 11)
    assert decode([note, END_EVENT, note], shift=0) == (Note(0, 60, 12, 2),)
    assert decode([END_EVENT], shift=0) == ()


def test_fitting_keeps_the_longer_of_two_equal_notes_and_both_of_two_players() -> None:
    notes = [Note(0, 60, 12), Note(0, 60, 24), Note(0, 60, 6, 1), Note(0, 2, 12)]
    assert fit(notes, shift=0) == (Note(0, 60, 6, 1), Note(0, 60, 24))


def test_rounding_an_onset_does_not_move_what_comes_after_it() -> None:
    assert fit([Note(0, 60, 12), Note(50, 60, 12), Note(98, 60, 13)], shift=0) == (
        Note(0, 60, 12),
        Note(48, 60, 12),
        Note(96, 60, 12),
    )


def test_the_smaller_of_two_equally_near_values_is_taken() -> None:
    assert [nearest(value, table=(0, 4, 8)) for value in (-3, 1, 2, 3, 6, 7, 99)] == [0, 0, 0, 1, 1, 2, 2]


def test_one_octave_of_keys_is_moved_at_most_a_tritone_to_the_key_without_signature() -> None:
    assert key_shift(tonic="C", mode="major") == 0
    assert key_shift(tonic="A", mode="minor") == 0
    assert key_shift(tonic="G", mode="major") == -5
    assert key_shift(tonic="E", mode="minor") == -5
    for mode in ("major", "minor"):
        assert sorted(key_shift(tonic=tonic, mode=mode) for tonic in TONICS) == list(range(-5, 7))


@pytest.mark.parametrize(
    ("note", "named"),
    [
        (Note(0, 60, 13), "duration=13"),
        (Note(49, 60, 12), "onset=49"),
        (Note(0, 14, 12), "pitch=14"),
        (Note(0, 60, 12, 5), "part=5"),
    ],
)
def test_what_has_no_class_is_named_in_the_error(note: Note, named: str) -> None:
    with pytest.raises(UnencodableScoreError, match=rf"{named}.*fit\(\)"):
        encode([note], shift=0)
