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


@pytest.mark.parametrize("instrument", BLOWN_OR_BOWED)
def test_long_tones_swell_and_no_step_of_a_swell_is_heard(instrument):
    score = replace(
        line(instrument, bars=4, bpm=60),
        notes=tuple(
            Note(onset, 67, length) for onset, length in ((0, 12), (12, 30), (42, 6), (48, 48), (96, 96))
        ),
    )
    performance = perform(score=score, seed=5)
    # FluidSynth takes 1.5 ms from one value of the controller to the next: more than 1 of 127 is heard as a click.
    values = [value for _, value in performance.swells]
    assert all(abs(after - before) == 1 for before, after in pairwise(values))
    assert performance.swells[0][0] == 0.0
    assert max(values) == 127
    longest = [value for at, value in performance.swells if at > performance.notes[-1].start]
    assert longest.index(127) < len(longest) - 1
    assert longest[-1] == values[0]


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


@pytest.mark.parametrize("bpm", [30, 200])
def test_a_tone_of_the_marimba_is_rolled_where_a_stroke_would_leave_silence(bpm):
    score = replace(line("marimba", bars=1, bpm=bpm), notes=(Note(0, 60, 17), Note(24, 64, 6)))
    strokes = [note for note in perform(score=score, seed=1).notes if note.pitch == 60]
    assert (len(strokes) > 20) == (bpm == 30)


@pytest.mark.parametrize("instrument", ["harp", "vibraphone", "harpsichord"])
def test_a_dying_tone_is_struck_again_on_a_beat(instrument):
    held = (Note(48, 72, 144), Note(48, 76, 144), Note(48, 79, 144))
    score = replace(line(instrument, bars=4, bpm=60), notes=(Note(0, 60, 48), *held))
    played = [note for note in perform(score=score, seed=1, ritardando=0.0).notes if note.pitch == 79]
    places = [note.start - LEAD_SECONDS for note in played]
    assert len(places) > 2
    assert all(abs(place - round(place)) < 0.1 for place in places)
    # Bars of four seconds.
    assert {round(place) for place in places} >= {4, 8, 12}
    assert all(0.5 < after - before < 5 for before, after in pairwise([*places, 16.0]))
    if instrument != "harpsichord":
        assert max(note.velocity for note in played[1:]) < played[0].velocity


@pytest.mark.parametrize("instrument", ["violin", "organ", "marimba"])
def test_a_held_tone_that_does_not_die_is_not_struck_again(instrument):
    score = replace(line(instrument, bars=2, bpm=60), notes=(Note(0, 67, 15), Note(15, 72, 81)))
    assert sum(note.pitch == 72 for note in perform(score=score, seed=1).notes) in (
        (1,) if instrument != "marimba" else range(70, 90)
    )


def test_a_dying_tone_is_left_alone_where_others_follow():
    score = line("harp", bars=8, bpm=60)
    score = replace(score, notes=tuple(sorted([*score.notes, Note(0, 84, 192)])))
    assert sum(note.pitch == 84 for note in perform(score=score, seed=1).notes) == 1


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
    clock = Clock(score=score, phrases=phrases_of(score), rubato=rubato, begins=0)
    times = [clock.at(step) for step in range(score.steps + 1)]
    assert times[0] == pytest.approx(LEAD_SECONDS)
    assert times[-1] == pytest.approx(LEAD_SECONDS + score.seconds)
    assert times == sorted(times)
    assert all(abs(at - LEAD_SECONDS - score.seconds_at(step)) < 0.5 for step, at in enumerate(times))


def test_nobody_waits_for_the_rest_before_the_first_note():
    late = replace(
        line("flute", bars=8, bpm=120),
        notes=tuple(note for note in line("flute", bars=8, bpm=120).notes if note.onset >= 24),
    )
    clock = Clock(score=late, phrases=phrases_of(late), rubato=0.0, ritardando=0.0)
    even = [clock.at(step) for step in range(0, late.steps + 1, 12)]
    assert even[:3] == pytest.approx([LEAD_SECONDS] * 3)
    # 30 beats take the 16 s of 32.
    assert [after - before for before, after in pairwise(even[2:])] == pytest.approx([16 / 30] * 30)
    performance = perform(score=late, seed=5)
    assert performance.notes[0].start == pytest.approx(LEAD_SECONDS, abs=0.05)
    assert performance.seconds == pytest.approx(LEAD_SECONDS + 16.0, abs=0.1)
    # A loop keeps the rest: it is heard between the last note and the first.
    assert perform(score=late, seed=5, begins=0).notes[0].start == pytest.approx(LEAD_SECONDS + 1, abs=0.05)


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
