"""What the set-level numbers are for sets whose likeness is known: the marks on their scales.

Real music against other real music is the best that can be reached; real music with its pitches shuffled keeps
every rhythm, chord size and pitch, and must be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from generation.composer.evaluation.areas import overlapping_areas
from generation.composer.evaluation.classifier import classifier_auc
from generation.composer.evaluation.cuts import Window
from generation.composer.score import Note, Score

_HALVINGS = 5


def calibrated(real: Sequence[Window]) -> dict[str, Any]:
    """Overlapping area and classifier AUC of real halves (means over halvings by work) and of shuffled pitches."""
    areas, aucs = [], []
    for seed in range(_HALVINGS):
        one, other = halves(real, seed=seed)
        areas.append(overlapping_areas(one, other))
        aucs.append(classifier_auc(one, other))
    one, other = halves(real, seed=0)
    shuffled = shuffled_pitches(other)
    return {
        "real_halves": {
            "overlapping_area": {
                name: round(float(np.mean([found[name] for found in areas])), 3) for name in areas[0]
            },
            "classifier_auc": round(float(np.mean(aucs)), 3),
        },
        "pitches_shuffled": {
            "overlapping_area": overlapping_areas(one, shuffled),
            "classifier_auc": classifier_auc(one, shuffled),
        },
    }


def halves(windows: Sequence[Window], *, seed: int) -> tuple[list[Window], list[Window]]:
    """Two sets of equally many windows that share no work."""
    rng = np.random.default_rng(seed)
    groups = sorted({window.group for window in windows})
    sides: tuple[list[Window], list[Window]] = ([], [])
    for index in rng.permutation(len(groups)).tolist():
        min(sides, key=len).extend(window for window in windows if window.group == groups[index])
    count = min(map(len, sides))
    return sides[0][:count], sides[1][:count]


def shuffled_pitches(windows: Sequence[Window]) -> list[Window]:
    """The same windows, with the pitches of each dealt to its notes at random."""
    rng = np.random.default_rng(0)
    return [replace(window, score=_shuffled(window.score, rng=rng)) for window in windows]


def _shuffled(score: Score, *, rng: np.random.Generator) -> Score:
    pitches = rng.permutation([note.pitch for note in score.notes]).tolist()
    notes = (
        Note(note.onset, pitch, note.duration, note.part)
        for note, pitch in zip(score.notes, pitches, strict=True)
    )
    return replace(score, notes=tuple(sorted(notes)))
