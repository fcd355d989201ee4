"""Cutting a MIDI file into sections of one metre and one key, on the grid, with the bar lines found.

A section is a :class:`Score`: what a network can be told about a piece (metre, key, mode, bars left) does
not change within it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from generation.composer.events import fit, key_shift
from generation.composer.midi import RawMidi
from generation.composer.score import STEPS_PER_QUARTER, TONICS, Mode, Note, Score

SMALLEST_SECTION = 24
"""Notes below which a section is not worth learning from."""

SHORTEST_FRACTION = 8
"""Notes shorter than a quarter divided by this are grace notes."""

PICKUP_EVIDENCE = 1.15
"""How much heavier the down-beats must be after moving the bar lines, for the piece to have a pick-up."""


_ENSEMBLES = {"string_quartet": 0, "choir": 0, "voice_piano": 2}
"""Folders whose tracks are players, with how many of the last tracks are staves of one and the same player."""


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    metre: tuple[int, int]
    sharps: int
    minor: bool


def sections_of(raw: RawMidi, *, instrument: str) -> list[Score]:
    """Sections of at least ``SMALLEST_SECTION`` notes, in order."""
    notes = grid_notes(raw, parts=_parts(raw, instrument=instrument))
    sections = []
    for span in _spans(raw):
        inside = [note for note in notes if span.start <= note.onset < span.end]
        if len(inside) >= SMALLEST_SECTION:
            sections.append(_section(inside, span=span, instrument=instrument))
    return sections


def _parts(raw: RawMidi, *, instrument: str) -> dict[int, int]:
    """Part of each track; a soloist's tracks (hands, staves) are all one part."""
    if instrument not in _ENSEMBLES:
        return {}
    tracks = sorted({track for *_, track in raw.notes})
    last = max(0, len(tracks) - max(1, _ENSEMBLES[instrument]))
    return {track: min(index, last) for index, track in enumerate(tracks)}


def whole(raw: RawMidi, *, instrument: str, title: str) -> Score:
    """The file as one score in the metre, key and tempo it begins with."""
    span = _spans(raw)[0]
    score = _section(grid_notes(raw, parts={}), span=span, instrument=instrument)
    bpm = raw.tempos[0][1] if raw.tempos else 120.0
    return Score(
        instrument=instrument, notes=score.notes, metre=score.metre, bars=score.bars, bpm=bpm, tonic=score.tonic,
        mode=score.mode, title=title, pickup=score.pickup,
    )  # fmt: skip


def grid_notes(raw: RawMidi, *, parts: dict[int, int]) -> list[Note]:
    """All notes on the grid; grace notes give their time back to the note they lead to. ``parts`` is by track."""
    quarter = raw.ticks_per_quarter
    grace_began: dict[tuple[int, int], int] = {}
    notes = []
    for onset, duration, pitch, track in raw.notes:
        start = grace_began.get((track, onset), onset)
        end = onset + duration
        if duration * SHORTEST_FRACTION < quarter:
            grace_began[track, end] = start
            continue
        step = round(start * STEPS_PER_QUARTER / quarter)
        length = max(1, round(end * STEPS_PER_QUARTER / quarter) - step)
        notes.append(Note(step, pitch, length, parts.get(track, 0)))
    return sorted(notes)


def _spans(raw: RawMidi) -> list[_Span]:
    """Stretches of one metre and one key signature, in grid steps."""
    scale = STEPS_PER_QUARTER / raw.ticks_per_quarter
    metre, sharps, minor = (4, 4), 0, False
    changes: dict[int, tuple[tuple[int, int], int, bool]] = {0: (metre, sharps, minor)}
    metres = {tick: (beats, unit) for tick, beats, unit in raw.metres}
    keys = {tick: (sharps, minor) for tick, sharps, minor in raw.keys}
    for tick in sorted({*metres, *keys}):
        metre = metres.get(tick, metre)
        sharps, minor = keys.get(tick, (sharps, minor))
        changes[round(tick * scale)] = (metre, sharps, minor)
    starts = sorted(changes)
    ends = [*starts[1:], max(round(raw.end * scale), starts[-1]) + 1]
    return [_Span(start, end, *changes[start]) for start, end in zip(starts, ends, strict=True)]


def _section(notes: list[Note], *, span: _Span, instrument: str) -> Score:
    bar = span.metre[0] * STEPS_PER_QUARTER * 4 // span.metre[1]
    first_bar = (notes[0].onset - span.start) // bar * bar + span.start
    moved = [Note(note.onset - first_bar, note.pitch, note.duration, note.part) for note in notes]
    pickup = _pickup(moved, bar=bar, metre=span.metre)
    if pickup and moved[0].onset >= pickup:
        moved = [Note(note.onset - pickup, note.pitch, note.duration, note.part) for note in moved]
        pickup = 0
    mode = _mode(moved, sharps=span.sharps, minor=span.minor)
    tonic = TONICS[(span.sharps * 7 + (0 if mode == "major" else 9)) % 12]
    fitted = fit(moved, shift=key_shift(tonic=tonic, mode=mode))
    end = max(note.onset for note in fitted) + 1
    bars = max(1, -(-(end - pickup) // bar))
    return Score(
        instrument=instrument, notes=fitted, metre=span.metre, bars=bars, bpm=120.0, tonic=tonic, mode=mode,
        pickup=pickup,
    )  # fmt: skip


def _pickup(notes: list[Note], *, bar: int, metre: tuple[int, int]) -> int:
    """Length of an incomplete first bar in steps, guessed from where long and low notes fall.

    MIDI files do not mark it: their bar lines are counted from the first tick.
    """
    weight: dict[int, float] = defaultdict(float)
    bass_at: dict[int, Note] = {}
    for note in notes:
        weight[note.onset % bar] += min(note.duration, bar)
        if note.onset not in bass_at or note.pitch < bass_at[note.onset].pitch:
            bass_at[note.onset] = note
    typical = sorted(note.pitch for note in bass_at.values())[len(bass_at) // 3]
    for onset, note in bass_at.items():
        if note.pitch <= typical:
            weight[onset % bar] += min(note.duration, bar) * 2
    unit = STEPS_PER_QUARTER * 4 // metre[1]
    step = min(unit, STEPS_PER_QUARTER // 2)
    best = max(range(0, bar, step), key=lambda offset: (weight[offset], -offset))
    return best if weight[best] > PICKUP_EVIDENCE * weight[0] else 0


def _mode(notes: list[Note], *, sharps: int, minor: bool) -> Mode:
    """Major or minor: by the last bass note if it is one of the two tonics, else as the file says."""
    last_onset = notes[-1].onset
    last_bass = min(note.pitch for note in notes if note.onset == last_onset)
    degree = (last_bass - sharps * 7) % 12
    if degree == 0:
        return "major"
    if degree == 9:
        return "minor"
    return "minor" if minor else "major"
