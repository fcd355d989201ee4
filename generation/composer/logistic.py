"""Logistic regression, for the critic and for the classifier that judges what it lets through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

_NEWTON_STEPS = 30


def logistic(table: Vector, *, labels: Labels, penalty: float) -> Vector:
    """Weights (the last is the bias) of a logistic regression by Newton's method.

    Minimises the mean negative log-likelihood, both classes weighing alike, plus penalty/2 · |w|²
    (the bias is free).
    """
    rows = np.column_stack([table, np.ones(len(table))])
    balance = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    ridge = np.full(rows.shape[1], penalty)
    ridge[-1] = 1e-9
    weights: Vector = np.zeros(rows.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = chances(rows @ weights)
        slope = rows.T @ (balance * (chance - labels)) + ridge * weights
        curve = (rows * (balance * np.maximum(chance * (1 - chance), 1e-6))[:, None]).T @ rows
        step = np.linalg.solve(curve + np.diag(ridge), slope)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def chances(values: Vector) -> Vector:
    """Probabilities from log-odds."""
    squashed: Vector = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return squashed
