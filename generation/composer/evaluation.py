"""How near generated music is, as a set, to real music: the numbers that are published for every model.

Overlapping area after Yang & Lerch, "On the evaluation of generative models in music" (Neural Computing and
Applications, 2018): for each feature the distances within the real set and from real to generated pieces are
smoothed into two densities; the area they share is 1 where the sets cannot be told apart. The classifier is a
logistic regression over the same features and the measures of a piece, tested on pieces it has not seen:
0.5 is guessing, 1 telling all of them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.batches import tracks_of, without_wishes
from generation.composer.compose import Composed, Order, compose
from generation.composer.critic import EXCERPT_BARS
from generation.composer.events import key_shift
from generation.composer.likelihood import runtime_bits
from generation.composer.measures import LAGS, excerpts, measure
from generation.composer.model import ComposerModel
from generation.composer.score import STEPS_PER_QUARTER, Score
from generation.originality.runs import top_line

Vector = NDArray[np.float64]

SECONDS = 30.0
_GRID = 400
_FOLDS = 5
_NOT_COMPARED = frozenset({"ends_on_tonic", "longest_silence"})
"""An excerpt is not an ending, and the silence after its last note is not heard."""


def evaluate(
    model: ComposerModel,
    *,
    real: Sequence[Score],
    held_out: Sequence[Score],
    pieces: int,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Compose ``pieces`` pieces (seeds 0, 1 …) and compare them with excerpts of real scores.

    ``held_out`` are whole scores for the likelihood. Raises ``ValueError`` if there are too few of anything.
    """
    samples = [part for score in real for part in excerpts(score, bars=EXCERPT_BARS)]
    if len(samples) < _FOLDS or pieces < _FOLDS or not held_out:
        raise ValueError(
            f"Evaluation needs at least {_FOLDS} pieces, {_FOLDS} excerpts of {EXCERPT_BARS} bars and one held-out "
            f"score; there are {pieces}, {len(samples)} and {len(held_out)}."
        )
    composed: list[Composed] = []
    for seed in range(pieces):
        composed.append(compose(Order(instrument=model.instrument, seconds=SECONDS, seed=seed), model=model))
        if progress:
            progress(seed + 1, pieces)
    made = [one.score for one in composed]
    bits = runtime_bits(model.core, tracks=[without_wishes(track) for track in tracks_of(held_out)])
    return {
        "instrument": model.instrument,
        "pieces": pieces,
        "nll_bits_per_note": {
            name: round(value, 3) for name, value in (*bits.items(), ("total", sum(bits.values())))
        },
        "overlapping_area": overlapping_areas(samples, made),
        "classifier_auc": round(classifier_auc(samples, made), 3),
        "bar_similarity": {f"lag{lag}": _compared(f"bar_similarity_{lag}", samples, made) for lag in LAGS},
        "measures": {name: _compared(name, samples, made) for name in measure(made[0])},
        "longest_shared_run": max(int(one.originality["longest_run_corpus"] or 0) for one in composed),
    }


def _compared(name: str, real: Sequence[Score], made: Sequence[Score]) -> dict[str, float | list[float]]:
    """Means of a measure, and where the middle eight tenths of the real pieces lie."""
    values = [[found[name] for found in map(measure, scores) if name in found] for scores in (real, made)]
    if not all(values):
        return {}
    low, high = np.percentile(values[0], [10, 90]).tolist()
    return {
        "real": round(float(np.mean(values[0])), 3),
        "generated": round(float(np.mean(values[1])), 3),
        "real_p10_p90": [round(low, 3), round(high, 3)],
    }


def features(score: Score) -> dict[str, Vector]:
    """The nine features of a piece: five numbers and four histograms, in the key without signature."""
    notes = score.notes
    shift = key_shift(tonic=score.tonic, mode=score.mode)
    line = top_line(notes)
    onsets = sorted({note.onset for note in notes})
    classes = [(note.pitch - shift) % 12 for note in line]
    lengths = [min(11, int(np.log2(max(1, note.duration)) * 2)) for note in line]
    numbers: dict[str, float] = {
        "pitch_count": len({note.pitch for note in notes}),
        "pitch_range": max(note.pitch for note in notes) - min(note.pitch for note in notes),
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


def _histogram(values: Sequence[int], *, size: int = 12) -> Vector:
    counts = np.bincount(np.array(values, np.intp), minlength=size).astype(np.float64)
    shares: Vector = counts / max(1.0, float(counts.sum()))
    return shares


def overlapping_areas(real: Sequence[Score], made: Sequence[Score]) -> dict[str, float]:
    """Overlapping area of each feature, and their mean."""
    ours, theirs = [features(score) for score in made], [features(score) for score in real]
    areas = {}
    for name in theirs[0]:
        known = np.stack([found[name] for found in theirs])
        new = np.stack([found[name] for found in ours])
        within = _distances(known, known)[np.triu_indices(len(known), k=1)]
        areas[name] = _overlap(within, _distances(known, new).ravel())
    rounded = {name: round(area, 3) for name, area in areas.items()}
    return {"mean": round(float(np.mean(list(areas.values()))), 3), **rounded}


def _distances(one: Vector, other: Vector) -> Vector:
    found: Vector = np.sqrt(((one[:, None, :] - other[None, :, :]) ** 2).sum(axis=2))
    return found


def _overlap(one: Vector, other: Vector) -> float:
    """Area shared by the Gaussian densities (Scott's width) of two samples."""
    low, high = min(one.min(), other.min()), max(one.max(), other.max())
    margin = 0.25 * (high - low) + 1e-9
    grid = np.linspace(low - margin, high + margin, _GRID)
    densities = [_density(sample, grid=grid) for sample in (one, other)]
    return float(np.minimum(*densities).sum() * (grid[1] - grid[0]))


def _density(sample: Vector, *, grid: Vector) -> Vector:
    width = max(sample.std() * len(sample) ** -0.2, 1.5 * (grid[1] - grid[0]))
    total: Vector = np.zeros(len(grid))
    for part in np.array_split(sample, max(1, len(sample) // 4096)):
        total += np.exp(-0.5 * ((grid[:, None] - part) / width) ** 2).sum(axis=1)
    total /= total.sum() * (grid[1] - grid[0])
    return total


def classifier_auc(real: Sequence[Score], made: Sequence[Score]) -> float:
    """Area under the ROC curve of a real-or-generated classifier, cross-validated in five parts."""
    rows = [_description(score) for score in (*real, *made)]
    names = sorted(set.intersection(*(set(row) for row in rows)))
    table = np.array([[row[name] for name in names] for row in rows])
    labels = np.array([0.0] * len(real) + [1.0] * len(made))
    folds = np.concatenate([np.arange(len(real)) % _FOLDS, np.arange(len(made)) % _FOLDS])
    scores = np.zeros(len(labels))
    for fold in range(_FOLDS):
        seen = folds != fold
        mean, spread = table[seen].mean(axis=0), table[seen].std(axis=0) + 1e-9
        weights = _logistic((table[seen] - mean) / spread, labels=labels[seen])
        scores[~seen] = ((table[~seen] - mean) / spread) @ weights
    generated, others = scores[labels == 1], scores[labels == 0]
    above = (generated[:, None] > others).mean() + 0.5 * (generated[:, None] == others).mean()
    return float(above)


def _description(score: Score) -> Mapping[str, float]:
    found = {name: value for name, value in measure(score).items() if name not in _NOT_COMPARED}
    histogram = features(score)["pitch_class_histogram"]
    return found | {f"degree_{index}": float(share) for index, share in enumerate(histogram)}


def _logistic(table: Vector, *, labels: Vector, penalty: float = 1e-2, rounds: int = 400) -> Vector:
    """Weights of a logistic regression (classes weighted equally), by gradient descent."""
    share = labels.mean()
    balance = np.where(labels == 1, 0.5 / share, 0.5 / (1 - share)) / len(labels)
    weights: Vector = np.zeros(table.shape[1])
    bias = 0.0
    for _ in range(rounds):
        error = (1 / (1 + np.exp(-np.clip(table @ weights + bias, -30, 30))) - labels) * balance
        weights -= 0.5 * (table.T @ error + penalty * weights)
        bias -= 0.5 * float(error.sum())
    return weights
