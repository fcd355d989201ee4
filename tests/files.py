"""Files from outside that tests hand in."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np

RATE = 11_025


def silent_wav(path: Path, *, samples: int) -> Path:
    """A WAV file with 8,000 samples of one byte a second, of which the disk keeps the header only."""
    layout = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    head = b"RIFF" + struct.pack("<I", 36 + samples) + b"WAVEfmt " + layout + b"data"
    with path.open("wb") as file:
        file.write(head + struct.pack("<I", samples))
        file.truncate(44 + samples)
    return path


def some_music(path: Path, *, seed: int, begin: float = 0, seconds: float = 30) -> Path:
    """A WAV file with a tune that follows from the seed, or the part of it that is asked for."""
    random = np.random.default_rng(seed)
    moments = np.arange(int(30 * RATE)) / RATE
    sound = np.zeros(len(moments))
    for onset in np.arange(0, 30, 0.25):
        since = moments[:RATE]
        pitch = 220 * 2 ** (random.integers(0, 25) / 12)
        note = sum(np.sin(2 * np.pi * pitch * partial * since) / partial for partial in (1, 2, 3))
        place = slice(int(onset * RATE), int((onset + 1) * RATE))
        sound[place] += (note * np.exp(-4 * since))[: len(sound[place])]
    sound = sound[int(begin * RATE) : int((begin + seconds) * RATE)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(sound), "NONE", ""))
        file.writeframes((sound * 8000).clip(-32768, 32767).astype("<i2").tobytes())
    return path
