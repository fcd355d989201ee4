"""Scores made by hand, and renderings that several tests look at."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from generation.audio.render import Rendering, render
from generation.composer.score import Note, Score

SECRET = b"kept by the shop"

MUSICXML = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="4.0">
  <part-list><score-part id="P1"><part-name>Piano</part-name></score-part></part-list>
  <part id="P1">
    <measure number="1">
      <attributes>
        <divisions>2</divisions><key><fifths>1</fifths></key>
        <time><beats>4</beats><beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef>
      </attributes>
      <direction placement="above">
        <direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>96</per-minute></metronome></direction-type>
      </direction>
      <note><pitch><step>G</step><octave>4</octave></pitch><duration>1</duration><type>eighth</type></note>
      <note><pitch><step>A</step><octave>4</octave></pitch><duration>1</duration><type>eighth</type></note>
      <note><pitch><step>B</step><octave>4</octave></pitch><duration>2</duration><type>quarter</type></note>
      <note><pitch><step>D</step><octave>5</octave></pitch><duration>4</duration><type>half</type></note>
    </measure>
  </part>
</score-partwise>
"""


def scale(*, instrument: str = "piano", bpm: float = 120.0) -> Score:
    """Two bars of quarter notes that rise from middle C (4 s)."""
    pitches = (60, 62, 64, 65, 67, 69, 71, 72)
    notes = tuple(Note(onset=12 * index, pitch=pitch, duration=12) for index, pitch in enumerate(pitches))
    return Score(instrument, notes, metre=(4, 4), bars=2, bpm=bpm, tonic="C", mode="major", title="Scale")


def song(*, instrument: str = "piano", bars: int = 16) -> Score:
    """Bass, broken chords and a tune; 16 bars last 30 s."""
    draw = random.Random(1)
    down = 5 if instrument == "guitar" else 0
    chords = [(48, (60, 64, 67)), (43, (59, 62, 67)), (45, (60, 64, 69)), (41, (60, 65, 69))]
    notes = set()
    for bar in range(bars - 1):
        bass, chord = chords[bar % 4]
        start = 48 * bar
        notes.add(Note(start, bass, 48))
        notes.update(Note(start + 6 * i, chord[(0, 2, 1, 2)[i % 4]] - down, 6) for i in range(8))
        step = 0
        while step < 48:
            length = min(draw.choice([6, 12, 12, 24]), 48 - step)
            notes.add(Note(start + step, draw.choice([72, 74, 76, 77, 79, 81]) - down, length))
            step += length
    notes.update(Note(48 * (bars - 1), pitch, 48) for pitch in (48, 60, 64, 67, 72))
    return Score(
        instrument=instrument,
        notes=tuple(sorted(notes)),
        metre=(4, 4),
        bars=bars,
        bpm=128.0,
        tonic="C",
        mode="major",
        title="Song",
    )


@dataclass(frozen=True)
class Rendered:
    score: Score
    directory: Path
    rendering: Rendering

    @property
    def master(self) -> npt.NDArray[np.float32]:
        return soundfile.read(self.directory / "master.flac", dtype="float32")[0]

    @property
    def preview(self) -> npt.NDArray[np.float32]:
        return soundfile.read(self.directory / "preview.mp3", dtype="float32")[0]

    @property
    def opening(self) -> npt.NDArray[np.float32]:
        return soundfile.read(self.directory / "opening.mp3", dtype="float32")[0]


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound-cache")


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Callable[[Score], Rendered]:
    """Render a score with its opening, or give back the rendering another test has asked for already."""
    done: dict[Score, Rendered] = {}

    def once(score: Score) -> Rendered:
        if score not in done:
            directory = tmp_path_factory.mktemp("rendered")
            rendering = render(
                score,
                directory=directory,
                seed=7,
                preview_secret=SECRET,
                cache_dir=cache_dir,
                on_opening=lambda: None,
            )
            done[score] = Rendered(score, directory, rendering)
        return done[score]

    return once


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a shell script in front of one of the outside programs."""

    def pretend(name: str, script: str) -> None:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return pretend
