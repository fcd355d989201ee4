"""Overlapping area of feature distributions: how alike two sets of music are, feature by feature.

After Yang & Lerch, "On the evaluation of generative models in music" (Neural Computing and Applications, 2018,
doi 10.1007/s00521-018-3849-7). For each feature the Euclidean distances within the real set and from real to
generated pieces are smoothed into two densities p and q; the area under min(p, q) is 1 where the sets cannot be
told apart. Two pieces of one work are not a pair: movements of an opus are nearer to each other than strangers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from generation.composer.evaluation.cuts import Window
from generation.composer.events import key_shift
from generation.composer.score import STEPS_PER_QUARTER, Score
from generation.originality.runs import top_line

Vector = NDArray[np.float64]

FEATURES = (
    "pitch_count", "pitch_range", "mean_interval", "mean_gap", "notes_per_quarter", "pitch_class_histogram",
    "pitch_class_transitions", "length_histogram", "length_transitions",
)  # fmt: skip

_GRID = 400
_LENGTH_CLASSES = 12


def features(score: Score) -> dict[str, Vector]:
    """The nine features of a piece: five numbers and four histograms, in the key without signature.

    Different pitches; range (semitones); mean interval of the top line (semitones); mean time between onsets
    (quarters); notes a quarter; shares of the 12 pitch classes and of their 144 successions in the top line;
    shares of 12 half-octave classes of note length, and of their successions, in the top line.
    """
    notes = score.notes
    shift = key_shift(tonic=score.tonic, mode=score.mode)
    line = top_line(notes)
    onsets = sorted({note.onset for note in notes})
    classes = [(note.pitch - shift) % 12 for note in line]
    lengths = [min(_LENGTH_CLASSES - 1, int(np.log2(max(1, note.duration)) * 2)) for note in line]
    pitches = {note.pitch for note in notes}
    numbers: dict[str, float] = {
        "pitch_count": len(pitches),
        "pitch_range": max(pitches) - min(pitches),
        "mean_interval": float(np.mean([abs(b.pitch - a.pitch) for a, b in pairwise(line)] or [0])),
        "mean_gap": float(np.mean(np.diff(onsets))) / STEPS_PER_QUARTER if len(onsets) > 1 else 0.0,
        "notes_per_quarter": len(notes) * STEPS_PER_QUARTER / score.steps,
    }
    return {
        **{name: np.array([value]) for name, value in numbers.items()},
        "pitch_class_histogram": _histogram([(note.pitch - shift) % 12 for note in notes]),
        "pitch_class_transitions": _histogram([a * 12 + b for a, b in pairwise(classes)], size=144),
        "length_histogram": _histogram(lengths),
        "length_transitions": _histogram([a * 12 + b for a, b in pairwise(lengths)], size=144),
    }


def overlapping_areas(real: Sequence[Window], made: Sequence[Window]) -> dict[str, float]:
    """Overlapping area of each feature, and their mean under ``mean``."""
    ours, theirs = ([features(window.score) for window in side] for side in (made, real))
    groups = np.array([window.group for window in real])
    pairs = np.triu(groups[:, None] != groups[None, :], k=1)
    if not pairs.any():
        raise ValueError("Overlapping areas need real pieces of at least two works.")
    areas = {}
    for name in FEATURES:
        known = np.stack([found[name] for found in theirs])
        new = np.stack([found[name] for found in ours])
        areas[name] = overlap(_distances(known, known)[pairs], _distances(known, new).ravel())
    rounded = {name: round(area, 3) for name, area in areas.items()}
    return {"mean": round(float(np.mean(list(areas.values()))), 3), **rounded}


def overlap(one: Vector, other: Vector) -> float:
    """Area shared by the Gaussian densities of two samples, each of Scott's width (s · n^(-1/5))."""
    low, high = min(one.min(), other.min()), max(one.max(), other.max())
    margin = 0.25 * (high - low) + 1e-9
    edges = np.linspace(low - margin, high + margin, _GRID + 1)
    return float(np.minimum(*(_density(sample, edges=edges) for sample in (one, other))).sum())


def _density(sample: Vector, *, edges: Vector) -> Vector:
    """Share of the smoothed sample in each cell of the grid.

    Smoothing the counts of the cells instead of every value makes the cost independent of the sample's size;
    a cell is a 400th of the range.
    """
    counts, _ = np.histogram(sample, bins=edges)
    cell = edges[1] - edges[0]
    width = max(sample.std() * len(sample) ** -0.2, 1.5 * cell)
    offsets = (np.arange(_GRID)[:, None] - np.arange(_GRID)) * cell / width
    smooth: Vector = np.exp(-0.5 * offsets**2) @ counts
    smooth /= smooth.sum()
    return smooth


def _distances(one: Vector, other: Vector) -> Vector:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    found: Vector = np.sqrt(np.maximum(squares, 0.0))
    return found


def _histogram(values: Sequence[int], *, size: int = 12) -> Vector:
    counts = np.bincount(np.array(values, np.intp), minlength=size).astype(np.float64)
    shares: Vector = counts / max(1.0, float(counts.sum()))
    return shares
