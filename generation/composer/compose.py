"""Composing: an order and a model in, one finished, original piece out. The entry point of this package."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.critic import distance
from generation.composer.decode import Candidate, decode_batch
from generation.composer.measures import bars_of, measure, unique_elements
from generation.composer.model import ComposerModel, MissingModelError, available_instruments, load_model
from generation.composer.order import MOODS, InvalidOrderError, Order
from generation.composer.plan import plan
from generation.composer.sampling import Stream
from generation.composer.score import Note, Score
from generation.originality.index import WorkIndex
from generation.originality.report import Report, check
from generation.originality.runs import distinct, shingles

__all__ = [
    "MOODS", "Composed", "ComposerModel", "InvalidOrderError", "MissingModelError", "NotOriginalError", "Order",
    "available_instruments", "compose", "fingerprint", "load_model",
]  # fmt: skip

CANDIDATES = 8
ROUNDS = 4
"""Batches of candidates tried before giving up on originality."""

_LEADERS = 3
_LONGEST_SILENCE = 4.0
_MOST_EQUAL_BARS = 3


class NotOriginalError(RuntimeError):
    """Every candidate came too near to a known piece; another seed will do."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished piece.

    ``originality`` has longest_run_corpus and longest_run_works (notes) and nearest; ``timings`` are seconds by
    stage; ``fingerprint`` is equal for equal music in any key; ``runs`` are the piece's distinct shingle
    hashes, sorted, for an index of works.
    """

    score: Score
    seconds: float
    unique_elements: int
    notes: int
    originality: dict[str, int | str | None]
    timings: dict[str, float]
    fingerprint: str
    runs: NDArray[np.uint64]
    model_version: str


def compose(
    order: Order,
    *,
    model: ComposerModel,
    progress: Callable[[float, int], None] | None = None,
    known_works: WorkIndex | None = None,
) -> Composed:
    """Compose an order: the same order and model version give the same notes on every machine.

    ``progress(share, notes)`` is called many times a second and may raise to cancel. Raises
    ``InvalidOrderError`` if the model is another instrument's, and ``NotOriginalError``.
    """
    if model.instrument != order.instrument:
        message = f"instrument is {order.instrument!r}, but the model given is for {model.instrument!r}."
        raise InvalidOrderError("instrument", message)
    started = time.perf_counter()
    parameters = order.parameters()
    drawn = plan(order, stream=Stream(model.version, parameters, "plan"))
    timings = {"plan": time.perf_counter() - started, "network": 0.0, "choice": 0.0}
    for attempt in range(ROUNDS):
        begun = time.perf_counter()
        candidates = [
            Candidate(
                drawn, stream=Stream(model.version, parameters, number), temperature=float(order.temperature)
            )
            for number in range(attempt * CANDIDATES, (attempt + 1) * CANDIDATES)
        ]
        scores = decode_batch(drawn, core=model.core, candidates=candidates, progress=progress or _silent)
        decoded = time.perf_counter()
        ranked = _ranked(scores, model=model, stream=Stream(model.version, parameters, "choice", attempt))
        best = _first_original(ranked, model=model, known_works=known_works)
        timings["network"] += decoded - begun
        timings["choice"] += time.perf_counter() - decoded
        if best:
            score, report = best
            timings["total"] = time.perf_counter() - started
            return _composed(score, report=report, timings=timings, model=model)
    raise NotOriginalError(
        f"All {ROUNDS * CANDIDATES} candidates of seed {order.seed} came too near to a known piece; "
        "take another seed or a higher temperature."
    )


def _silent(share: float, notes: int) -> None:
    """Progress that nobody asked for."""


def _ranked(scores: list[Score], *, model: ComposerModel, stream: Stream) -> list[Score]:
    """Candidates in order of preference: typical ones without a flaw first, led by one of the best three.

    Always taking the most typical one would make all pieces alike.
    """
    measured = [measure(score) for score in scores]
    flawed = [
        found["longest_silence"] > _LONGEST_SILENCE or _equal_bars_running(score) > _MOST_EQUAL_BARS
        for score, found in zip(scores, measured, strict=True)
    ]
    distances = [round(distance(found, typical=model.typical), 6) for found in measured]
    ranked = sorted(range(len(scores)), key=lambda index: (flawed[index], distances[index], index))
    leaders = [index for index in ranked[:_LEADERS] if not flawed[index]] or ranked[:1]
    leader = stream.choice(leaders)
    return [scores[index] for index in (leader, *(other for other in ranked if other != leader))]


def _first_original(
    scores: list[Score], *, model: ComposerModel, known_works: WorkIndex | None
) -> tuple[Score, Report] | None:
    for score in scores:
        report = check(score.notes, corpus=model.index, works=known_works)
        if report.verdict == "original":
            return score, report
    return None


def _equal_bars_running(score: Score) -> int:
    bars = bars_of(score)
    longest = running = 1
    for before, after in itertools.pairwise(bars):
        running = running + 1 if before == after else 1
        longest = max(longest, running)
    return longest


def _composed(score: Score, *, report: Report, timings: dict[str, float], model: ComposerModel) -> Composed:
    return Composed(
        score=score,
        seconds=score.seconds,
        unique_elements=unique_elements(score.notes),
        notes=len(score.notes),
        originality={
            "longest_run_corpus": report.longest_run_corpus,
            "longest_run_works": report.longest_run_works,
            "nearest": report.nearest,
        },
        timings={stage: round(seconds, 4) for stage, seconds in timings.items()},
        fingerprint=fingerprint(score.notes),
        runs=distinct(shingles(score.notes)),
        model_version=model.version,
    )


def fingerprint(notes: tuple[Note, ...]) -> str:
    """SHA-256 of the notes as seen from the first onset and the lowest pitch: equal for the same music in any key."""
    first = min(note.onset for note in notes)
    lowest = min(note.pitch for note in notes)
    normal: list[Any] = [(note.onset - first, note.pitch - lowest, note.duration) for note in sorted(notes)]
    return hashlib.sha256(json.dumps(normal).encode()).hexdigest()
