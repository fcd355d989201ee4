from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.composer.events import (
    ADVANCES,
    DURATIONS,
    END_EVENT,
    LOWEST_PITCH,
    PITCHES,
    UnencodableScoreError,
    decode,
    encode,
    fit,
    key_shift,
)
from generation.composer.score import TONICS, Note


@st.composite
def scores_on_the_grid(draw: st.DrawFn) -> tuple[tuple[Note, ...], int]:
    shift = key_shift(tonic=draw(st.sampled_from(TONICS)), mode=draw(st.sampled_from(("major", "minor"))))
    lowest = LOWEST_PITCH + shift
    notes = {}
    onset = 0
    for _ in range(draw(st.integers(0, 40))):
        onset += draw(st.sampled_from(ADVANCES))
        pitch = draw(st.integers(lowest, lowest + PITCHES - 1))
        notes[onset, pitch] = Note(onset, pitch, draw(st.sampled_from(DURATIONS)))
    return tuple(sorted(notes.values())), shift


@given(scores_on_the_grid())
def test_a_score_on_the_grid_comes_back_exactly(case: tuple[tuple[Note, ...], int]) -> None:
    notes, shift = case
    events = encode(notes, shift=shift)
    assert events[-1] == END_EVENT
    assert len(events) == len(notes) + 1
    assert decode(events, shift=shift) == notes


@given(
    st.lists(st.builds(Note, st.integers(0, 3000), st.integers(0, 127), st.integers(1, 500)), max_size=30),
    st.integers(-5, 6),
)
def test_any_notes_can_be_fitted_and_fitting_twice_changes_nothing(notes: list[Note], shift: int) -> None:
    fitted = fit(notes, shift=shift)
    assert decode(encode(fitted, shift=shift), shift=shift) == fitted
    assert fit(fitted, shift=shift) == fitted


def test_one_octave_of_keys_is_moved_at_most_a_tritone_to_the_key_without_signature() -> None:
    assert key_shift(tonic="C", mode="major") == 0
    assert key_shift(tonic="A", mode="minor") == 0
    assert key_shift(tonic="G", mode="major") == -5
    assert key_shift(tonic="E", mode="minor") == -5
    assert sorted(key_shift(tonic=tonic, mode="major") for tonic in TONICS) == list(range(-5, 7))


def test_a_length_without_a_class_is_named_in_the_error() -> None:
    with pytest.raises(UnencodableScoreError, match=r"duration=13.*fit\(\)"):
        encode([Note(0, 60, 13)], shift=0)
