"""The paper's network and ours after the same minutes on the same scores, each begun from nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from generation.composer import paper
from generation.composer.corpus import Piece
from generation.composer.evaluation.classifier import FOLDS
from generation.composer.evaluation.cuts import made_windows, real_side
from generation.composer.evaluation.report import comparison
from generation.composer.likelihood import untold_bits
from generation.composer.model import WEIGHTS
from generation.composer.runtime import Core
from generation.composer.score import Score
from generation.composer.training import Plan, Report, train
from generation.management.paper import measure
from generation.management.paper.kept import Kept
from generation.management.paper.measure import Data, Extent

PAPER_FIELDS = ("advance", "pitch", "duration", "total")
"""Fields of the paper's bits; it knows no parts, which cost nothing in music for one player."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told: ``say`` what comes next, ``paper`` and ``ours`` how far a training is, ``skipped`` of bad files."""

    say: Callable[[str], None]
    paper: Callable[[paper.History], None]
    ours: Callable[[Report], None]
    skipped: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Race:
    """One instrument's folder of a corpus, how long each network learns from it, and where both are kept.

    ``extent.minutes`` are of wall time; networks in ``work`` that learned from the same files for as many minutes are
    not trained again, and one whose training was stopped goes on.
    """

    instrument: str
    corpus: Path
    cache: Path
    extent: Extent
    work: Path


def compared(race: Race, *, pieces: Sequence[Piece], watch: Watch) -> dict[str, Any]:
    """Train both networks and measure both on every held-out section, in bits a note.

    ``pieces`` are all of the instrument's folder. Raises ``ValueError`` if there are too few of them.
    """
    data = measure.data_of(pieces)
    minutes = race.extent.minutes
    home = race.work / f"{race.instrument}-{data.key}-{minutes:g}-minutes"
    works = {
        side: {piece.entry.work for piece in pieces if piece.entry.held_out == side} for side in (False, True)
    }
    watch.say(f"training the paper's network for {minutes:g} minutes")
    theirs = _paper(race, data=data, pieces=pieces, home=home, watch=watch)
    watch.say(f"training our network for {minutes:g} minutes")
    ours = _ours(race, data=data, home=home, watch=watch)
    return {
        "instrument": race.instrument,
        "minutes": minutes,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "works": {
            "training": len(works[False]),
            "training_sections": len(data.training),
            "held_out": len(works[True]),
            "held_out_sections": len(data.held_out),
        },
        "paper": theirs,
        "ours": ours,
    }


def _paper(race: Race, *, data: Data, pieces: Sequence[Piece], home: Path, watch: Watch) -> dict[str, Any]:
    """The paper's recipe: trained, measured, and its pieces beside real music."""
    units = race.extent.units
    folder = home / f"paper-{units}"
    model = paper.train(
        data.training,
        minutes=race.extent.minutes,
        recipe=paper.Recipe(units=units, hidden=min(paper.Recipe().hidden, units)),
        output=folder,
        progress=watch.paper,
    )
    kept = Kept(folder)
    watch.say("measuring the paper's network on the held-out sections")
    bits = measure.likelihood(model, data=data, kept=kept)
    watch.say(f"composing {race.extent.pieces} pieces by the paper's recipe")
    made = measure.recipe_pieces(model, window=model.recipe.window, data=data, extent=race.extent, kept=kept)
    return {
        "nll_bits_per_note": {name: round(bits[name], 3) for name in PAPER_FIELDS},
        "standard_error": round(bits["standard_error_of_pitch"], 3),
        "minutes": round(model.history.spent / 60, 1),
        "updates": len(model.history.losses),
        "units": units,
        **likeness([paper.score_of(piece, instrument=race.instrument) for piece in made], corpus=pieces),
        "pieces": len(made),
    }


def _ours(race: Race, *, data: Data, home: Path, watch: Watch) -> dict[str, Any]:
    """Our network with its own numbers, from nothing: trained and measured."""
    folder = home / "ours"
    card = train(
        Plan(race.instrument, {race.instrument: 1.0}, minutes=race.extent.minutes),
        corpus=race.corpus,
        output=folder,
        cache=race.cache,
        progress=watch.ours,
        skipped=watch.skipped,
    )
    watch.say("measuring our network on the held-out sections")
    with np.load(folder / WEIGHTS, allow_pickle=False) as stored:
        core = Core({name: stored[name] for name in stored.files})
    training = card["training"]
    return {
        "nll_bits_per_note": untold_bits(core, scores=data.held_out, edges=card["edges"]),
        "minutes": training["minutes"],
        "notes_read": training["notes_read"],
        "updates": training["updates"],
    }


def likeness(made: Sequence[Score], *, corpus: Sequence[Piece]) -> dict[str, Any]:
    """Overlapping areas and the classifier's AUC of pieces beside the real side of ``evaluate_composer``.

    All None, and ``not_compared`` says why in one line, where too few excerpts can be cut or compared.
    """
    nothing = {"overlapping_area": None, "classifier_auc": None, "classifier_interval95": None}
    cut = len({window.group for window in made_windows(made)})
    if cut < FOLDS:
        reason = f"excerpts could be cut from {cut} of {len(made)} pieces; the classifier needs {FOLDS}"
        return nothing | {"not_compared": reason}
    try:
        found = comparison(real_side(corpus, instrument=made[0].instrument), made)
    except ValueError as error:
        return nothing | {"not_compared": " ".join(str(error).split())}
    return {
        "overlapping_area": found["overlapping_area"],
        "classifier_auc": found["classifier_auc"],
        "classifier_interval95": found["classifier"]["interval95"],
    }
