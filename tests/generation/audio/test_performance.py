from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.audio.clock import Clock
from generation.audio.expression import EXPRESSIONS
from generation.audio.performance import LEAD_SECONDS, perform, performance_midi
from generation.audio.phrases import phrases_of
from generation.audio.voices import VOICES
from generation.composer.players import PLAYERS
from generation.composer.score import Note, Score
from tests.generation.audio.conftest import scale, song


def test_the_same_seed_plays_the_same_and_another_seed_does_not():
    score = song()
    assert perform(score=score, seed=3) == perform(score=score, seed=3)
    assert perform(score=score, seed=3) != perform(score=score, seed=4)


def test_every_note_begins_near_its_place_in_the_score():
    score = scale()
    performance = perform(score=score, seed=1)
    for note, played in zip(score.notes, performance.notes, strict=True):
        late = played.start - LEAD_SECONDS - score.seconds_at(note.onset)
        assert played.pitch == note.pitch
        assert -0.12 < late < 0.02


def test_the_tune_is_louder_than_the_inner_voices():
    score = song()
    performance = perform(score=score, seed=1)
    chord = [note for note in performance.notes if note.start > score.seconds_at(15 * 48) - 0.3][-5:]
    assert len(chord) == 5
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
    downbeats = [note.start for note in performance.notes if note.pitch <= 48]
    assert len(downbeats) == score.bars
    assert all(any(abs(up - beat) < 0.04 for _, up in performance.pedal) for beat in downbeats[1:])
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
        instrument=draw(st.sampled_from(["piano", "guitar", "harp"])),
        notes=tuple(sorted(notes)),
        metre=metre,
        bars=bars,
        bpm=draw(st.floats(40, 200)),
        tonic="C",
        mode="minor",
        pickup=pickup,
    )


DYNAMIC = tuple(slug for slug in EXPRESSIONS if slug not in ("harpsichord", "organ"))
BLOWN_OR_BOWED = ("violin", "viola", "cello", "flute")


def line(instrument: str, *, bars: int = 16, bpm: float = 100.0, metre: tuple[int, int] = (4, 4)) -> Score:
    """Quarter notes that go up and down in the player's range; a half note ends each phrase of four bars."""
    player = PLAYERS[instrument]
    low = (player.low + player.high) // 2 - 6
    beats = bars * metre[0] * 4 // metre[1]
    notes = []
    for beat in range(beats):
        if (beat + 1) % (4 * metre[0]) and beat < beats - 1:
            length = 24 if (beat + 2) % (4 * metre[0]) == 0 or beat == beats - 2 else 12
            notes.append(Note(12 * beat, low + (0, 2, 4, 5, 7, 9, 11, 12)[beat * 3 % 8], length))
    return Score(instrument, tuple(notes), metre, bars, bpm, "C", "major")


@pytest.mark.parametrize("instrument", VOICES)
@pytest.mark.parametrize(
    ("bars", "bpm", "metre"), [(2, 200, (3, 4)), (4, 40, (4, 4)), (17, 132, (2, 4)), (40, 90, (4, 4))]
)
def test_every_instrument_ends_on_time(instrument, bars, bpm, metre):
    score = line(instrument, bars=bars, bpm=bpm, metre=metre)
    performance = perform(score=score, seed=5)
    assert performance.seconds - LEAD_SECONDS == pytest.approx(score.seconds, abs=0.1)


@pytest.mark.parametrize("instrument", VOICES)
def test_every_instrument_plays_all_notes_in_order_near_their_places(instrument):
    score = line(instrument)
    played = perform(score=score, seed=5).notes
    first = {note.pitch: note for note in reversed(played)}
    assert {note.pitch for note in played} == {note.pitch for note in score.notes}
    assert first[score.notes[0].pitch].start == pytest.approx(LEAD_SECONDS, abs=0.02)
    places = [LEAD_SECONDS + score.seconds_at(note.onset) for note in score.notes]
    assert all(min(abs(note.start - place) for note in played) < 0.45 for place in places)
    assert [note.start for note in played] == sorted(note.start for note in played)


@pytest.mark.parametrize("instrument", VOICES)
def test_velocities_stay_within_the_instruments_range(instrument):
    manner = EXPRESSIONS[instrument]
    velocities = {note.velocity for note in perform(score=line(instrument), seed=5).notes}
    assert manner.softest <= min(velocities) <= max(velocities) <= manner.loudest
    assert (len(velocities) == 1) == (instrument in ("harpsichord", "organ"))


def mean_velocity(played, *, seconds):
    near = [note.velocity for note in played if any(abs(note.start - at) < 0.12 for at in seconds)]
    return sum(near) / len(near)


@pytest.mark.parametrize("instrument", DYNAMIC)
def test_velocities_follow_metre_and_phrase(instrument):
    score = line(instrument, bars=32)
    score = replace(score, notes=tuple(replace(note, pitch=64) for note in score.notes))
    played = [note for seed in range(6) for note in perform(score=score, seed=seed).notes]
    at = [LEAD_SECONDS + score.seconds_at(12 * beat) for beat in range(100)]
    assert mean_velocity(played, seconds=at[0::4]) > mean_velocity(played, seconds=at[1::4] + at[3::4]) + 1
    assert mean_velocity(played, seconds=at[9::16]) > mean_velocity(played, seconds=at[1::16]) + 2


@pytest.mark.parametrize("instrument", VOICES)
def test_notes_run_into_each_other_only_where_they_are_bowed_blown_or_ring(instrument):
    played = perform(score=line(instrument), seed=5).notes
    overlaps = sum(before.end > after.start + 0.02 for before, after in pairwise(played))
    if instrument in (*BLOWN_OR_BOWED, "guitar", "harp"):
        assert overlaps > len(played) / 2
    else:
        assert not overlaps


@pytest.mark.parametrize("instrument", ["harpsichord", "organ"])
def test_without_touch_dynamics_the_gap_before_a_bar_line_stresses_what_follows(instrument):
    played = perform(score=line(instrument, bars=3), seed=5).notes
    gaps = [after.start - before.end for before, after in pairwise(played)]
    assert min(gaps) > 0.015
    assert gaps[3] > sum(gaps[:3]) / 3 + 0.01


@pytest.mark.parametrize("instrument", BLOWN_OR_BOWED)
def test_a_phrase_is_followed_by_a_breath(instrument):
    score = line(instrument)
    performance = perform(score=score, seed=5)
    breaths = [
        after.start - before.end for before, after in pairwise(performance.notes) if after.start > before.end
    ]
    assert len(breaths) == 3
    assert min(breaths) > 0.04
    assert all(0 <= value <= 127 for _, value in performance.swells)
    assert performance.swells == tuple(sorted(performance.swells))


@pytest.mark.parametrize("instrument", sorted(set(VOICES) - set(BLOWN_OR_BOWED)))
def test_what_cannot_swell_does_not(instrument):
    assert perform(score=line(instrument), seed=5).swells == ()


def test_a_long_tone_of_the_marimba_is_rolled_and_a_short_one_is_not():
    score = replace(
        line("marimba", bars=1, bpm=60), notes=(Note(0, 60, 12), Note(12, 64, 36), Note(12, 67, 36))
    )
    played = perform(score=score, seed=1).notes
    strokes = {pitch: [note for note in played if note.pitch == pitch] for pitch in (60, 64, 67)}
    assert len(strokes[60]) == 1
    assert 30 <= len(strokes[64]) <= 37
    assert strokes[64][0].velocity > max(note.velocity for note in strokes[64][1:])
    both = sorted((note.start, note.pitch) for note in strokes[64][1:10] + strokes[67][1:10])
    assert all(before[1] != after[1] for before, after in pairwise(both))


def test_phrases_begin_after_the_long_notes_of_the_melody():
    notes = [Note(12 * beat, 60 + beat % 5, 12) for beat in range(32) if beat not in (15, 16)]
    score = Score(
        "flute",
        tuple(replace(n, duration=30) if n.onset == 168 else n for n in notes),
        (4, 4),
        8,
        90.0,
        "C",
        "major",
    )
    assert phrases_of(score).starts == (0, 204)
    assert phrases_of(replace(score, bars=5)).starts == (0,)


@given(score=scores(), rubato=st.floats(0, 0.05))
@settings(max_examples=60, deadline=None)
def test_the_clock_never_goes_back_and_ends_on_time(score, rubato):
    clock = Clock(score=score, phrases=phrases_of(score), rubato=rubato)
    times = [clock.at(step) for step in range(score.steps + 1)]
    assert times[0] == pytest.approx(LEAD_SECONDS)
    assert times[-1] == pytest.approx(LEAD_SECONDS + score.seconds)
    assert times == sorted(times)
    assert all(abs(at - LEAD_SECONDS - score.seconds_at(step)) < 0.5 for step, at in enumerate(times))


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
