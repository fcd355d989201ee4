"""Who plays a note and how it is called: the hands and feet that share the staves, and names by the key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from generation.composer.score import Note, Score

_MIDDLE = 60
_SPAN = 14
_SPAN_COST = 3.0
_MOVE_COST = 0.2

LETTERS = "FCGDAEB"


def fifths(*, tonic_class: int, minor: bool) -> int:
    """Sharps (positive) or flats (negative) of a key's signature, at most six."""
    major_tonic = (tonic_class + (3 if minor else 0)) % 12
    sharps = major_tonic * 7 % 12
    return sharps - 12 if sharps > 6 else sharps


def spelling(pitch: int, *, sharps: int, minor: bool = False) -> tuple[str, int, int]:
    """(letter, semitones of its accidental, octave) of a MIDI pitch, as a key with so many sharps writes it.

    Of the line of fifths, the twelve names from three flatwards to eight sharpwards of the key's own tonic in
    major; in minor all but the flattest, and one more sharp: the leading tone of its dominant.
    """
    place = next(f for f in range(sharps - 3 + minor, sharps + 9 + minor) if f * 7 % 12 == pitch % 12)
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


def feet(notes: Sequence[Note], *, score: Score, highest: int, span: int) -> list[Note]:
    """Notes of the feet: the bass of every bar in which the hands, each reaching ``span``, cannot hold all.

    The feet play one key at a time, up to ``highest``, below everything else that sounds.
    """
    held: list[Note] = []
    basses: dict[Note, bool] = {}
    for _, chord in groupby(sorted(notes), key=lambda note: note.onset):
        struck = list(chord)
        sounding = [note for note in held if note.onset + note.duration > struck[0].onset]
        held = sorted([*sounding, *struck], key=lambda note: note.pitch)
        if held[0].pitch <= highest:
            needed = not _fits_two_hands([note.pitch for note in held], span=span)
            basses[held[0]] = needed or basses.get(held[0], False)
    bars = {_bar_of(note, score=score) for note, needed in basses.items() if needed}
    played: list[Note] = []
    for note in sorted(basses):
        free = not played or played[-1].onset + played[-1].duration <= note.onset
        if free and _bar_of(note, score=score) in bars:
            played.append(note)
    return played


def _bar_of(note: Note, *, score: Score) -> int:
    return (note.onset - score.pickup) // score.steps_per_bar


def _fits_two_hands(pitches: Sequence[int], *, span: int) -> bool:
    """Whether sorted pitches lie under two hands, the left one holding the lower ones."""
    return any(
        (not left or left[-1] - left[0] <= span) and (not right or right[-1] - right[0] <= span)
        for left, right in ((pitches[:count], pitches[count:]) for count in range(len(pitches) + 1))
    )
