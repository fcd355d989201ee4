"""The figures that must hold, and whether the measured ones do."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from generation.composer.evaluation.promises import LENGTHS, TOLERANCE_SECONDS
from generation.composer.players import PLAYERS

Report = Mapping[str, Any]
Outcome = Literal["holds", "**falls short**", "too few measured", "not measured", "see there"]

MELODY_INSTRUMENTS = frozenset({"violin", "viola", "cello", "flute", "melody"})
MEAN_AREA = {"melody": 0.92, "other": 0.88}
LOWEST_AREA = 0.75
HIGHEST_AUC = 0.65
PAPER_SHARE = 0.8
"""Of the loss of the paper's network: what ours must not exceed when it has learned as long from the same scores."""

CORPUS_RUN_BELOW = 14
OWN_RUN_BELOW = 16
SAMPLE = 500
"""Pieces in which no run may be too long."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure of one instrument: what it is, the figure it must hold, the measured one, and the outcome."""

    what: str
    must_hold: str
    measured: str
    outcome: Outcome


def gates(report: Report, *, training: Report | None, determinism: Report | None) -> list[Gate]:
    """All figures that must hold for the instrument of a report of ``evaluate_composer``.

    ``training`` is the report of ``compare_training``, ``determinism`` that of ``check_determinism``.
    """
    player = PLAYERS.get(report["instrument"])
    return [
        *_likeness(report),
        *_structure(report),
        _likelihood(training, lender=player.weights_from if player else None),
        *_runs(report),
        *_lengths(report),
        _determinism(determinism),
    ]


def _gate(what: str, must_hold: str, value: float | None, form: str, test: Callable[[float], bool]) -> Gate:
    if value is None:
        return Gate(what, must_hold, "", "not measured")
    return Gate(what, must_hold, form.format(value), "holds" if test(value) else "**falls short**")


def _likeness(report: Report) -> Iterator[Gate]:
    target = MEAN_AREA["melody" if report["instrument"] in MELODY_INSTRUMENTS else "other"]
    areas = dict(report["overlapping_area"])
    mean = areas.pop("mean")
    lowest = min(areas, key=lambda name: float(areas[name]))
    yield _gate("overlapping area with real music, mean of nine features", f"≥ {target}", mean, "{:.3f}",
                lambda value: value >= target)  # fmt: skip
    yield _gate("the lowest of the nine", f"≥ {LOWEST_AREA}", areas[lowest], "{:.3f} (" + lowest + ")",
                lambda value: value >= LOWEST_AREA)  # fmt: skip
    low, high = report["classifier"]["interval95"]
    yield _gate("real-or-generated classifier, AUC", f"≤ {HIGHEST_AUC}", report["classifier_auc"],
                f"{{:.2f}} ({low:.2f}–{high:.2f})", lambda value: value <= HIGHEST_AUC)  # fmt: skip


def _structure(report: Report) -> Iterator[Gate]:
    """Means within the real p10–p90; where the real mean itself lies outside, up to the real mean."""
    for name, what in (
        ("bar_similarity_4", "bar similarity at lag 4"),
        ("bar_similarity_8", "bar similarity at lag 8"),
        ("bar_recurrence", "bar recurrence"),
    ):
        row = report["measures"][name]
        low, high = row["real_p10_p90"]
        measured = f"{row['generated']:.3f} in {low:.3f}–{high:.3f}"
        if not low <= row["real"] <= high:
            measured += f" (the real mean, {row['real']:.3f}, is outside too)"
        inside = min(low, row["real"]) <= row["generated"] <= max(high, row["real"])
        yield Gate(
            f"{what}, mean", "within the real p10–p90", measured, "holds" if inside else "**falls short**"
        )


def _likelihood(training: Report | None, *, lender: str | None) -> Gate:
    what = "held-out loss, bits a note"
    must_hold = f"≤ {100 * PAPER_SHARE:.0f} % of the paper's network on the same data and time"
    if lender:
        return Gate(what, must_hold, f"the network is the {lender}'s", "see there")
    if training is None:
        return Gate(what, must_hold, "", "not measured")
    ours, theirs = (training[side]["nll_bits_per_note"]["total"] for side in ("ours", "paper"))
    form = f"{{:.2f}} against {theirs:.2f} after {after(training)} each"
    return _gate(what, must_hold, ours, form, lambda value: value <= PAPER_SHARE * theirs)


def after(training: Report) -> str:
    """How long either network learned, in words."""
    minutes = training["minutes"]
    return f"{minutes:g} minute{'' if minutes == 1 else 's'}"


def _runs(report: Report) -> Iterator[Gate]:
    pieces = report["runs"]["pieces"]
    for what, value, below in (
        ("longest run shared with the training corpus", report["longest_shared_run"], CORPUS_RUN_BELOW),
        ("longest run shared by two of our own pieces", report["runs"]["longest_own_run"], OWN_RUN_BELOW),
    ):
        gate = _gate(
            f"{what}, notes, {SAMPLE} pieces", f"< {below}", value, "{:.0f}", partial(operator.gt, below)
        )
        if pieces < SAMPLE:
            outcome: Outcome = "too few measured" if gate.outcome == "holds" else gate.outcome
            gate = Gate(gate.what, gate.must_hold, f"{gate.measured} in {pieces} pieces", outcome)
        yield gate


def _lengths(report: Report) -> Iterator[Gate]:
    rows: Sequence[Report] = report["lengths"]
    ordered = ", ".join(f"{seconds:g}" for seconds in LENGTHS)
    what = f"length, largest error over {ordered} s"
    missing = {float(row["seconds"]) for row in rows} != set(LENGTHS)
    worst = None if missing else max(row["largest_error_seconds"] for row in rows)
    yield _gate(what, f"≤ {TOLERANCE_SECONDS} s", worst, "{:.3f} s", lambda value: value <= TOLERANCE_SECONDS)
    pieces = sum(row["pieces"] for row in rows)
    for name, end in (("on_tonic", "on the tonic"), ("long", "with a long note"), ("on_beat", "on a beat")):
        share = None if missing else sum(row[name] * row["pieces"] for row in rows) / pieces
        yield _gate(f"pieces that end {end}, same lengths", "100 %", share, "{:.1%}",
                    lambda value: value > 1 - 1e-9)  # fmt: skip


def _determinism(report: Report | None) -> Gate:
    what, must_hold = "same order composed again in other surroundings: different results", "1"
    if report is None:
        return Gate(what, must_hold, "", "not measured")
    found = len(report["digests"])
    measured = f"{found} in {report['runs']} runs, {len(report['processes'])} processes"
    return Gate(what, must_hold, measured, "holds" if found == 1 else "**falls short**")
