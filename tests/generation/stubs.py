"""A composer and a sound studio that take no time, for tests of what happens around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from generation import production, storage, worker
from generation.audio.render import Rendering
from generation.composer.compose import Composed, fingerprint
from generation.composer.score import Note, Score
from generation.originality.index import CorpusIndex

STUB_WEIGHTS = "a" * 64
PREVIEW_BYTES = b"preview " * 40_000
OPENING_BYTES = b"opening " * 10_000


@dataclass
class Studio:
    """What the stubs do; a test changes it to make something happen in the middle of the work."""

    while_composing: Callable[[], None] = lambda: None
    while_opening: Callable[[], None] = lambda: None
    while_rendering: Callable[[], None] = lambda: None
    seeds: list[int] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    notes_of: Callable[[int], tuple[Note, ...]] = lambda seed: a_melody(seed)

    def compose(
        self, order: Any, *, model: Any, progress: Any = lambda *_: None, source: Any = None
    ) -> Composed:
        self.seeds.append(order.seed)
        self.calls.append({"order": order, "model": model, "source": source})
        progress(0.1, 3)
        self.while_composing()
        progress(1.0, 40)
        notes = self.notes_of(order.seed)
        score = Score(
            instrument=order.instrument, notes=notes, metre=(4, 4), bars=4, bpm=96.0, tonic="D", mode="minor"
        )
        return Composed(
            score=score, seconds=float(order.seconds), unique_elements=12, notes=len(notes),
            originality={"longest_run_corpus": 0, "longest_run_works": 0, "nearest": None}, timings={"total": 0.1},
            fingerprint=fingerprint(notes), model_version="stub", form="A",
        )  # fmt: skip

    def render(
        self,
        score: Score,
        *,
        directory: Path,
        progress: Callable[[float], None],
        on_opening: Callable[[], None],
        meanwhile: Callable[[], None],
        **_: Any,
    ) -> Rendering:
        (directory / storage.OPENING).write_bytes(OPENING_BYTES)
        on_opening()
        self.while_opening()
        meanwhile()
        for name in (storage.PERFORMANCE, storage.MASTER):
            (directory / name).write_bytes(b"secret " + name.encode())
        progress(0.5)
        self.while_rendering()
        (directory / storage.PREVIEW).write_bytes(PREVIEW_BYTES)
        progress(1.0)
        return Rendering(
            seconds=31.0, lead_seconds=0.1, loudness_lufs=-16.0, true_peak_dbtp=-1.2, peaks=[0, 1], roll=[(0, 20, 2)],
            timings={"synthesis": 0.2},
        )  # fmt: skip


def a_melody(seed: int) -> tuple[Note, ...]:
    """Forty notes that follow from the seed and share no run with another seed's."""
    random = np.random.default_rng(seed)
    pitches = random.integers(40, 90, size=40)
    onsets = np.cumsum(random.integers(3, 24, size=40))
    return tuple(Note(int(onset), int(pitch), 6) for onset, pitch in zip(onsets, pitches, strict=True))


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    """Put the stubs in the worker's place for composer and sound."""
    studio = Studio()
    model = SimpleNamespace(
        instrument="piano",
        version="stub",
        index=CorpusIndex.build({}),
        card={"sha256": {"weights.npz": STUB_WEIGHTS}},
    )
    monkeypatch.setattr(worker, "compose", studio.compose)
    monkeypatch.setattr(production, "render", studio.render)
    monkeypatch.setattr(worker, "fingerprint_of", lambda path: np.frombuffer(path.read_bytes()[:16], "<u4"))
    monkeypatch.setattr(worker, "_loaded", lambda instrument: model)
    monkeypatch.setattr(production, "write_midi", lambda score, path: path.write_bytes(b"secret score.mid"))
    monkeypatch.setattr(
        production, "write_musicxml", lambda score, path: path.write_bytes(b"secret score.musicxml")
    )
    return studio
