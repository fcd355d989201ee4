"""Pieces of sound to measure marks and tags on, rendered once and kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from generation.audio.marks import Mark
from generation.audio.master import ended, in_room, master
from generation.audio.performance import perform, performance_midi
from generation.audio.storage import workplace
from generation.audio.synthesis import RATE, played
from generation.composer.score import Score

Sound = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece in its room, before marks and mastering. ``music_seconds`` is when its last key is left."""

    instrument: str
    seed: int
    path: Path
    music_seconds: float

    @property
    def identity(self) -> bytes:
        """What a mark knows the piece by."""
        return f"{self.instrument} {self.seed}".encode()

    def mastered(self, mark: Mark | None = None) -> Sound:
        """Return the finished sound (frames, 2), with ``mark`` written where ``render`` writes it."""
        sound = ended(sound=self._placed(mark), rate=RATE, music_seconds=self.music_seconds)
        return master(sound=sound, rate=RATE).sound

    def unmastered(self, mark: Mark | None = None) -> Sound:
        """Return the mono sound that previews are made of, shape (frames,)."""
        sound = ended(sound=self._placed(mark), rate=RATE, music_seconds=self.music_seconds)
        return np.asarray(sound.mean(axis=1))

    def _placed(self, mark: Mark | None) -> Sound:
        with np.load(self.path) as kept:
            sound = kept["sound"]
        return mark(sound) if mark else sound


def rendered(score: Score, *, seed: int, folder: Path, cache_dir: Path) -> Piece:
    """Perform and synthesize ``score``, or find what was made of it before in ``folder``.

    Raises as ``render`` does.
    """
    performance = perform(score=score, seed=seed)
    midi = performance_midi(performance=performance, score=score)
    digest = hashlib.sha256(midi).hexdigest()[:12]
    path = folder / f"{score.instrument}-{seed}-{digest}.npz"
    if not path.is_file():
        with workplace(folder) as inside:
            dry = played(performance=performance, score=score, cache_dir=cache_dir)
            sound = in_room(sound=dry, rate=RATE, voice=performance.voice)
            np.savez(inside / "sound.npz", sound=sound)
            (inside / "sound.npz").replace(path)
    return Piece(score.instrument, seed, path, performance.seconds)
