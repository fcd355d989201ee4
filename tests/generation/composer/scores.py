"""Small scores and corpora that the tests make themselves."""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings

from generation.composer.corpus import COLUMNS, MANIFEST
from generation.composer.events import ADVANCES, DURATIONS, LOWEST_PITCH, PARTS, PITCHES, key_shift
from generation.composer.score import TONICS, Mode, Note, Score
from generation.composer.traits import CLASSES, TRAITS
from generation.composer.write import write_midi

CALM = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
"""Hypothesis on a busy machine: a slow example is no failure."""

PLAIN = {name: [0.0] * (CLASSES[name] - 1) for name in TRAITS}
"""Edges of trait classes for tests in which they do not matter."""

C_MAJOR = (60, 62, 64, 65, 67, 69, 71, 72)
A_MINOR = (57, 59, 60, 62, 64, 65, 68, 69)


def tune(seed: int, *, bars: int = 8, instrument: str = "piano", accompanied: bool = True) -> Score:
    """A little tune in C over a bass, different for each seed, ending on its tonic."""
    rng = random.Random(seed)
    notes = []
    for bar in range(bars):
        onset = bar * 48
        while onset < (bar + 1) * 48 and bar < bars - 1:
            length = rng.choice((6, 6, 12, 12, 24))
            length = min(length, (bar + 1) * 48 - onset)
            notes.append(Note(onset, rng.choice(C_MAJOR), length))
            onset += length
        if accompanied:
            notes.append(Note(bar * 48, 48 if bar == bars - 1 else rng.choice((48, 43, 45)), 48))
    notes.append(Note((bars - 1) * 48, 60, 48))
    return Score(instrument, tuple(sorted(notes)), (4, 4), bars, 120.0, "C", "major", title=f"Tune {seed}")


def song(
    seed: int, *, form: str = "AABACA", metre: tuple[int, int] = (4, 4), mode: Mode = "major", octave: int = 0
) -> Score:
    """Phrases of four bars that return as the letters of ``form`` say, in C major or A minor."""
    rng = random.Random(f"song {seed}")
    bar = metre[0] * 48 // metre[1]
    scale = C_MAJOR if mode == "major" else A_MINOR
    phrases: dict[str, list[Note]] = {}
    for letter in sorted(set(form)):
        notes, onset = [], 0
        while onset < 4 * bar:
            length = min(rng.choice((3, 6, 6, 12, 12, 18)), 4 * bar - onset)
            notes.append(Note(onset, rng.choice(scale) + 12 * octave, length))
            if rng.random() < 0.3:
                notes.append(Note(onset, rng.choice(scale) - 12 + 12 * octave, length))
            onset += length
        phrases[letter] = notes
    notes = [
        Note(note.onset + index * 4 * bar, note.pitch, note.duration)
        for index, letter in enumerate(form)
        for note in phrases[letter]
    ]
    tonic = "C" if mode == "major" else "A"
    return Score("piano", tuple(sorted(set(notes))), metre, 4 * len(form), 120.0, tonic, mode)


def scribble(seed: int, *, count: int = 60, parts: int = 1, instrument: str = "piano") -> Score:
    """Notes drawn from the whole of the event tables, in any metre, mode and key, with or without a pick-up."""
    rng = random.Random(f"scribble {seed}")
    metre = rng.choice(((4, 4), (3, 4), (6, 8), (2, 2), (9, 8), (5, 8), (4, 2)))
    bar = metre[0] * 48 // metre[1]
    mode: Mode = rng.choice(("major", "minor"))
    tonic = rng.choice(TONICS)
    lowest = LOWEST_PITCH + key_shift(tonic=tonic, mode=mode)
    notes: dict[tuple[int, int], Note] = {}
    onset = 0
    for _ in range(count):
        onset += rng.choice((0, 0, *ADVANCES[:30], rng.choice(ADVANCES)))
        pitch = lowest + rng.randrange(PITCHES)
        notes[onset, pitch] = Note(onset, pitch, rng.choice(DURATIONS), rng.randrange(parts))
    pickup = rng.choice((0, 0, bar // 4, bar - 1))
    bars = max(1, -(-(onset + 1 - pickup) // bar))
    return Score(instrument, tuple(sorted(notes.values())), metre, bars, 96.0, tonic, mode, pickup=pickup)


def ensemble(seed: int, *, players: int = 4, bars: int = 8) -> Score:
    """Tunes on top of each other, a player each, the lowest last."""
    notes = [
        Note(note.onset, note.pitch - 7 * part, note.duration, part)
        for part in range(min(players, PARTS))
        for note in tune(seed * 10 + part, bars=bars, accompanied=False).notes
    ]
    return Score("string_quartet", tuple(sorted(notes)), (4, 4), bars, 120.0, "C", "major")


def corpus_of(
    folder: Path,
    *,
    count: int,
    instrument: str = "piano",
    licence: str = "CC0-1.0",
    sources: Sequence[str] = (),
    bars: int = 8,
) -> Path:
    """A corpus of tunes, each a work of its own unless its source says otherwise; folders may be added one by one."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(count):
        path = folder / f"{instrument}-{seed:02}.mid"
        write_midi(tune(seed + 1000 * len(instrument), instrument=instrument, bars=bars), path)
        source = sources[seed] if sources else f"Tests: made/{instrument}/{seed}/tune.mid"
        rows.append((path.name, instrument, f"Tune {seed}", "Nobody", "1900", licence, source, sha256(path)))
    add_rows(folder, rows)
    return folder


def add_rows(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write lines at the end of the manifest, which is begun where there is none."""
    manifest = folder / MANIFEST
    begun = manifest.exists()
    with manifest.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if not begun:
            writer.writerow(COLUMNS)
        writer.writerows(rows)


def add_file(folder: Path, name: str, data: bytes, *, digest: str | None = None) -> None:
    """Put a file of any bytes into a corpus of piano pieces."""
    path = folder / name
    path.write_bytes(data)
    add_rows(
        folder,
        [(name, "piano", name, "Nobody", "1900", "CC0-1.0", f"Tests: {name}/{name}", digest or sha256(path))],
    )


def sha256(path: Path) -> str:
    """Hash of a file, as a manifest has it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def named(fields: Sequence[tuple[str, int]], row: Sequence[int]) -> Mapping[str, int]:
    """The numbers that the network is told, by the names of their fields."""
    return {name: int(value) for (name, _), value in zip(fields, row, strict=True)}
