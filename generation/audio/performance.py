"""Play a score the way a person would: loudness, breathing time, pedal and strum, from one seed.

The amounts are small on purpose: every onset stays within a few hundredths of a second of the notation, so
that the drawing and the score can follow the sound, and the whole piece ends within half a second of it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from generation.audio.midi import Event, control, midi_file, note_off, note_on, program
from generation.audio.voices import Voice, voice_of
from generation.composer.score import STEPS_PER_QUARTER, Note, Score

LEAD_SECONDS = 0.1
"""Silence before step 0 in every rendering: audio time is score time plus this."""

PHRASE_BARS = 4
VELOCITY = {"struck": 66, "plucked": 74, "sustained": 78}
VELOCITY_RANGE = (34, 106)
"""Above 107 the piano changes to another recorded layer, which would stick out."""

ONSET_JITTER = 0.005
NOTE_JITTER = 0.003
LARGEST_JITTER = 0.012
RUBATO_SECONDS = 0.03
RITARDANDO_SECONDS = 0.35
SHORTEST_SECONDS = 0.05
REPEAT_GAP_SECONDS = 0.025
LEGATO_OVERLAP_SECONDS = 0.04
LARGEST_STRUM_SECONDS = 0.06
PEDAL_UP, PEDAL_DOWN = -0.01, 0.07
"""Legato pedalling: released with the new harmony, pressed again once its notes sound."""

PEDAL_PITCH_CLASSES = 5


@dataclass(frozen=True, slots=True)
class PlayedNote:
    """A note as performed: seconds from the start of the audio, MIDI velocity."""

    start: float
    end: float
    pitch: int
    velocity: int
    part: int


@dataclass(frozen=True, slots=True)
class Performance:
    """What the player does. ``pedal`` holds (seconds down, seconds up), ``seconds`` is when the last key is left."""

    voice: Voice
    notes: tuple[PlayedNote, ...]
    pedal: tuple[tuple[float, float], ...]
    seconds: float


def perform(*, score: Score, seed: int) -> Performance:
    """Perform ``score`` on its instrument; equal arguments give an equal performance.

    Raises ``ValueError`` for an unknown instrument, an empty score, or notes outside the instrument's range.
    """
    voice = voice_of(score.instrument)
    _check(score=score, voice=voice)
    random = np.random.default_rng(seed)
    clock = _Clock(score)
    chords = _chords(score.notes)
    onset_shift = {onset: _jitter(random, ONSET_JITTER) for onset in chords}
    ends = _sounding_ends(score=score, voice=voice)
    mean_pitch = sum(note.pitch for note in score.notes) / len(score.notes)
    played = []
    for onset, chord in chords.items():
        delays = _strum(chord=chord, voice=voice, upwards=onset % STEPS_PER_QUARTER == 0)
        for note, delay in zip(chord, delays, strict=True):
            velocity = VELOCITY[voice.manner] + _phrasing(score=score, onset=onset)
            velocity += _accent(score=score, onset=onset) + _balance(note=note, chord=chord)
            velocity += 0.25 * (note.pitch - mean_pitch) if note is chord[-1] else 0.0
            velocity += float(random.normal(0, 2.5))
            start = clock.at(onset) + onset_shift[onset] + _jitter(random, NOTE_JITTER) + delay
            end = max(start + SHORTEST_SECONDS, clock.at(ends[note]) + _articulation(voice=voice, note=note))
            played.append(
                PlayedNote(
                    start=max(0.0, start),
                    end=end,
                    pitch=note.pitch,
                    velocity=int(np.clip(round(velocity), *VELOCITY_RANGE)),
                    part=note.part,
                )
            )
    notes = _without_collisions(played)
    pedal = _pedal(score=score, clock=clock) if voice.pedal else ()
    return Performance(voice=voice, notes=notes, pedal=pedal, seconds=max(note.end for note in notes))


def performance_midi(*, performance: Performance, score: Score) -> bytes:
    """Return the performance as a Standard MIDI File; ``score`` gives tempo, metre and title."""
    parts = sorted({note.part for note in performance.notes})
    if len(parts) > 15:
        raise ValueError(f"{len(parts)} parts are too many: MIDI has 16 channels, one kept for drums")
    channel_of = {part: index + (index >= 9) for index, part in enumerate(parts)}
    events: list[Event] = []
    for channel in channel_of.values():
        events.append(program(number=performance.voice.program, channel=channel))
        for down, up in performance.pedal:
            events.append(control(seconds=down, number=64, value=127, channel=channel))
            events.append(control(seconds=up, number=64, value=0, channel=channel))
    for note in performance.notes:
        channel = channel_of[note.part]
        events.append(note_on(seconds=note.start, pitch=note.pitch, velocity=note.velocity, channel=channel))
        events.append(note_off(seconds=note.end, pitch=note.pitch, channel=channel))
    return midi_file(
        events=events,
        bpm=score.bpm,
        metre=score.metre,
        seconds=performance.seconds + 0.1,
        title=score.title,
    )


class _Clock:
    """Seconds of audio for a grid step: lead-in, a breath in each phrase, a small ritardando at the end."""

    def __init__(self, score: Score) -> None:
        self.score = score
        self.phrase = PHRASE_BARS * score.steps_per_bar
        self.slowing = score.steps - score.steps_per_bar
        bar_seconds = score.seconds_at(score.steps_per_bar)
        self.ritardando = min(RITARDANDO_SECONDS, 0.15 * bar_seconds)
        self.rubato = min(RUBATO_SECONDS, 0.015 * bar_seconds)

    def at(self, step: int) -> float:
        through = (step - self.score.pickup) % self.phrase / self.phrase
        late = max(0.0, min(1.0, (step - self.slowing) / self.score.steps_per_bar))
        breath = self.rubato * (1 - math.cos(2 * math.pi * through)) / 2 * (late == 0)
        return LEAD_SECONDS + self.score.seconds_at(step) - breath + self.ritardando * late**2


def _check(*, score: Score, voice: Voice) -> None:
    if not score.notes:
        raise ValueError("the score has no notes, so there is nothing to play")
    outside = sorted({note.pitch for note in score.notes if not voice.lowest <= note.pitch <= voice.highest})
    if outside:
        raise ValueError(
            f"pitches {outside} lie outside the range of {voice.slug} ({voice.lowest} to {voice.highest})"
        )
    for note in score.notes:
        if note.duration <= 0 or note.onset < 0 or note.onset >= score.steps:
            raise ValueError(f"{note} does not lie within the {score.steps} steps of the piece")


def _chords(notes: tuple[Note, ...]) -> dict[int, list[Note]]:
    """Group notes by onset, both in rising order."""
    chords: dict[int, list[Note]] = {}
    for note in sorted(notes):
        chords.setdefault(note.onset, []).append(note)
    return chords


def _jitter(random: np.random.Generator, spread: float) -> float:
    return float(np.clip(random.normal(0, spread), -LARGEST_JITTER, LARGEST_JITTER))


def _phrasing(*, score: Score, onset: int) -> float:
    """Swell of the phrase: softest at both ends, loudest past the middle, the last phrase a little softer."""
    length = PHRASE_BARS * score.steps_per_bar
    position = max(0, onset - score.pickup)
    arc = 8 * math.sin(math.pi * (position % length / length) ** 1.2) - 4
    closing = (score.bars + 1) // PHRASE_BARS * length - length
    return arc - (3 if score.bars > 2 * PHRASE_BARS and position >= closing else 0)


def _accent(*, score: Score, onset: int) -> float:
    """Stress by place in the bar: first beat, middle of the bar, other beats, between the beats."""
    beats, unit = score.metre
    beat = STEPS_PER_QUARTER * 4 // unit
    place = (onset - score.pickup) % score.steps_per_bar
    if place == 0:
        return 6.0
    pulse = 3 * beat if unit == 8 and beats % 3 == 0 else beat
    if place % pulse:
        return -3.0
    return 3.0 if beats % 2 == 0 and 2 * place == score.steps_per_bar else 0.0


def _balance(*, note: Note, chord: list[Note]) -> float:
    """Bring the top voice out and keep the inner voices back."""
    if len(chord) == 1:
        return 2.0
    if note is chord[-1]:
        return 7.0
    return -1.0 if note is chord[0] else -7.0


def _strum(*, chord: list[Note], voice: Voice, upwards: bool) -> list[float]:
    """Delay of each note of ``chord`` in seconds; on the beat the lowest string comes first."""
    if not voice.strum or len(chord) < 2:
        return [0.0] * len(chord)
    step = min(voice.strum, LARGEST_STRUM_SECONDS / (len(chord) - 1))
    delays = [index * step for index in range(len(chord))]
    return delays if upwards else delays[::-1]


def _sounding_ends(*, score: Score, voice: Voice) -> dict[Note, int]:
    """Grid step at which each note stops: as notated, or later on strings that ring."""
    if not voice.rings:
        return {note: note.onset + note.duration for note in score.notes}
    ends = {}
    starts = sorted(score.notes)
    onsets = [note.onset for note in starts]
    for note in score.notes:
        end = note.onset + note.duration
        bar_end = note.onset + score.steps_per_bar - (note.onset - score.pickup) % score.steps_per_bar
        for other in starts[bisect_right(onsets, note.onset) :]:
            if other.onset >= bar_end or abs(other.pitch - note.pitch) <= 2:
                break
        else:
            other = None
        ends[note] = max(end, min(bar_end, other.onset if other else bar_end))
    return ends


def _articulation(*, voice: Voice, note: Note) -> float:
    """Seconds added to the notated end: bowed and blown notes overlap a little, others part a little."""
    if voice.manner == "sustained":
        return LEGATO_OVERLAP_SECONDS if note.duration >= STEPS_PER_QUARTER // 2 else 0.0
    return -0.015


def _without_collisions(played: list[PlayedNote]) -> tuple[PlayedNote, ...]:
    """End every note before the same key is struck again; one key struck twice at once sounds once."""
    by_key: dict[tuple[int, int], list[PlayedNote]] = {}
    for note in sorted(played, key=lambda note: (note.start, note.end)):
        by_key.setdefault((note.part, note.pitch), []).append(note)
    result = []
    for notes in by_key.values():
        for note, following in pairwise(notes):
            end = min(note.end, following.start - REPEAT_GAP_SECONDS)
            if end > note.start:
                result.append(
                    PlayedNote(note.start, max(end, note.start + 0.01), note.pitch, note.velocity, note.part)
                )
        result.append(notes[-1])
    return tuple(sorted(result, key=lambda note: (note.start, note.pitch)))


def _pedal(*, score: Score, clock: _Clock) -> tuple[tuple[float, float], ...]:
    """Hold the damper pedal as long as the notes begun agree: at most a bar, five pitch classes, no semitone."""
    beat = STEPS_PER_QUARTER * 4 // score.metre[1]
    if score.metre[1] == 8:
        beat *= 3 if score.metre[0] % 3 == 0 else 2
    changes: list[int] = []
    held: set[int] = set()
    for step in range(score.pickup % beat - beat if score.pickup % beat else 0, score.steps, beat):
        new = {note.pitch % 12 for note in score.notes if step <= note.onset < step + beat}
        together = held | new
        clash = any((pitch + 1) % 12 in together for pitch in together)
        at_bar = (step - score.pickup) % score.steps_per_bar == 0
        if not changes or at_bar or (new - held and (clash or len(together) > PEDAL_PITCH_CLASSES)):
            changes.append(max(0, step))
            held = new
        else:
            held = together
    spans = []
    last = max(note.onset + note.duration for note in score.notes)
    for begin, end in pairwise([*changes, last]):
        down, up = clock.at(begin) + PEDAL_DOWN, clock.at(end) + PEDAL_UP
        if up - down > PEDAL_DOWN:
            spans.append((down, up))
    return tuple(spans)
