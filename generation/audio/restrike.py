"""Tones that are struck again where they would die away and leave silence, as on a harp or a harpsichord."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from generation.audio.phrases import pulse
from generation.composer.score import Note, Score

LOW, HIGH = 48, 84
"""MIDI pitches for which a fading time is given."""

LONGEST_WAIT_SECONDS = 0.8
"""A shorter silence asks for no stroke, and so long a stroke has to sound."""

BAR_LINE_WORTH = 0.4
"""How far from its best moment a stroke may be for the sake of a bar line, as a share of the fading time."""


def struck_again(*, score: Score, fading: tuple[float, float]) -> tuple[Score, frozenset[int]]:
    """Return ``score`` with tones divided where they are struck again, and the grid steps of those strokes.

    Held tones fall by 40 dB in ``fading`` seconds (at MIDI pitches 48 and 84, other pitches in proportion; 0: never).
    When the last of those that sound has done so and nothing follows soon, all that are still held are struck again:
    on the beat, best on a bar line. Nothing else is changed.
    """
    if not all(fading):
        return score, frozenset()
    chords: dict[int, list[Note]] = {}
    for note in score.notes:
        chords.setdefault(note.onset, []).append(note)
    held: list[Note] = []
    done: list[Note] = []
    again: set[int] = set()
    for onset, following in pairwise([*sorted(chords), score.steps]):
        done += [note for note in held if _end(note) <= onset]
        held = [note for note in held if _end(note) > onset] + chords[onset]
        while step := _stroke(score=score, held=held, before=following, fading=fading):
            done += [replace(note, duration=min(note.duration, step - note.onset)) for note in held]
            held = [
                replace(note, onset=step, duration=_end(note) - step) for note in held if _end(note) > step
            ]
            again.add(step)
    return replace(score, notes=tuple(sorted(done + held))), frozenset(again)


def _stroke(*, score: Score, held: Sequence[Note], before: int, fading: tuple[float, float]) -> int | None:
    """Grid step at which ``held`` are struck again, or None if they sound as long as they are wanted."""
    end = min(before, max(map(_end, held)))
    struck = score.seconds_at(max(note.onset for note in held))
    died = max(score.seconds_at(note.onset) + _fading(note.pitch, fading) for note in held)
    latest = score.seconds_at(end) - LONGEST_WAIT_SECONDS
    if died > latest:
        return None
    beat = pulse(score)
    first = max(note.onset for note in held) + 1
    beats = range(first + (score.pickup - first) % beat, end, beat)
    within = [step for step in beats if score.seconds_at(step) <= latest]
    worth = BAR_LINE_WORTH * (died - struck)

    def distance(step: int) -> float:
        is_bar_line = (step - score.pickup) % score.steps_per_bar == 0
        return abs(score.seconds_at(step) - died) - is_bar_line * worth

    return min(within, key=distance, default=None)


def _fading(pitch: int, fading: tuple[float, float]) -> float:
    low, high = fading
    return float(low * (high / low) ** ((pitch - LOW) / (HIGH - LOW)))


def _end(note: Note) -> int:
    return note.onset + note.duration
