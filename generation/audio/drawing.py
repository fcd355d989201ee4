"""What the listening page draws: the waveform of the preview and a coarse picture of the notes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from generation.audio.errors import EncodingFailed
from generation.composer.score import STEPS_PER_QUARTER, Score

PEAK_PAIRS = 800
PEAK_SCALE = 127
ROLL_COLUMN_STEPS = STEPS_PER_QUARTER // 2
ROLL_ROW_SEMITONES = 3


def waveform_peaks(path: Path, *, pairs: int = PEAK_PAIRS) -> list[int]:
    """Return ``pairs`` of lowest and highest sample of an audio file, one after the other: min, max, min, max.

    Whole numbers from -127 to 127, 127 being the loudest sample of the file; the pairs divide its time evenly.
    Decode exactly the file that is served, or the cursor drifts. Raises ``EncodingFailed`` if it is not audio.
    """
    try:
        sound, _ = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise EncodingFailed(f"{path} cannot be read as audio: {error}") from error
    if not len(sound):
        raise EncodingFailed(f"{path} holds no audio")
    mono = sound.mean(axis=1) if sound.shape[1] > 1 else sound[:, 0]
    # Where a file has fewer frames than pairs, a pair shows the frame that it begins in.
    starts = np.arange(pairs) * len(mono) // pairs
    lowest, highest = (extreme.reduceat(mono, starts) for extreme in (np.minimum, np.maximum))
    loudest = float(max(highest.max(), -lowest.min())) or 1.0
    peaks = np.rint(np.stack([lowest, highest], axis=1) * (PEAK_SCALE / loudest))
    return [int(value) for value in peaks.reshape(-1)]


def coarse_roll(score: Score) -> list[tuple[int, int, int]]:
    """Return rectangles (column, row, columns) that show the shape of ``score`` without giving its notes away.

    A column is an eighth note from the start of the piece, a row is three semitones counted from the lowest
    row in use. Rectangles in a row that touch are joined, so neither pitch nor rhythm can be read back.
    """
    cells: dict[int, set[int]] = {}
    for note in score.notes:
        first = note.onset // ROLL_COLUMN_STEPS
        last = -(-(note.onset + note.duration) // ROLL_COLUMN_STEPS)
        cells.setdefault(note.pitch // ROLL_ROW_SEMITONES, set()).update(range(first, last))
    lowest = min(cells, default=0)
    rectangles = []
    for row, columns in cells.items():
        for column in columns:
            if column - 1 in columns:
                continue
            end = column + 1
            while end in columns:
                end += 1
            rectangles.append((column, row - lowest, end - column))
    return sorted(rectangles)
