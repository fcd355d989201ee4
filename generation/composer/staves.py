"""From notes to what is printed: which hand plays a note, which voice it is in, how its length is written."""

from __future__ import annotations

import itertools
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
_HELD = 7
"""Steps by which a note must outlast the next onset to get a voice of its own."""

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
    """Voices of each bar of one staff, the upper one first; every voice fills its bar."""
    bar_steps = score.steps_per_bar
    full = [score.pickup + index * bar_steps for index in range(score.bars)]
    starts = [0, *full] if score.pickup else full
    ends = [*starts[1:], score.steps]
    voices = _voices(notes)
    written = []
    for start, end in zip(starts, ends, strict=True):
        bar = [_bar_of(voice, start=start, end=end, offset=(bar_steps - (end - start))) for voice in voices]
        sounding = [voice for voice in bar if any(symbol.pitches for symbol in voice)]
        sounding.sort(key=_mean_pitch, reverse=True)
        written.append(sounding or bar[:1] or [_symbols((), 0, end - start, offset=0)])
    return written


def _voices(notes: Sequence[Note]) -> list[list[Note]]:
    """One voice, or two where notes are held over others: the held ones apart."""
    onsets = sorted({note.onset for note in notes})
    following = dict(itertools.pairwise(onsets))
    held = [note for note in notes if note.onset + note.duration >= following.get(note.onset, 10**9) + _HELD]
    moving = [note for note in notes if note not in set(held)]
    return [voice for voice in (moving, held) if voice]


def _mean_pitch(voice: Sequence[Symbol]) -> float:
    pitches = [pitch for symbol in voice for pitch in symbol.pitches]
    return sum(pitches) / len(pitches)


def _bar_of(voice: Sequence[Note], *, start: int, end: int, offset: int) -> list[Symbol]:
    chords: dict[int, list[Note]] = defaultdict(list)
    for note in voice:
        chords[note.onset].append(note)
    onsets = sorted(chords)
    symbols: list[Symbol] = []
    at = start
    for onset, following in zip(onsets, [*onsets[1:], 10**9], strict=True):
        stop = min(following, max(note.onset + note.duration for note in chords[onset]))
        if stop <= start or onset >= end:
            continue
        first, last = max(onset, start), min(stop, end)
        symbols += _symbols((), at - start, first - start, offset=offset)
        pitches = tuple(sorted(note.pitch for note in chords[onset]))
        parts = _symbols(pitches, first - start, last - start, offset=offset)
        symbols += _tied(parts, from_before=onset < start, into_next=stop > end)
        at = last
    return symbols + _symbols((), at - start, end - start, offset=offset)


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
