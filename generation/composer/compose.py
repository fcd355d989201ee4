"""Composing: an order and a model in, one finished, original piece out. The entry point of this package."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from generation.composer.critic import distance
from generation.composer.decode import Candidate, Selection, decode_batch
from generation.composer.keyfinder import heard_key
from generation.composer.measures import bars_of, ends_long, unique_elements
from generation.composer.model import ComposerModel, MissingModelError, available_instruments, load_model
from generation.composer.order import MOODS, InvalidOrderError, Order
from generation.composer.plan import PiecePlan, Source, cut, extension, plan, variation
from generation.composer.sampling import Stream
from generation.composer.score import Mode, Note, Score
from generation.originality.index import WorkIndex
from generation.originality.report import CORPUS_LIMIT, Report, check

__all__ = [
    "MOODS", "Composed", "ComposerModel", "InvalidOrderError", "MissingModelError", "NotOriginalError", "Order",
    "Source", "available_instruments", "compose", "cut", "extension", "fingerprint", "load_model", "variation",
]  # fmt: skip

CANDIDATES = 16
ROUNDS = 4
"""Batches of candidates tried before giving up on originality."""

SEEDS_TO_TRY = 4
"""Seeds that the shop composes an order with, if the visitor chose none, before it gives up."""

_MOST_EQUAL_BARS = 6


class NotOriginalError(RuntimeError):
    """Every candidate came too near to a known piece; another seed will do."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished piece.

    ``originality`` has longest_run_corpus and longest_run_works (notes) and nearest; ``timings`` are seconds by
    stage; ``fingerprint`` is equal for equal music in any key; ``form`` names its phrases of four bars by letters.
    """

    score: Score
    seconds: float
    unique_elements: int
    notes: int
    originality: dict[str, int | str | None]
    timings: dict[str, float]
    fingerprint: str
    model_version: str
    form: str


def compose(
    order: Order,
    *,
    model: ComposerModel,
    progress: Callable[[float, int], None] | None = None,
    known_works: WorkIndex | None = None,
    source: Source | None = None,
) -> Composed:
    """Compose an order: the same order and model version give the same notes on every machine.

    With a ``source`` (see :func:`variation`, :func:`extension`, :func:`cut`) the piece begins as that one does.
    ``progress(share, notes)`` is called many times a second and may raise to cancel. Raises
    ``InvalidOrderError`` if the model is another instrument's, and ``NotOriginalError``.
    """
    if model.instrument != order.instrument:
        message = f"instrument is {order.instrument!r}, but the model given is for {model.instrument!r}."
        raise InvalidOrderError("instrument", message)
    started = time.perf_counter()
    key = _key(order, source=source)
    drawn = _plan(order, model=model, key=key, source=source)
    timings = {"plan": time.perf_counter() - started, "network": 0.0, "choice": 0.0}
    for attempt in range(ROUNDS):
        begun = time.perf_counter()
        choice = Stream(model.version, key, "choice", attempt)
        candidates = _candidates(
            order, drawn, model=model, key=key, attempt=attempt, progress=progress,
            selection=Selection(model.critic, choice),
        )  # fmt: skip
        decoded = time.perf_counter()
        ranked = _ranked(candidates, stream=choice, mode=None if source else order.wished_mode)
        originals = _originals(ranked, model=model, known_works=known_works, count=order.variant + 1)
        timings["network"] += decoded - begun
        timings["choice"] += time.perf_counter() - decoded
        if len(originals) > order.variant:
            score, report = originals[order.variant]
            timings["total"] = time.perf_counter() - started
            return _composed(score, report=report, timings=timings, model=model, form=drawn.form)
    raise NotOriginalError(
        f"All {ROUNDS * CANDIDATES} candidates of seed {order.seed} came too near to a known piece; "
        "take another seed or a higher temperature."
    )


def all_candidates(
    order: Order, *, model: ComposerModel, selection: Selection | None = None, count: int = CANDIDATES
) -> list[Candidate]:
    """The candidates of an order: as the network draws them, or as a selection goes on with them."""
    key = _key(order, source=None)
    drawn = _plan(order, model=model, key=key, source=None)
    return _candidates(order, drawn, model=model, key=key, selection=selection, count=count)


def _plan(order: Order, *, model: ComposerModel, key: dict[str, Any], source: Source | None) -> PiecePlan:
    return plan(order, styles=model.styles, stream=Stream(model.version, key, "plan"), source=source)


def _candidates(
    order: Order,
    drawn: PiecePlan,
    *,
    model: ComposerModel,
    key: dict[str, Any],
    selection: Selection | None,
    attempt: int = 0,
    count: int = CANDIDATES,
    progress: Callable[[float, int], None] | None = None,
) -> list[Candidate]:
    """The candidates of one attempt."""
    numbers = range(attempt * count, (attempt + 1) * count)
    return decode_batch(
        drawn,
        core=model.core,
        streams=[Stream(model.version, key, number) for number in numbers],
        temperature=float(order.temperature),
        known=model.index.hashes,
        selection=selection,
        leanings=model.leanings,
        progress=progress,
    )


def _key(order: Order, *, source: Source | None) -> dict[str, Any]:
    """What the random numbers depend on: the order, but not which of its variants is wanted."""
    key = {name: value for name, value in order.parameters().items() if name != "variant"}
    return key | ({"source": [fingerprint(source.score.notes), source.bars]} if source else {})


def _ranked(candidates: list[Candidate], *, stream: Stream, mode: Mode | None) -> list[Score]:
    """Candidates in order of preference: any one, the one of the other population least like it, then the rest.

    All have come through the same choice while they were written, so that none is better than another; but those with
    a flaw come last, and before them those in which a wished mode is not heard.
    """
    whole = [one for one in candidates if not is_flawed(one.score)] or candidates
    if mode:
        whole = [one for one in whole if heard_key(one.score.notes)[1] == mode] or whole
    leader = stream.choice(whole)
    others = [[one for one in some if one.population != leader.population] for some in (whole, candidates)]
    unlike = max(others[0] or others[1], key=lambda one: distance(one.heard, leader.heard), default=leader)
    return list(dict.fromkeys(one.score for one in (leader, unlike, *whole, *candidates)))


def _originals(
    scores: list[Score], *, model: ComposerModel, known_works: WorkIndex | None, count: int
) -> list[tuple[Score, Report]]:
    """The first ``count`` scores that are near to no known piece, with their reports."""
    found: list[tuple[Score, Report]] = []
    for score in scores:
        if len(found) == count:
            break
        report = check(score.notes, corpus=model.index, works=known_works)
        if report.may_be_offered and report.longest_run_corpus < CORPUS_LIMIT:
            found.append((score, report))
    return found


def is_flawed(score: Score) -> bool:
    """Whether bars go on without end, or the last chord is no longer than those before: offered for want of others."""
    return _equal_bars_running(score) > _MOST_EQUAL_BARS or not ends_long(score)


def _equal_bars_running(score: Score) -> int:
    bars = bars_of(score)
    longest = running = 1
    for before, after in itertools.pairwise(bars):
        running = running + 1 if before == after else 1
        longest = max(longest, running)
    return longest


def _composed(
    score: Score, *, report: Report, timings: dict[str, float], model: ComposerModel, form: str
) -> Composed:
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
        model_version=model.version,
        form=form,
    )


def fingerprint(notes: tuple[Note, ...]) -> str:
    """SHA-256 of the notes as seen from the first onset and the lowest pitch: equal for the same music in any key."""
    first = min(note.onset for note in notes)
    lowest = min(note.pitch for note in notes)
    normal: list[Any] = [(note.onset - first, note.pitch - lowest, note.duration) for note in sorted(notes)]
    return hashlib.sha256(json.dumps(normal).encode()).hexdigest()
