"""Small scores and corpora that the tests make themselves."""

from __future__ import annotations

import csv
import hashlib
import random
from pathlib import Path

from generation.composer.corpus import COLUMNS, MANIFEST
from generation.composer.score import Note, Score
from generation.composer.write import write_midi

C_MAJOR = (60, 62, 64, 65, 67, 69, 71, 72)


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


def corpus_of(folder: Path, *, count: int, instrument: str = "piano", licence: str = "CC0-1.0") -> Path:
    """A corpus of tunes, each a work of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(count):
        path = folder / f"{instrument}-{seed:02}.mid"
        write_midi(tune(seed, instrument=instrument), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        source = f"Tests: made/{instrument}/{seed}/tune.mid"
        rows.append((path.name, instrument, f"Tune {seed}", "Nobody", "1900", licence, source, digest))
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return folder
