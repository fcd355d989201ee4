"""Play a score the way a person would: loudness, breathing time, articulation and pedal, from one seed.

What each instrument's player does is data (``expression``). Onsets stay within half a second of the clock's even
time, nearly all of them within a tenth, so that the drawing and the score can follow the sound; the piece begins
with its first note and ends when it is notated to end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from generation.audio.clock import LEAD_SECONDS, RITARDANDO_SECONDS, Clock
from generation.audio.expression import EXPRESSIONS, Expression
from generation.audio.midi import Event, control, midi_file, note_off, note_on, program
from generation.audio.pedal import pedal_spans
from generation.audio.phrases import Phrases, peaks, phrases_of, stress
from generation.audio.restrike import struck_again
from generation.audio.voices import Voice, voice_of
from generation.composer.score import STEPS_PER_QUARTER, Note, Score

__all__ = ["LEAD_SECONDS", "Performance", "PlayedNote", "perform", "performance_midi"]

LARGEST_JITTER = 0.012
LARGEST_STRUM_SECONDS = 0.09
SHORTEST_SECONDS = 0.05
REPEAT_GAP_SECONDS = 0.025
LEGATO_FROM_STEPS = STEPS_PER_QUARTER // 2
"""Shorter notes do not overlap: they would blur."""

BAR_END_GAP = 1.5
"""How much longer the gap before a bar line is where articulation stands for loudness."""

SOLO_VELOCITY = 2.0
ROLL_SECONDS = 0.085
"""From one stroke of a roll to the next."""

ROLL_SOFTER = 10
LONGEST_STROKE_SECONDS = 1.2
"""A tone that lasts longer is rolled, however it is notated."""

AGAIN_SOFTER = 9
"""How much softer a tone is struck that had died away."""

SWELL_TOP, SWELL_AT = 127, 0.4
SWELL_FROM_SECONDS, SWELL_FULL_SECONDS = 0.5, 2.0
"""From which length a tone grows, and from which by the instrument's whole swell."""

EXPRESSION_CONTROLLER, PEDAL_CONTROLLER = 11, 64
MOST_PARTS = 15


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
    """What the player does.

    ``pedal`` holds (seconds down, seconds up), ``swells`` (seconds, value of the expression controller),
    ``seconds`` is when the last key is left.
    """

    voice: Voice
    notes: tuple[PlayedNote, ...]
    pedal: tuple[tuple[float, float], ...]
    swells: tuple[tuple[float, int], ...]
    seconds: float


def perform(
    *, score: Score, seed: int, ritardando: float = RITARDANDO_SECONDS, begins: int | None = None
) -> Performance:
    """Perform ``score`` on its instrument; equal arguments give an equal performance.

    ``ritardando`` is by how many seconds the last bar may slow down, ``begins`` the grid step with which the sound
    begins, by default that of the first note. Raises ``ValueError`` for an unknown instrument, an empty score, or
    notes outside the instrument's range.
    """
    voice = voice_of(score.instrument)
    _check(score=score, voice=voice)
    return _Player(score=score, voice=voice, seed=seed, ritardando=ritardando, begins=begins).play()


def performance_midi(*, performance: Performance, score: Score) -> bytes:
    """Return the performance as a Standard MIDI File; ``score`` gives tempo, metre and title."""
    parts = sorted({note.part for note in performance.notes})
    if len(parts) > MOST_PARTS:
        raise ValueError(f"{len(parts)} parts are too many: MIDI has 16 channels, one kept for drums")
    channel_of = {part: index + (index >= 9) for index, part in enumerate(parts)}
    events: list[Event] = []
    for channel in channel_of.values():
        events.append(program(number=performance.voice.program, channel=channel))
        for down, up in performance.pedal:
            events.append(control(seconds=down, number=PEDAL_CONTROLLER, value=127, channel=channel))
            events.append(control(seconds=up, number=PEDAL_CONTROLLER, value=0, channel=channel))
        for seconds, value in performance.swells:
            events.append(
                control(seconds=seconds, number=EXPRESSION_CONTROLLER, value=value, channel=channel)
            )
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


class _Player:
    """One performance in the making."""

    def __init__(
        self, *, score: Score, voice: Voice, seed: int, ritardando: float, begins: int | None
    ) -> None:
        self._voice = voice
        self._manner: Expression = EXPRESSIONS[voice.slug]
        self._random = np.random.default_rng(seed)
        self._phrases: Phrases = phrases_of(score)
        self._clock = Clock(
            score=score,
            phrases=self._phrases,
            rubato=self._manner.rubato,
            ritardando=ritardando,
            begins=begins,
        )
        self._score, self._again = struck_again(score=score, fading=self._manner.fading)
        self._peaks = peaks(self._score)
        self._ends = _sounding_ends(score=self._score, rings=self._manner.rings)

    def play(self) -> Performance:
        """Play all chords in order."""
        chords = _chords(self._score.notes)
        shifts = {onset: self._jitter(self._manner.jitter) for onset in chords}
        played = [note for onset, chord in chords.items() for note in self._chord(chord, shift=shifts[onset])]
        notes = _without_collisions(played)
        return Performance(
            voice=self._voice,
            notes=notes,
            pedal=pedal_spans(score=self._score, clock=self._clock) if self._manner.pedal else (),
            swells=self._swells(notes),
            seconds=max(note.end for note in notes),
        )

    def _chord(self, chord: list[Note], *, shift: float) -> Iterator[PlayedNote]:
        for index, (note, delay) in enumerate(zip(chord, self._strum(chord), strict=True)):
            velocity = self._velocity(note, chord=chord)
            start = max(0.0, self._clock.at(note.onset) + shift + self._jitter(self._manner.spread) + delay)
            end = max(start + SHORTEST_SECONDS, self._end(note))
            played = PlayedNote(start=start, end=end, pitch=note.pitch, velocity=velocity, part=note.part)
            if self._rolled(note):
                yield from self._roll(played, later=index % 2 == 1)
            else:
                yield played

    def _rolled(self, note: Note) -> bool:
        manner = self._manner
        seconds = self._clock.at(note.onset + note.duration) - self._clock.at(note.onset)
        return manner.roll_from > 0 and (note.duration > manner.roll_from or seconds > LONGEST_STROKE_SECONDS)

    def _velocity(self, note: Note, *, chord: list[Note]) -> int:
        manner = self._manner
        velocity = manner.base + manner.phrase * self._phrases.arc(note.onset)
        velocity += manner.accent * stress(score=self._score, onset=note.onset)
        if len(chord) == 1:
            velocity += min(SOLO_VELOCITY, manner.balance)
        elif note is chord[-1]:
            velocity += 0.5 * manner.balance
        else:
            velocity -= manner.balance * (0.2 if note is chord[0] else 0.5)
        if note is chord[-1]:
            velocity += manner.contour * self._peaks[note.onset]
        if note.onset in self._again:
            velocity -= AGAIN_SOFTER
        velocity += float(self._random.normal(0, manner.unevenness))
        return int(np.clip(round(velocity), manner.softest, manner.loudest))

    def _end(self, note: Note) -> float:
        """Second at which the note is left."""
        manner = self._manner
        notated = note.onset + note.duration
        seconds = self._clock.at(self._ends[note])
        if notated in self._phrases.starts and manner.breath:
            return max(seconds - manner.breath, (seconds + self._clock.at(note.onset)) / 2)
        if manner.overlap:
            return seconds + (manner.overlap if note.duration >= LEGATO_FROM_STEPS else 0.0)
        gap = manner.gap
        if not manner.accent and (notated - self._score.pickup) % self._score.steps_per_bar == 0:
            gap *= BAR_END_GAP
        return seconds - min(gap, manner.gap_share * (seconds - self._clock.at(note.onset)))

    def _strum(self, chord: list[Note]) -> list[float]:
        """Delay of each note of ``chord`` in seconds; on the beat the lowest string comes first."""
        if not self._manner.strum or len(chord) < 2:
            return [0.0] * len(chord)
        step = min(self._manner.strum, LARGEST_STRUM_SECONDS / (len(chord) - 1))
        delays = [index * step for index in range(len(chord))]
        downwards = self._manner.strum_both_ways and chord[0].onset % STEPS_PER_QUARTER
        return delays[::-1] if downwards else delays

    def _roll(self, note: PlayedNote, *, later: bool) -> Iterator[PlayedNote]:
        """A tone as even soft strokes after a first firm one; the other hand's strokes fall in between."""
        at, velocity = note.start, note.velocity
        while at < note.end - ROLL_SECONDS / 2:
            following = at + ROLL_SECONDS * (1.5 if later and at == note.start else 1.0)
            end = min(note.end, following - REPEAT_GAP_SECONDS)
            yield replace(note, start=at, end=end, velocity=max(self._manner.softest, velocity))
            velocity = (
                note.velocity - ROLL_SOFTER + round(float(self._random.normal(0, self._manner.unevenness)))
            )
            velocity = min(velocity, self._manner.loudest)
            at = following

    def _swells(self, notes: tuple[PlayedNote, ...]) -> tuple[tuple[float, int], ...]:
        """Let each long tone grow and fall again, the longer the more, in steps too small to be heard."""
        if not self._manner.swell:
            return ()
        rest = SWELL_TOP - self._manner.swell
        tones = [notes[0].start]
        for note in notes:
            if note.start > tones[-1] + 2 * SHORTEST_SECONDS:
                tones.append(note.start)
        values = [(0.0, rest)]
        for start, end in pairwise([*tones, max(note.end for note in notes)]):
            if end - start < SWELL_FROM_SECONDS:
                continue
            top = rest + round(self._manner.swell * min(1.0, (end - start) / SWELL_FULL_SECONDS))
            highest = start + SWELL_AT * (end - start)
            values += _glide(first=start, last=highest, begin=rest, end=top)
            values += _glide(first=highest, last=end, begin=top, end=rest)
        return tuple(values)

    def _jitter(self, spread: float) -> float:
        return float(np.clip(self._random.normal(0, spread), -LARGEST_JITTER, LARGEST_JITTER))


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


def _sounding_ends(*, score: Score, rings: bool) -> dict[Note, int]:
    """Grid step at which each note stops: as notated, or later on strings that ring; never after the piece."""
    ends = {note: min(score.steps, note.onset + note.duration) for note in score.notes}
    if not rings:
        return ends
    starts = sorted(score.notes)
    onsets = [note.onset for note in starts]
    for note in score.notes:
        bar_end = note.onset + score.steps_per_bar - (note.onset - score.pickup) % score.steps_per_bar
        for other in starts[bisect_right(onsets, note.onset) :]:
            if other.onset >= bar_end or abs(other.pitch - note.pitch) <= 2:
                break
        else:
            other = None
        ends[note] = max(ends[note], min(bar_end, other.onset if other else bar_end))
    return ends


def _glide(*, first: float, last: float, begin: int, end: int) -> list[tuple[float, int]]:
    """The controller on its way between two values, evenly, one step after the other; ``begin`` is left out."""
    count, step = abs(end - begin), 1 if end > begin else -1
    return [(first + (last - first) * index / count, begin + step * index) for index in range(1, count + 1)]


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
                result.append(replace(note, end=max(end, note.start + 0.01)))
        result.append(notes[-1])
    return tuple(sorted(result, key=lambda note: (note.start, note.pitch)))
