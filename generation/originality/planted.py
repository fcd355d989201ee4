"""Copies planted on purpose: what somebody might do to a piece to hide where it comes from."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from generation.composer.score import Note
from generation.originality.lines import lines_of

Notes = Sequence[Note]
Copyist = Callable[[Notes, Notes, random.Random], list[Note]]
"""(the piece, other music to hide it in, chance) to the copy."""

EMBEDDED_STEPS = 8 * 48
"""Length of an embedded passage in steps: eight bars of four quarters."""

SPEEDS = (Fraction(2), Fraction(1, 2), Fraction(3, 2))
ORNAMENTED = 3
"""One note in so many gets an ornament."""

SHORTEST_ORNAMENTED = 4
_OCTAVE = 12
_LOWEST, _HIGHEST = 21, 108


def transposed(piece: Notes, _others: Notes, chance: random.Random) -> list[Note]:
    """The piece in another key, up to an octave away."""
    return _moved(piece, semitones=chance.choice([n for n in range(-_OCTAVE, _OCTAVE + 1) if n]))


def retimed(piece: Notes, _others: Notes, chance: random.Random) -> list[Note]:
    """The piece twice as fast, half as fast or in dotted values."""
    fits = [speed for speed in SPEEDS if all((note.onset * speed).denominator == 1 for note in piece)]
    return _stretched(piece, by=chance.choice(fits or [Fraction(2)]))


def ornamented(piece: Notes, _others: Notes, chance: random.Random) -> list[Note]:
    """The piece in another key with passing notes, mordents and turns on a third of its notes."""
    following: dict[int, Note] = {}
    for line in lines_of(piece):
        following |= {id(note): after for note, after in pairwise(line)}
    decorated = []
    for source, note in zip(piece, transposed(piece, _others, chance), strict=True):
        if note.duration < SHORTEST_ORNAMENTED or chance.randrange(ORNAMENTED):
            decorated.append(note)
            continue
        after = following.get(id(source))
        decorated += _ornament(note, leap=after.pitch - source.pitch if after else 0, chance=chance)
    return sorted(decorated)


def one_voice(piece: Notes, others: Notes, chance: random.Random) -> list[Note]:
    """One line of the piece, in another key: alone, or above or below a line of other music."""
    long_enough = [line for line in lines_of(piece) if len(line) * 2 >= len(lines_of(piece)[0])]
    voice = transposed(chance.choice(long_enough), (), chance)
    company = chance.choice(("none", "above", "below"))
    if company == "none":
        return voice
    other = lines_of(others)[0]
    low, high = min(note.pitch for note in voice), max(note.pitch for note in voice)
    shift = (
        high + 1 - min(n.pitch for n in other)
        if company == "above"
        else low - 1 - max(n.pitch for n in other)
    )
    end = voice[-1].onset + voice[-1].duration
    new = [Note(n.onset, n.pitch + shift, n.duration) for n in other if n.onset < end]
    return sorted([*voice, *new])


def embedded(piece: Notes, others: Notes, chance: random.Random) -> list[Note]:
    """Eight bars of the piece, in another key, between two stretches of other music."""
    start = _passage(piece, chance=chance)
    passage = [note for note in piece if start <= note.onset < start + EMBEDDED_STEPS]
    copy = transposed(passage, (), chance)
    half = others[len(others) // 2].onset
    before = [note for note in others if note.onset + note.duration <= half]
    after = [note for note in others if note.onset >= half]
    begin = -(-half // 48) * 48
    moved = [Note(note.onset - start + begin, note.pitch, note.duration, note.part) for note in copy]
    later = begin + EMBEDDED_STEPS - half
    return sorted([*before, *moved, *(Note(n.onset + later, n.pitch, n.duration, n.part) for n in after)])


COPYISTS: Mapping[str, Copyist] = {
    "transposed": transposed,
    "retimed": retimed,
    "ornamented": ornamented,
    "one_voice": one_voice,
    "embedded": embedded,
}


def _moved(piece: Notes, *, semitones: int) -> list[Note]:
    return [Note(note.onset, note.pitch + semitones, note.duration, note.part) for note in piece]


def _stretched(piece: Notes, *, by: Fraction) -> list[Note]:
    return [
        Note(int(note.onset * by), note.pitch, max(1, int(note.duration * by)), note.part) for note in piece
    ]


def _ornament(note: Note, *, leap: int, chance: random.Random) -> list[Note]:
    """Notes in place of one, which together last as long; ``leap`` is the interval to the next note."""
    step = chance.choice((1, 2))
    quarter = note.duration // 4
    kinds = ["mordent", "turn", "passing"] if abs(leap) > step else ["mordent", "turn"]
    kind = chance.choice(kinds)
    if kind == "passing":
        pitches, lengths = [0, step if leap > 0 else -step], [note.duration - note.duration // 2]
    elif kind == "mordent":
        pitches, lengths = [0, chance.choice((step, -step)), 0], [quarter, quarter]
    else:
        pitches, lengths = [step, 0, -step, 0], [quarter, quarter, quarter]
    lengths.append(note.duration - sum(lengths))
    made, onset = [], note.onset
    for interval, length in zip(pitches, lengths, strict=True):
        made.append(Note(onset, note.pitch + interval, length, note.part))
        onset += length
    return made


def _passage(piece: Notes, *, chance: random.Random) -> int:
    """Step of a bar in which an eight-bar passage of the piece may begin."""
    last = max(0, piece[-1].onset - EMBEDDED_STEPS)
    return chance.randrange(0, last + 1, 48)
