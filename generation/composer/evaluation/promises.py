"""What every single piece must keep: the ordered length, and an ending on the tonic, held, on the beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from generation.composer.evaluation.pieces import Made
from generation.composer.measures import ends_long, ends_on_tonic
from generation.composer.order import Order
from generation.composer.score import STEPS_PER_QUARTER, Score

LENGTHS = (6.0, 15.0, 30.0, 60.0, 90.0, 180.0)
"""Seconds that are ordered."""

TOLERANCE_SECONDS = 0.5


def length_orders(instrument: str, *, each: int) -> list[Order]:
    """``each`` orders of every length, with seeds of their own."""
    return [
        Order(instrument=instrument, seconds=seconds, seed=10_000 + seed)
        for seconds in LENGTHS
        for seed in range(each)
    ]


def kept(made: Sequence[Made]) -> list[dict[str, Any]]:
    """For each ordered length: pieces, by how much the last note ends off it at most, and shares of good endings."""
    rows = []
    for seconds in sorted({one.order.seconds for one in made}):
        ours = [one for one in made if one.order.seconds == seconds]
        error = max(abs(sounding_seconds(one.score) - seconds) for one in ours)
        rows.append(
            {
                "seconds": seconds,
                "pieces": len(ours),
                "largest_error_seconds": round(error, 4),
                **endings([one.score for one in ours]),
            }
        )
    return rows


def sounding_seconds(score: Score) -> float:
    """When the last note of a score is left, by its notation."""
    return score.seconds_at(max(note.onset + note.duration for note in score.notes))


def endings(scores: Sequence[Score]) -> dict[str, float]:
    """Shares of scores that end on the tonic, with a long note, on a beat; the same test for real music."""
    return {
        name: round(float(np.mean([test(score) for score in scores])), 3)
        for name, test in (("on_tonic", ends_on_tonic), ("long", ends_long), ("on_beat", ends_on_beat))
    }


def ends_on_beat(score: Score) -> bool:
    """Whether the last sonority begins on a beat of its metre (the dotted quarter in 6/8, 9/8 and 12/8)."""
    beats, unit = score.metre
    beat = STEPS_PER_QUARTER * 4 // unit
    if unit == 8 and beats % 3 == 0:
        beat *= 3
    return (score.notes[-1].onset - score.pickup) % beat == 0
