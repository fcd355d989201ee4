"""Every number of the page, table by table, from the trained networks and from our composer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from generation.composer import paper
from generation.composer.model import ComposerModel
from generation.management.paper import measure, printed
from generation.management.paper.kept import Kept
from generation.management.paper.measure import Data, Extent

Networks = dict[str, paper.PaperModel]
Pieces = list[dict[str, Any]]

CELLS = ("LSTM", "GRU")


def results_of(
    *,
    composer: ComposerModel,
    data: Data,
    extent: Extent,
    kept: Kept,
    say: Callable[[str], None],
    progress: Callable[[paper.History], None],
) -> dict[str, Any]:
    """Measure everything; ``say`` is told what comes next, ``progress`` each update of a network in training."""
    networks: Networks = {}
    for cell in CELLS:
        say(f"training the paper's network with {cell} cells for {extent.minutes:g} minutes")
        networks[cell] = measure.trained(
            data, cell=cell, extent=extent, folder=kept.folder, progress=progress
        )
    say("measuring the likelihood of held-out scores")
    likelihood = {cell: measure.likelihood(networks[cell], data=data, kept=kept) for cell in CELLS}
    by_window, loop = {}, []
    for window in printed.WINDOWS:
        say(f"composing by the paper's recipe from windows of {window}")
        by_window[window] = measure.recipe_pieces(
            networks["LSTM"], window=window, data=data, extent=extent, kept=kept
        )
        loop.append(measure.loop_seconds(window=window, extent=extent, kept=kept))
    say(f"composing with {composer.version}")
    ours = measure.our_pieces(composer, extent=extent, kept=kept)
    training = composer.card.get("training", {})
    return {
        "corpus": measure.corpus_facts(data, model=networks["LSTM"]),
        "ours": {
            "version": composer.version,
            "minutes": training.get("minutes"),
            "epochs": training.get("epochs"),
        },
        "table_1": {
            "recipe": [mean(len(set(piece)) for piece in pieces) for pieces in by_window.values()],
            **_uniques(ours),
            "real": measure.unique_of_real(data),
        },
        "table_2": {"recipe": loop, **_times(ours)},
        "table_3": {
            "recipe": measure.files_seconds(
                "elements", pieces=[(count, paper.OFFSET) for count in printed.ELEMENTS], kept=kept
            ),
            **_lengths(ours),
        },
        "table_4": {
            "recipe": measure.files_seconds(
                "offsets", pieces=[(paper.ELEMENTS, offset) for offset in printed.OFFSETS], kept=kept
            ),
            "real_share": measure.half_quarters_of_real(data),
            "ours_share": mean(piece["half_quarters"] for piece in ours),
        },
        "table_5": {
            "recipe": measure.recipe_layers(networks["LSTM"]),
            "ours": measure.our_layers(composer.instrument),
        },
        "cells": {cell: measure.learning(network) for cell, network in networks.items()},
        "words": _words(by_window[networks["LSTM"].recipe.window], ours=ours, model=networks["LSTM"]),
        "likelihood": {**likelihood, "ours": composer.card.get("held_out_bits_per_note", {})},
    }


def mean(values: Iterable[float]) -> float:
    """Return the mean of values that there are."""
    found = list(values)
    return sum(found) / len(found)


def _ordered(ours: Pieces, *, seconds: int) -> Pieces:
    return [piece for piece in ours if piece["ordered"] == seconds]


def _uniques(ours: Pieces) -> dict[str, Any]:
    """Table I needs pieces of as many elements as the paper's."""
    found = [piece["unique"] for piece in ours if piece["elements"] >= paper.ELEMENTS]
    return {"ours": mean(found) if found else None, "ours_pieces": len(found)}


def _times(ours: Pieces) -> dict[str, float]:
    """Table II: orders as long as the paper's piece of 200 elements."""
    alike = _ordered(ours, seconds=printed.OFFSET_SECONDS[0])
    times = sorted(piece["took"] for piece in alike)
    return {"ours": times[len(times) // 2], "ours_elements": mean(piece["elements"] for piece in alike)}


def _lengths(ours: Pieces) -> dict[str, list[float]]:
    by_order = [_ordered(ours, seconds=seconds) for seconds in printed.ELEMENTS_SECONDS]
    return {
        "ours_seconds": [mean(piece["seconds"] for piece in pieces) for pieces in by_order],
        "ours_elements": [mean(piece["elements"] for piece in pieces) for pieces in by_order],
    }


def _words(recipe: list[list[str]], *, ours: Pieces, model: paper.PaperModel) -> dict[str, dict[str, int]]:
    written: Counter[str] = Counter()
    for piece in ours:
        written.update(piece["words"])
    return {
        "recipe": measure.most_common(word for piece in recipe for word in piece),
        "ours": dict(written.most_common(measure.WORDS)),
        "real": measure.most_common(model.vocabulary[index] for index in model.line),
    }
