"""From notes to what is printed: which hand plays a note, which voice it is in, how its length is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from generation.composer.score import STEPS_PER_QUARTER, Note, Score

_WRITABLE = (96, 72, 48, 36, 24, 18, 16, 12, 9, 8, 6, 4, 3, 2, 1)
"""Lengths, in steps, that one note head with dots or a triplet sign can have."""

_MIDDLE = 60
_SPAN = 14
_SPAN_COST = 3.0
_MOVE_COST = 0.2

LETTERS = "FCGDAEB"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A chord, a note or (without pitches) a rest, written as one head; ``onset`` counts from the bar line.

    ``from_before`` and ``into_next`` say whether a tie leads into it and out of it.
    """

    onset: int
    length: int
    pitches: tuple[int, ...]
    from_before: bool = False
    into_next: bool = False


def fifths(*, tonic_class: int, minor: bool) -> int:
    """Sharps (positive) or flats (negative) of a key's signature, at most six."""
    major_tonic = (tonic_class + (3 if minor else 0)) % 12
    sharps = major_tonic * 7 % 12
    return sharps - 12 if sharps > 6 else sharps


def spelling(pitch: int, *, sharps: int) -> tuple[str, int, int]:
    """(letter, semitones of its accidental, octave) of a MIDI pitch, as a key with so many sharps writes it.

    Of the line of fifths, the twelve names from three flatwards to eight sharpwards of the key's own tonic.
    """
    place = next(f for f in range(sharps - 3, sharps + 9) if f * 7 % 12 == pitch % 12)
    letter = LETTERS[(place + 1) % 7]
    accidental = (place + 1) // 7
    return letter, accidental, (pitch - accidental) // 12 - 1


def hands(notes: Sequence[Note]) -> tuple[list[Note], list[Note]]:
    """Notes of the right and of the left hand, chord by chord: near the middle, narrow, and steady."""
    chords: dict[int, list[Note]] = defaultdict(list)
    for note in sorted(notes):
        chords[note.onset].append(note)
    right: list[Note] = []
    left: list[Note] = []
    at = [_MIDDLE + 12.0, _MIDDLE - 12.0]
    for _, chord in sorted(chords.items()):
        split = min(range(len(chord) + 1), key=lambda count: _hand_cost(chord, count=count, at=at))
        for side, part in ((1, chord[:split]), (0, chord[split:])):
            if part:
                at[side] = sum(note.pitch for note in part) / len(part)
        left += chord[:split]
        right += chord[split:]
    return right, left


def _hand_cost(chord: Sequence[Note], *, count: int, at: Sequence[float]) -> float:
    cost = 0.0
    for part, sign, before in ((chord[:count], 1, at[1]), (chord[count:], -1, at[0])):
        if part:
            beyond = [max(0, (note.pitch - _MIDDLE) * sign + 2) for note in part]
            mean = sum(note.pitch for note in part) / len(part)
            width = part[-1].pitch - part[0].pitch
            cost += sum(beyond) + _MOVE_COST * abs(mean - before) + _SPAN_COST * max(0, width - _SPAN)
    return cost


def written_bars(notes: Sequence[Note], *, score: Score) -> list[list[list[Symbol]]]:
    """Voices of each bar of one staff, the upper one first; every voice fills its bar.

    A bar has as few voices as can hold every note at its full length: notes that begin and end together are a
    chord, and whatever overlaps in another way stands in voices of its own.
    """
    bar_steps = score.steps_per_bar
    full = [score.pickup + index * bar_steps for index in range(score.bars)]
    starts = [0, *full] if score.pickup else full
    ends = [*starts[1:], score.steps]
    return [
        [
            _filled(voice, length=end - start, offset=bar_steps - (end - start))
            for voice in _voices(_fragments(notes, start=start, end=end))
        ]
        for start, end in zip(starts, ends, strict=True)
    ]


def _fragments(notes: Sequence[Note], *, start: int, end: int) -> list[Symbol]:
    """What sounds in a bar, as chords that still may have lengths no single head can show."""
    chords: dict[tuple[int, int, bool, bool], set[int]] = defaultdict(set)
    for note in notes:
        stop = note.onset + note.duration
        if note.onset < end and stop > start:
            first, last = max(note.onset, start), min(stop, end)
            chords[first - start, last - first, note.onset < start, stop > end].add(note.pitch)
    return [
        Symbol(onset, length, tuple(sorted(pitches)), from_before, into_next)
        for (onset, length, from_before, into_next), pitches in chords.items()
    ]


def _voices(fragments: Sequence[Symbol]) -> list[list[Symbol]]:
    """Fewest lines without overlaps, the highest first; a fragment joins the free line that is nearest in pitch."""
    voices: list[list[Symbol]] = []
    for fragment in sorted(fragments, key=lambda one: (one.onset, -one.pitches[-1])):
        free = [voice for voice in voices if voice[-1].onset + voice[-1].length <= fragment.onset]
        if free:
            pitch = fragment.pitches[-1]
            min(free, key=lambda voice: abs(voice[-1].pitches[-1] - pitch)).append(fragment)
        else:
            voices.append([fragment])
    return sorted(voices, key=_mean_pitch, reverse=True) or [[]]


def _mean_pitch(voice: Sequence[Symbol]) -> float:
    pitches = [pitch for symbol in voice for pitch in symbol.pitches]
    return sum(pitches) / len(pitches)


def _filled(voice: Sequence[Symbol], *, length: int, offset: int) -> list[Symbol]:
    """The voice in writable lengths, with rests wherever it is silent in a bar of ``length`` steps."""
    symbols: list[Symbol] = []
    at = 0
    for fragment in voice:
        symbols += _symbols((), at, fragment.onset, offset=offset)
        at = fragment.onset + fragment.length
        heads = _symbols(fragment.pitches, fragment.onset, at, offset=offset)
        symbols += _tied(heads, from_before=fragment.from_before, into_next=fragment.into_next)
    return symbols + _symbols((), at, length, offset=offset)


def _tied(parts: Sequence[Symbol], *, from_before: bool, into_next: bool) -> list[Symbol]:
    final = len(parts) - 1
    return [
        Symbol(part.onset, part.length, part.pitches, from_before or index > 0, into_next or index < final)
        for index, part in enumerate(parts)
    ]


def _symbols(pitches: tuple[int, ...], start: int, end: int, *, offset: int) -> list[Symbol]:
    """A stretch of time in writable lengths; what begins between beats does not run past the next beat unseen."""
    symbols = []
    at = start
    while at < end:
        inside = (at + offset) % STEPS_PER_QUARTER
        room = end - at
        if inside % (STEPS_PER_QUARTER // 2):
            room = min(room, STEPS_PER_QUARTER - inside)
        length = next(size for size in _WRITABLE if size <= room)
        symbols.append(Symbol(at, length, pitches))
        at += length
    return symbols
