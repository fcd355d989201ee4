from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.audio.performance import LEAD_SECONDS, perform, performance_midi
from generation.composer.score import Note, Score
from tests.generation.audio.conftest import scale, song


def test_the_same_seed_plays_the_same_and_another_seed_does_not():
    score = song()
    assert perform(score=score, seed=3) == perform(score=score, seed=3)
    assert perform(score=score, seed=3) != perform(score=score, seed=4)


@pytest.mark.parametrize("instrument", ["piano", "guitar", "harp", "violin", "organ"])
def test_the_performance_ends_within_half_a_second_of_the_notation(instrument):
    score = song(instrument=instrument if instrument != "violin" else "piano")
    performance = perform(score=score, seed=1)
    assert abs(performance.seconds - LEAD_SECONDS - score.seconds) < 0.5


def test_every_note_begins_near_its_place_in_the_score():
    score = scale()
    performance = perform(score=score, seed=1)
    for note, played in zip(score.notes, performance.notes, strict=True):
        late = played.start - LEAD_SECONDS - score.seconds_at(note.onset)
        assert played.pitch == note.pitch
        assert -0.06 < late < (0.03 if note.onset <= 48 else 0.35)


def test_the_tune_is_louder_than_the_inner_voices():
    score = song()
    performance = perform(score=score, seed=1)
    chord = [note for note in performance.notes if note.start > score.seconds_at(15 * 48) + 0.05]
    top = max(chord, key=lambda note: note.pitch)
    inner = [note for note in chord if 48 < note.pitch < top.pitch]
    assert all(note.velocity < top.velocity for note in inner)


def test_a_guitar_chord_is_strummed_from_the_lowest_string():
    pitches = (40, 47, 52, 56, 59, 64)
    score = replace(scale(instrument="guitar"), notes=tuple(Note(0, pitch, 48) for pitch in pitches))
    starts = [note.start for note in sorted(perform(score=score, seed=1).notes, key=lambda note: note.pitch)]
    assert 0.03 < starts[-1] - starts[0] < 0.1
    assert sum(later > earlier for earlier, later in pairwise(starts)) >= 4


def test_a_guitar_string_rings_on_to_the_end_of_the_bar():
    score = replace(scale(instrument="guitar"), notes=(Note(0, 52, 12), Note(12, 60, 12), Note(24, 67, 24)))
    performance = perform(score=score, seed=1)
    assert performance.notes[0].end > 1.9


def test_the_pedal_is_lifted_at_each_bar_and_at_the_end():
    score = song()
    performance = perform(score=score, seed=1)
    for bar in range(1, score.bars):
        line = LEAD_SECONDS + score.seconds_at(bar * score.steps_per_bar)
        assert any(abs(up - line) < 0.06 for _, up in performance.pedal)
    assert performance.pedal[-1][1] <= performance.seconds + 0.02
    assert all(down < up for down, up in performance.pedal)
    assert all(up < down for (_, up), (down, _) in pairwise(performance.pedal))


@st.composite
def scores(draw: st.DrawFn) -> Score:
    metre = draw(st.sampled_from([(4, 4), (3, 4), (6, 8), (2, 2), (5, 4)]))
    bars = draw(st.integers(1, 6))
    pickup = draw(st.sampled_from([0, 6, 12]))
    steps = pickup + bars * metre[0] * 48 // metre[1]
    note = st.builds(
        Note,
        onset=st.integers(0, steps - 1),
        pitch=st.integers(40, 88),
        duration=st.integers(1, 60),
        part=st.integers(0, 1),
    )
    notes = draw(st.lists(note, min_size=1, max_size=40))
    return Score(
        instrument=draw(st.sampled_from(["piano", "guitar"])),
        notes=tuple(sorted(notes)),
        metre=metre,
        bars=bars,
        bpm=draw(st.floats(40, 200)),
        tonic="C",
        mode="minor",
        pickup=pickup,
    )


@given(score=scores(), seed=st.integers(0, 2**63))
@settings(max_examples=60, deadline=None)
def test_any_score_is_played_without_a_key_struck_while_it_is_down(score, seed):
    performance = perform(score=score, seed=seed)
    keys: dict[tuple[int, int], float] = {}
    for note in performance.notes:
        assert 0 <= note.start < note.end
        assert 1 <= note.velocity <= 107
        assert keys.get((note.part, note.pitch), 0.0) <= note.start
        keys[note.part, note.pitch] = note.end
    assert {note.pitch for note in performance.notes} == {note.pitch for note in score.notes}
    midi = performance_midi(performance=performance, score=score)
    assert midi.startswith(b"MThd")
    assert midi.endswith(b"\xff\x2f\0")


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (replace(scale(), instrument="kazoo"), "no sound for instrument 'kazoo'; there are: piano, guitar"),
        (replace(scale(), notes=()), "no notes"),
        (
            replace(scale(), notes=(Note(0, 10, 12),)),
            r"pitches \[10\] lie outside the range of piano \(21 to 108\)",
        ),
        (replace(scale(), notes=(Note(0, 60, 0),)), "does not lie within"),
        (replace(scale(), notes=(Note(999, 60, 12),)), "does not lie within the 96 steps"),
    ],
)
def test_a_score_that_cannot_be_played_is_refused(score, message):
    with pytest.raises(ValueError, match=message):
        perform(score=score, seed=1)
