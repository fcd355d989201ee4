"""Choosing among candidates by typicality: how near a piece is to what real music measures.

Not by likelihood: the likeliest music is the dullest. A classifier learns, from excerpts of real music and from
candidates as the network draws them, what tells the two apart; candidates are then drawn by their odds of being real.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.measures import measure
from generation.composer.score import Score

EXCERPT_BARS = 16
TYPICAL = (
    "notes_per_quarter", "chord_size", "mean_pitch", "pitch_range", "pitch_class_entropy", "scale_consistency",
    "duration_entropy", "mean_duration", "onset_entropy", "on_beat", "groove_consistency", "mean_interval",
    "unison_share", "step_share", "leap_share", "bar_similarity_1", "bar_similarity_2", "bar_similarity_4",
    "bar_similarity_8", "bar_recurrence", "rhythm_recurrence", "empty_beats",
)  # fmt: skip
_CAP = 4.0
_PENALTY = 1.0
_MILLION = 1_000_000
_BEYOND = 6.0
"""Log-odds beyond which a candidate is as good, or as hopeless, as any other."""


def body(score: Score) -> Score:
    """What is judged of a piece: its first ``EXCERPT_BARS`` bars without the last chord, which excerpts have not."""
    bars = max(1, min(EXCERPT_BARS, score.bars - 1))
    end = score.pickup + bars * score.steps_per_bar
    notes = tuple(note for note in score.notes if note.onset < end)
    return replace(score, notes=notes, bars=bars)


@dataclass(frozen=True, slots=True)
class Critic:
    """Logistic regression on the measures of ``TYPICAL``, in standard deviations from real music, and their squares.

    ``mean`` and ``spread`` are those of real excerpts; ``weights`` (linear, then squared) and ``bias`` are zero until
    the critic has heard generated music: then it knows only what is typical.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...] = ()
    bias: float = 0.0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Critic:
        """The critic as a model card holds it."""
        parts = {name: tuple(stored[name]) for name in ("names", "mean", "spread", "weights")}
        return cls(**parts, bias=float(stored["bias"]))

    def log_odds(self, found: Mapping[str, float]) -> float:
        """How much likelier real than generated a piece with these measures is, as a natural logarithm.

        An untrained critic gives minus half the mean square of the standard scores instead.
        """
        scores = self.scores(found)
        if not self.weights:
            return -0.5 * sum(score * score for score in scores) / len(scores)
        terms = [*scores, *(score * score for score in scores)]
        odds = self.bias + sum(weight * term for weight, term in zip(self.weights, terms, strict=True))
        return max(-_BEYOND, min(_BEYOND, odds))

    def chances(self, measured: Sequence[Mapping[str, float]]) -> list[int]:
        """Whole-number weights for drawing one of some candidates, proportional to their odds of being real.

        Drawing by the odds, instead of taking the best, gives pieces that are spread like real ones (sampling
        importance resampling; Azadi et al., arXiv 1810.06758, do it with a discriminator's odds).
        """
        odds = [round(self.log_odds(found), 4) for found in measured]
        best = max(odds)
        return [1 + int(_MILLION * math.exp(max(-30.0, one - best))) for one in odds]

    def distance(self, one: Mapping[str, float], other: Mapping[str, float]) -> float:
        """How unlike two pieces are: mean squared difference of their standard scores."""
        pairs = zip(self.scores(one), self.scores(other), strict=True)
        return sum((a - b) ** 2 for a, b in pairs) / len(self.names)

    def scores(self, found: Mapping[str, float]) -> list[float]:
        """Standard scores, cut off at ±4 so that one odd measure does not decide alone; 0 for what is missing."""
        return [
            max(-_CAP, min(_CAP, (round(found[name], 6) - mean) / spread)) if name in found else 0.0
            for name, mean, spread in zip(self.names, self.mean, self.spread, strict=True)
        ]


def untrained(real: Sequence[Score]) -> Critic:
    """A critic that knows what real excerpts measure. Raises ``ValueError`` if there are fewer than two."""
    measured = [measure(score) for score in real]
    names, mean, spread = [], [], []
    for name in TYPICAL:
        column = [found[name] for found in measured if name in found]
        if len(column) > 1:
            names.append(name)
            mean.append(round(float(np.mean(column)), 4))
            spread.append(round(max(float(np.std(column)), 1e-2), 4))
    if not names:
        raise ValueError(
            f"{len(real)} excerpt(s) of {EXCERPT_BARS} bars are too few to know what is typical."
        )
    return Critic(tuple(names), tuple(mean), tuple(spread))


def trained(critic: Critic, *, real: Sequence[Score], made: Sequence[Score]) -> Critic:
    """The critic after hearing real excerpts and the bodies of candidates as they were drawn, before any choice."""
    heard = [*map(measure, real), *(measure(body(score)) for score in made)]
    rows = np.array([critic.scores(found) for found in heard])
    labels = np.array([1.0] * len(real) + [0.0] * len(made))
    weights, bias = logistic(np.concatenate([rows, rows**2], axis=1), labels=labels, penalty=_PENALTY)
    return replace(
        critic, weights=tuple(round(float(weight), 5) for weight in weights), bias=round(float(bias), 5)
    )


def logistic(
    table: NDArray[np.float64], *, labels: NDArray[np.float64], penalty: float, rounds: int = 30
) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of a logistic regression with an L2 ``penalty``, both classes weighted equally.

    Newton's method (iteratively re-weighted least squares; Hastie et al., The Elements of Statistical Learning, 4.4.1).
    """
    share = labels.mean()
    balance = np.where(labels == 1, 0.5 / share, 0.5 / (1 - share))
    padded = np.concatenate([table, np.ones((len(table), 1))], axis=1)
    ridge = np.diag([penalty] * table.shape[1] + [1e-6])
    solution = np.zeros(padded.shape[1])
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-np.clip(padded @ solution, -30, 30)))
        gradient = padded.T @ (balance * (chance - labels)) + ridge @ solution
        curvature = (padded * (balance * chance * (1 - chance))[:, None]).T @ padded + ridge
        step = np.linalg.solve(curvature, gradient)
        solution = solution - step
        if np.abs(step).max() < 1e-6:
            break
    return solution[:-1], float(solution[-1])
