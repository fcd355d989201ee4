"""The lines of a piece that are compared: top, bass and each player's own, and what is left of a line by the beat."""

from __future__ import annotations

from collections.abc import Sequence

from generation.composer.score import STEPS_PER_QUARTER, Note

ON_THE_BEAT = 0.3
"""Beats that count extra for a pitch that begins with the beat: ornaments seldom displace it for longer."""

NEIGHBOURS_WITHIN = 2
"""Beats within which a neighbouring note and the return from it are an ornament."""

STEP = 2
"""Semitones to a neighbouring note, at most."""

LONGEST_HELD = 4 * STEPS_PER_QUARTER
"""Steps after which a note of a line no longer fills the beats until the next one."""


def lines_of(notes: Sequence[Note]) -> list[list[Note]]:
    """Top line, bass line and, where several parts play, the top line of each. ``notes`` are sorted."""
    parts = sorted({note.part for note in notes})
    own = [[note for note in notes if note.part == part] for part in parts] if len(parts) > 1 else []
    return [top_line(notes), bass_line(notes), *(top_line(part) for part in own)]


def top_line(notes: Sequence[Note]) -> list[Note]:
    """Notes above which nothing sounds when they begin, one an onset. ``notes`` are sorted."""
    return _outer_line(notes, sign=1)


def bass_line(notes: Sequence[Note]) -> list[Note]:
    """Notes below which nothing sounds when they begin, one an onset. ``notes`` are sorted."""
    return _outer_line(notes, sign=-1)


def _outer_line(notes: Sequence[Note], *, sign: int) -> list[Note]:
    outer: dict[int, Note] = {}
    for note in notes:
        rival = outer.get(note.onset)
        if rival is None or note.pitch * sign > rival.pitch * sign:
            outer[note.onset] = note
    line: list[Note] = []
    sounding: list[tuple[int, int]] = []
    for note in outer.values():
        sounding = [(end, pitch) for end, pitch in sounding if end > note.onset]
        if all(note.pitch * sign >= pitch * sign for _, pitch in sounding):
            line.append(note)
        sounding.append((note.onset + note.duration, note.pitch))
    return line


def reduced(line: Sequence[Note], *, beat: int = STEPS_PER_QUARTER, start: int = 0) -> list[int]:
    """Pitches of a line by the beat, repetitions left out: a line and its ornamented copy are much alike here.

    ``beat`` is in steps, ``start`` the step of a beat. Each beat gives the pitch that fills most of it, the one
    it begins with being favoured by ``ON_THE_BEAT``; a beat in which the line is silent gives none.
    """
    filled: dict[int, dict[int, float]] = {}
    for onset, following, pitch in _without_neighbours(line, within=NEIGHBOURS_WITHIN * beat):
        begin, end = onset - start, min(following, onset + LONGEST_HELD) - start
        for number in range(begin // beat, (end - 1) // beat + 1):
            here = min(end, (number + 1) * beat) - max(begin, number * beat)
            extra = ON_THE_BEAT * beat if begin <= number * beat else 0.0
            pitches = filled.setdefault(number, {})
            pitches[pitch] = pitches.get(pitch, 0.0) + here + extra
    kept: list[int] = []
    for number in sorted(filled):
        pitches = filled[number]
        longest = max(pitches, key=pitches.__getitem__)
        if not kept or kept[-1] != longest:
            kept.append(longest)
    return kept


def _without_neighbours(line: Sequence[Note], *, within: int) -> list[tuple[int, int, int]]:
    """(onset, end, pitch) of a line without gaps, a step away and back within some steps counted as one note."""
    kept: list[tuple[int, int, int]] = []
    for index, note in enumerate(line):
        end = line[index + 1].onset if index + 1 < len(line) else note.onset + note.duration
        kept.append((note.onset, end, note.pitch))
        while len(kept) >= 3 and _is_neighbour(*kept[-3:], within=within):
            first, _, last = kept[-3:]
            kept[-3:] = [(first[0], last[1], first[2])]
    return kept


def _is_neighbour(
    first: tuple[int, int, int], between: tuple[int, int, int], last: tuple[int, int, int], *, within: int
) -> bool:
    return first[2] == last[2] and abs(between[2] - first[2]) <= STEP and last[1] - first[0] <= within
