"""Choosing among candidates by typicality: how near a piece is to what real music measures.

Not by likelihood: the likeliest music is the dullest. The distance of a candidate is the mean square of its
measures in standard deviations from real excerpts of the training corpus, each capped so that one odd
measure does not decide alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from generation.composer.measures import excerpts, measure
from generation.composer.score import Score

EXCERPT_BARS = 16
TYPICAL = (
    "notes_per_quarter", "chord_size", "mean_pitch", "pitch_range", "pitch_class_entropy", "scale_consistency",
    "duration_entropy", "mean_duration", "onset_entropy", "on_beat", "groove_consistency", "mean_interval",
    "unison_share", "step_share", "leap_share", "bar_similarity_1", "bar_similarity_2", "bar_similarity_4",
    "bar_similarity_8", "bar_recurrence", "rhythm_recurrence", "empty_beats",
)  # fmt: skip
_CAP = 4.0


def typical_values(scores: Sequence[Score], *, instrument: str) -> dict[str, list[float]]:
    """[mean, standard deviation] of each measure over the excerpts of real scores of an instrument.

    Falls back on all scores where the instrument has too few; measures nothing could be learned of are left out.
    """
    own = [score for score in scores if score.instrument == instrument] or list(scores)
    measured = [measure(part) for score in own for part in excerpts(score, bars=EXCERPT_BARS)]
    if len(measured) < 2:
        measured = [measure(score) for score in own]
    values = {}
    for name in TYPICAL:
        column = [found[name] for found in measured if name in found]
        if len(column) > 1:
            values[name] = [round(float(np.mean(column)), 4), round(max(float(np.std(column)), 1e-2), 4)]
    return values


def distance(found: Mapping[str, float], *, typical: Mapping[str, tuple[float, float]]) -> float:
    """Mean squared distance, in standard deviations, of a candidate's measures from real ones."""
    squares = [
        min(_CAP, abs(found[name] - mean) / spread) ** 2
        for name, (mean, spread) in typical.items()
        if name in found
    ]
    return sum(squares) / max(1, len(squares))
