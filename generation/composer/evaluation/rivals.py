"""Music of another composer, from a folder of MIDI files, to be measured as ours is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from generation.composer.keyfinder import heard_key
from generation.composer.score import Score
from generation.composer.write import read_midi


def read_rival(folder: Path) -> list[Score]:
    """Scores of a folder's MIDI files, each in the key that is heard: their key signatures are often absent.

    Raises ``UnreadableMidiError``, and ``ValueError`` if the folder holds no MIDI file.
    """
    paths = sorted(folder.glob("*.mid"))
    if not paths:
        raise ValueError(f"{folder} holds no file that ends in .mid.")
    scores = []
    for path in paths:
        score = read_midi(path)
        tonic, mode = heard_key(score.notes)
        scores.append(replace(score, tonic=tonic, mode=mode))
    return scores
