"""A score as a sequence of events, one event a note, and back.

An event has four fields, each a class index of a small fixed table: how many grid steps after the last
onset the note begins (0 = same chord), which player's part it is in (always 0 in solo music), its pitch in
the frame where the key signature is empty (C major or A minor), and how long it lasts. The notes of a chord
follow each other from low to high. The sequence is closed by ``END``. No table grows with the data.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from generation.composer.score import TONICS, Mode, Note

ADVANCES = (*range(49), 54, 60, 66, 72, 84, 96, 108, 120, 144, 168, 192)
"""Grid steps since the last onset, by class."""

END = len(ADVANCES)
"""The advance class that closes a piece."""

DURATIONS = (
    *range(1, 13), 14, 15, 16, 18, 20, 21, 22, 24, 27, 28, 30, 32, 33, 36, 40, 42, 45, 48, 54, 60, 66, 72, 84, 96, 120,
    144, 192,
)  # fmt: skip
"""Grid steps a note lasts, by class."""

PARTS = 5
"""Players that an ensemble can have."""

LOWEST_PITCH = 15
PITCHES = 100
"""Pitches run from ``LOWEST_PITCH``: the piano's 88 keys, widened by the half octave a key may move them."""

_ADVANCE_CLASS = {steps: index for index, steps in enumerate(ADVANCES)}
_DURATION_CLASS = {steps: index for index, steps in enumerate(DURATIONS)}


class Event(NamedTuple):
    """One note (or ``END``) as four class indices."""

    advance: int
    part: int
    pitch: int
    duration: int


END_EVENT = Event(END, 0, 0, 0)


class UnencodableScoreError(ValueError):
    """A note has an onset, part, length or pitch for which there is no class."""


def key_shift(*, tonic: str, mode: Mode) -> int:
    """Semitones (-5 … 6) by which a key lies above C major or A minor, whichever has its mode."""
    home = 0 if mode == "major" else 9
    shift = (TONICS.index(tonic) - home) % 12
    return shift - 12 if shift > 6 else shift


def encode(notes: Sequence[Note], *, shift: int) -> list[Event]:
    """Turn sorted notes into events, ``END`` included.

    ``shift`` is what :func:`key_shift` gives. Raises ``UnencodableScoreError`` for a note that the tables do
    not hold; :func:`fit` makes any notes encodable.
    """
    events = []
    last = 0
    for note in notes:
        advance = _ADVANCE_CLASS.get(note.onset - last)
        duration = _DURATION_CLASS.get(note.duration)
        pitch = note.pitch - shift - LOWEST_PITCH
        known = 0 <= pitch < PITCHES and 0 <= note.part < PARTS
        if advance is None or duration is None or not known:
            message = (
                f"{note} after step {last} is outside the event tables; pass the notes through fit() first."
            )
            raise UnencodableScoreError(message)
        events.append(Event(advance, note.part, pitch, duration))
        last = note.onset
    events.append(END_EVENT)
    return events


def decode(events: Iterable[Event], *, shift: int) -> tuple[Note, ...]:
    """Turn events back into notes; whatever follows ``END`` is ignored."""
    notes = []
    onset = 0
    for event in events:
        if event.advance == END:
            break
        onset += ADVANCES[event.advance]
        pitch = event.pitch + LOWEST_PITCH + shift
        notes.append(Note(onset, pitch, DURATIONS[event.duration], event.part))
    return tuple(sorted(notes))


def nearest(value: int, *, table: Sequence[int]) -> int:
    """Class of the table entry nearest to ``value`` (the smaller one of two equally near)."""
    right = bisect_left(table, value)
    if right == 0:
        return 0
    if right == len(table) or value - table[right - 1] <= table[right] - value:
        return right - 1
    return right


def fit(notes: Iterable[Note], *, shift: int) -> tuple[Note, ...]:
    """Move notes to the nearest values the tables hold, so that :func:`encode` accepts them.

    Onsets are rounded one after the other, so that an error is not handed on. Of two notes of one part with the
    same onset and pitch the longer stays; pitches out of range are dropped; parts beyond the last join it.
    """
    longest: dict[tuple[int, int, int], int] = {}
    last = 0
    for note in sorted(notes):
        if not 0 <= note.pitch - shift - LOWEST_PITCH < PITCHES:
            continue
        last += ADVANCES[nearest(note.onset - last, table=ADVANCES)]
        duration = DURATIONS[nearest(note.duration, table=DURATIONS)]
        place = (last, note.pitch, min(note.part, PARTS - 1))
        longest[place] = max(duration, longest.get(place, 0))
    return tuple(
        sorted(Note(onset, pitch, duration, part) for (onset, pitch, part), duration in longest.items())
    )
