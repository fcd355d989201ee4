"""A small real-or-generated classifier: how surely can an excerpt's side be told from its descriptors?

Logistic regression on standardised descriptors, tested on works and pieces it has not seen. The area under the
ROC curve is the probability that a generated excerpt is scored above a real one: 0.5 is guessing, 1 telling
all apart. The strength of the L2 penalty is chosen inside the training part of each fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.evaluation.cuts import Window
from generation.composer.evaluation.descriptors import table_of
from generation.composer.logistic import chances, logistic

Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
Groups = NDArray[np.intp]

FOLDS = 5
_INNER_FOLDS = 3
_ROUNDS = 3
"""Different divisions into folds, over which an excerpt's scores are averaged."""

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
_RESAMPLED = 1000
_LARGEST_EFFECT = 99.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the classifier found. ``interval`` is a 95 % bootstrap interval over works and pieces."""

    auc: float
    interval: tuple[float, float]
    telling: tuple[dict[str, Any], ...]
    families: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for a report."""
        return {
            "auc": self.auc,
            "interval95": list(self.interval),
            "families": self.families,
            "descriptors": list(self.telling),
        }


def classify(real: Sequence[Window], made: Sequence[Window]) -> Verdict:
    """Tell real from generated excerpts, and say by which descriptors.

    ``telling`` lists all descriptors, the most telling first: name, mean of either side, ``effect`` (difference
    of the means in pooled standard deviations) and ``weight`` in a regression on everything. ``families`` is the
    AUC that each family of descriptors reaches alone.
    """
    names, table, labels, groups = _tabled(real, made)
    scores = held_out_scores(table, labels=labels, groups=groups)
    family_of = np.array([name.split(".")[0] for name in names])
    families = {
        str(family): auc(
            held_out_scores(table[:, family_of == family], labels=labels, groups=groups), labels=labels
        )
        for family in np.unique(family_of)
    }
    return Verdict(
        auc=round(auc(scores, labels=labels), 3),
        interval=_interval(scores, labels=labels, groups=groups),
        telling=_telling(names, table, labels=labels),
        families={
            name: round(value, 3) for name, value in sorted(families.items(), key=lambda pair: -pair[1])
        },
    )


def classifier_auc(real: Sequence[Window], made: Sequence[Window]) -> float:
    """Area under the ROC curve alone."""
    _, table, labels, groups = _tabled(real, made)
    return round(auc(held_out_scores(table, labels=labels, groups=groups), labels=labels), 3)


def _tabled(real: Sequence[Window], made: Sequence[Window]) -> tuple[tuple[str, ...], Vector, Labels, Groups]:
    """Names of the descriptors, a row of them for each window, its label and the number of its work or piece."""
    labels = np.array([False] * len(real) + [True] * len(made))
    sides = [(side, window.group) for side, windows in enumerate((real, made)) for window in windows]
    numbers = {key: index for index, key in enumerate(dict.fromkeys(sides))}
    names, table = table_of([window.score for window in (*real, *made)])
    return names, table, labels, np.array([numbers[key] for key in sides], np.intp)


def held_out_scores(table: Vector, *, labels: Labels, groups: Groups) -> Vector:
    """Mean probability of "generated" for each row, by regressions that have not seen its group.

    Raises ``ValueError`` if either side has fewer groups than folds.
    """
    for side in (False, True):
        count = len(np.unique(groups[labels == side]))
        if count < FOLDS:
            raise ValueError(f"A classifier in {FOLDS} folds needs {FOLDS} works a side; there are {count}.")
    total: Vector = np.zeros(len(labels))
    for number in range(_ROUNDS):
        folds = _folds(labels=labels, groups=groups, count=FOLDS, seed=number)
        for fold in range(FOLDS):
            seen = folds != fold
            penalty = _best_penalty(table[seen], labels=labels[seen], groups=groups[seen])
            total[~seen] += _fit_and_score(
                table[seen], labels=labels[seen], new=table[~seen], penalty=penalty
            )
    return total / _ROUNDS


def auc(scores: Vector, *, labels: Labels, weights: Vector | None = None) -> float:
    """Area under the ROC curve (ties count half); ``weights`` say how often each row counts."""
    counts = np.ones(len(scores)) if weights is None else weights
    values, place = np.unique(scores, return_inverse=True)
    made = np.bincount(place, weights=counts * labels, minlength=len(values))
    real = np.bincount(place, weights=counts * ~labels, minlength=len(values))
    below = np.cumsum(real) - real
    return float((made * (below + 0.5 * real)).sum() / (made.sum() * real.sum()))


def _fit_and_score(table: Vector, *, labels: Labels, new: Vector, penalty: float) -> Vector:
    mean, spread = table.mean(axis=0), table.std(axis=0) + 1e-9
    weights = logistic((table - mean) / spread, labels=labels, penalty=penalty)
    return chances((new - mean) / spread @ weights[:-1] + weights[-1])


def _best_penalty(table: Vector, *, labels: Labels, groups: Groups) -> float:
    folds = _folds(labels=labels, groups=groups, count=_INNER_FOLDS, seed=0)
    reached = []
    for penalty in PENALTIES:
        scores: Vector = np.zeros(len(labels))
        for fold in range(_INNER_FOLDS):
            seen = folds != fold
            scores[~seen] = _fit_and_score(
                table[seen], labels=labels[seen], new=table[~seen], penalty=penalty
            )
        reached.append(auc(scores, labels=labels))
    return PENALTIES[int(np.argmax(reached))]


def _folds(*, labels: Labels, groups: Groups, count: int, seed: int) -> Groups:
    """Fold of each row: groups stay whole, and each side is spread evenly."""
    rng = np.random.default_rng(seed)
    folds = np.zeros(len(labels), np.intp)
    for side in (False, True):
        names, sizes = np.unique(groups[labels == side], return_counts=True)
        filled = np.zeros(count, np.intp)
        for index in rng.permutation(len(names)):
            fold = int(np.argmin(filled))
            filled[fold] += sizes[index]
            folds[groups == names[index]] = fold
    return folds


def _interval(scores: Vector, *, labels: Labels, groups: Groups) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    sides = [np.unique(groups[labels == side]) for side in (False, True)]
    found = []
    for _ in range(_RESAMPLED):
        drawn = np.concatenate([rng.choice(names, len(names)) for names in sides])
        weights = np.bincount(drawn, minlength=int(groups.max()) + 1)[groups].astype(np.float64)
        found.append(auc(scores, labels=labels, weights=weights))
    low, high = np.percentile(found, [2.5, 97.5]).tolist()
    return round(low, 3), round(high, 3)


def _telling(names: Sequence[str], table: Vector, *, labels: Labels) -> tuple[dict[str, Any], ...]:
    weights = logistic((table - table.mean(axis=0)) / (table.std(axis=0) + 1e-9), labels=labels, penalty=1e-2)
    real, made = table[~labels], table[labels]
    pooled = np.sqrt((real.var(axis=0) + made.var(axis=0)) / 2)
    apart = made.mean(axis=0) - real.mean(axis=0)
    effects = apart / np.maximum(pooled, np.abs(apart) / _LARGEST_EFFECT + 1e-9)
    return tuple(
        {
            "name": names[index],
            "real": round(float(real[:, index].mean()), 3),
            "generated": round(float(made[:, index].mean()), 3),
            "effect": round(float(effects[index]), 2),
            "weight": round(float(weights[index]), 2),
        }
        for index in np.argsort(-np.abs(effects)).tolist()
    )
