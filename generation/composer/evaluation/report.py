"""The whole evaluation of one model: composes, measures, compares, and returns plain values for a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from generation.composer.corpus import Piece
from generation.composer.evaluation import promises, wishes
from generation.composer.evaluation.areas import overlapping_areas
from generation.composer.evaluation.calibration import calibrated
from generation.composer.evaluation.classifier import FOLDS, classify
from generation.composer.evaluation.cuts import (
    WINDOW_BARS,
    RealSide,
    Window,
    balanced,
    everywhere,
    made_windows,
    real_side,
)  # fmt: skip
from generation.composer.evaluation.own_runs import own_runs
from generation.composer.evaluation.pieces import Batch, Studio
from generation.composer.evaluation.shop import Sample, as_sold
from generation.composer.likelihood import untold_bits
from generation.composer.measures import LAGS, measure
from generation.composer.order import Order
from generation.composer.score import Score
from generation.originality.runs import NOTES_IN_SHINGLE

Progress = Callable[[str, int, int], None]

STRUCTURE = ("bar_similarity_4", "bar_similarity_8", "bar_recurrence")
"""Measures whose mean must lie where the middle eight tenths of real excerpts lie."""

_NOT_OF_EXCERPTS = frozenset({"ends_on_tonic", "longest_silence"})


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pieces to compose for what.

    ``pieces`` of ``seconds`` for the comparison with real music; ``sample`` (at least as many, the same ones
    first) for the runs; ``lengths`` for each ordered length; ``wishes`` for each value of each wish.
    """

    pieces: int = 100
    sample: int = 100
    seconds: float = 60.0
    lengths: int = 10
    wishes: int = 10


def evaluate(
    studio: Studio,
    *,
    corpus: Sequence[Piece],
    plan: Plan,
    rival: Sequence[Score] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compose with the studio's model and compare with a corpus of its instrument.

    ``rival`` are pieces of another composer, to be measured against the same real music. Raises ``ValueError`` if
    there is too little of anything.
    """
    instrument = studio.model.instrument
    side = real_side(corpus, instrument=instrument)
    held_out = [score for piece in corpus if piece.entry.held_out for score in piece.sections]
    if plan.pieces < FOLDS or side.works < FOLDS or not held_out:
        raise ValueError(
            f"Evaluation needs at least {FOLDS} pieces, excerpts of {WINDOW_BARS} bars from {FOLDS} works and one "
            f"held-out score; there are {plan.pieces}, {side.works} and {len(held_out)}."
        )

    def composed(what: str, orders: Sequence[Order]) -> Batch:
        told = (lambda done, total: progress(what, done, total)) if progress else None
        return studio.compose_all(orders, progress=told)

    sample = as_sold(
        studio,
        lambda seed: Order(instrument=instrument, seconds=plan.seconds, seed=seed),
        pieces=max(plan.pieces, plan.sample),
        progress=(lambda done, total: progress("pieces", done, total)) if progress else None,
    )
    lengths = composed("lengths", promises.length_orders(instrument, each=plan.lengths))
    wished = composed("wishes", wishes.wish_orders(instrument, each=plan.wishes))
    compared = [one.score for one in sample.made[: plan.pieces]]
    everything = everywhere(corpus, instrument=instrument)
    return {
        "instrument": instrument,
        "model": studio.model.version,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "pieces": len(compared),
        "seconds": plan.seconds,
        "refused_orders": len(sample.refused) + len(lengths.refused) + len(wished.refused),
        "nll_bits_per_note": untold_bits(
            studio.model.core, scores=held_out, edges=studio.model.card["edges"]
        ),
        "held_out_scores": len(held_out),
        **comparison(side, compared),
        "all_works": comparison(everything, compared) if side.source != everything.source else None,
        "rival": comparison(side, rival) | {"pieces": len(rival)} if rival else None,
        **runs(sample),
        "lengths": promises.kept(lengths.made),
        "endings": {
            "real": promises.endings([piece.sections[-1] for piece in corpus if piece.sections]),
            "generated": promises.endings([one.score for one in sample.made]),
        },
        "wishes": wishes.effects(wished.made, real=[w.score for w in everything.windows])
        if wished.made
        else None,
    }


def comparison(side: RealSide, scores: Sequence[Score]) -> dict[str, Any]:
    """Everything that sets real and generated windows side by side, in equal numbers."""
    theirs, ours = balanced(side.windows, made_windows(scores))
    verdict = classify(theirs, ours)
    table = _measured([window.score for window in theirs], [window.score for window in ours])
    return {
        "real": {
            "source": side.source,
            "works": len({window.group for window in theirs}),
            "windows": len(theirs),
            "window_bars": WINDOW_BARS,
        },
        "overlapping_area": overlapping_areas(theirs, ours),
        "classifier_auc": verdict.auc,
        "classifier": verdict.as_dict(),
        "bar_similarity": {f"lag{lag}": table[f"bar_similarity_{lag}"] for lag in LAGS},
        "measures": table,
        "metres": {
            "real": _shares([metre_of(window) for window in theirs]),
            "generated": _shares([metre_of(window) for window in ours]),
        },
        "calibration": calibrated(side.windows),
    }


def metre_of(window: Window) -> str:
    """The metre as it is written."""
    beats, unit = window.score.metre
    return f"{beats}/{unit}"


def _shares(values: Sequence[str]) -> dict[str, float]:
    return {value: round(values.count(value) / len(values), 3) for value in sorted(set(values))}


def _measured(real: Sequence[Score], made: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """Means of every measure on both sides, and the range of the middle eight tenths of the real excerpts."""
    sides = [[measure(score) for score in scores] for scores in (real, made)]
    names = [name for name in sides[0][0] if name not in _NOT_OF_EXCERPTS]
    return {name: _side_by_side(name, sides) for name in names}


def _side_by_side(name: str, sides: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    real, made = (np.array([found[name] for found in side if name in found]) for side in sides)
    low, high = np.percentile(real, [10, 90]).tolist()
    return {
        "real": round(float(real.mean()), 3),
        "generated": round(float(made.mean()), 3),
        "real_p10_p90": [round(low, 3), round(high, 3)],
        "inside": bool(low <= made.mean() <= high),
        "share_inside": round(float(((made >= low) & (made <= high)).mean()), 3),
    }


def runs(sample: Sample) -> dict[str, Any]:
    """Longest runs shared with the training corpus, and of our own pieces with each other (notes)."""
    made = sample.made
    shared = np.array([one.longest_run_corpus for one in made])
    ours, drawn = (own_runs([one.score for one in side]) for side in (made, sample.drawn))
    pair = [made[index].order.seed for index in ours.between] if ours.between else None
    return {
        "longest_shared_run": int(shared.max(initial=0)),
        "runs": {
            "pieces": len(made),
            "corpus_by_length": _lengths(shared.tolist()),
            "longest_own_run": ours.longest,
            "longest_own_run_seeds": pair,
            "drawn_again": sample.drawn_again,
            "longest_own_run_as_drawn": drawn.longest,
            "own_by_length": _lengths(ours.bounds),
        },
    }


def _lengths(found: Sequence[int]) -> dict[str, int]:
    """How many pieces have a longest run of each length; 0 stands for shorter than a shingle."""
    lengths = sorted(set(found) | {0})
    return {str(length) if length else f"under {NOTES_IN_SHINGLE}": found.count(length) for length in lengths}
