"""Tiny models with random weights: they compose nonsense, under the same rules as a trained one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import FIELDS
from generation.composer.critic import Critic
from generation.composer.events import ADVANCES, DURATIONS, END, PARTS, PITCHES
from generation.composer.leanings import none
from generation.composer.model import (
    CARD,
    CRITIC,
    FORMAT,
    INDEX,
    LEANINGS,
    LEDGER,
    STYLES,
    WEIGHTS,
    sha256_of,
)
from generation.composer.runtime import Core, quantised
from generation.composer.score import Score
from generation.composer.styles import Styles, styles_of
from generation.composer.traits import edges_of
from generation.originality.index import CorpusIndex, build_corpus_index
from tests.generation.composer.scores import song

WIDTHS = {"embedding": 16, "units": 24, "hidden": 16}
"""Of the network; Keras is not needed to make one of these."""

_CLASSES = {"advance": END + 1, "part": PARTS, "pitch": PITCHES, "duration": len(DURATIONS)}


def random_weights(
    seed: int, *, embedding: int = 16, units: int = 24, hidden: int = 16
) -> dict[str, NDArray[np.float32]]:
    """Weights by name, in the shapes that :func:`generation.composer.network.named_weights` gives."""
    rng = np.random.default_rng(seed)
    sizes = {name: sum(size for _, size in fields) for name, fields in FIELDS.items()}
    shapes: dict[str, tuple[int, ...]] = {"embedding/kernel": (sizes["inputs"], embedding)}
    for layer, width in (("lstm1", embedding), ("lstm2", units)):
        shapes[f"{layer}/kernel"] = (width, 4 * units)
        shapes[f"{layer}/recurrent_kernel"] = (units, 4 * units)
        shapes[f"{layer}/bias"] = (4 * units,)
    for name, classes in _CLASSES.items():
        shapes[f"{name}_hidden/kernel"] = (units, hidden)
        shapes[f"{name}_hidden/bias"] = (hidden,)
        if name in FIELDS:
            shapes[f"{name}_given/kernel"] = (sizes[name], hidden)
        shapes[f"{name}_logits/kernel"] = (hidden, classes)
        shapes[f"{name}_logits/bias"] = (classes,)
    weights = {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    for name, table, usual in (("advance", ADVANCES, (0, 3, 6, 12)), ("duration", DURATIONS, (3, 6, 12, 18))):
        # A pulse, so that pieces are about as full of notes as music is.
        weights[f"{name}_logits/bias"][[table.index(steps) for steps in usual]] += 2.5
    return weights


def random_core(seed: int) -> Core:
    """A network that has learned nothing."""
    return Core(quantised(random_weights(seed)))


def songs() -> list[Score]:
    """What the tiny models have for a corpus: two modes, three metres, three registers, returning phrases."""
    return [
        song(seed, form=form, metre=metre, mode=mode, octave=seed % 3 - 1)
        for seed, (form, metre, mode) in enumerate(
            (form, metre, mode)
            for form in ("AABA", "ABACABA", "AABBCCA")
            for metre in ((4, 4), (3, 4), (6, 8))
            for mode in ("major", "minor")
        )
    ]


def some_styles() -> Styles:
    """Styles of :func:`songs`."""
    scores = songs()
    return styles_of(scores, edges=edges_of(scores))


def corpus_index() -> CorpusIndex:
    """Index of :func:`songs`."""
    return build_corpus_index({f"song-{number}.mid": [score.notes] for number, score in enumerate(songs())})


def write_models(folder: Path) -> Path:
    """A folder of models as it ships: a piano, a guitar and the index of the corpus they share."""
    index = folder / INDEX
    corpus_index().save(index)
    styles = some_styles()
    critic = Critic.deaf(WIDTHS["units"])
    for seed, instrument in enumerate(("piano", "guitar")):
        home = folder / instrument
        home.mkdir()
        np.savez_compressed(home / WEIGHTS, **quantised(random_weights(seed)))  # type: ignore[arg-type]
        np.savez_compressed(home / STYLES, heads=styles.heads, bars=styles.bars)
        np.savez_compressed(home / CRITIC, weights=critic.weights, bias=critic.bias)
        np.savez_compressed(home / LEANINGS, leanings=none())
        (home / LEDGER).write_text("[]", encoding="utf-8")
        card: dict[str, Any] = {
            "format": FORMAT,
            "instrument": instrument,
            "version": f"{instrument}-{sha256_of(home / WEIGHTS)[:10]}",
            "licences": {},
            "training": {},
            "held_out_bits_per_note": {},
            "edges": styles.edges,
            "idiom": "",
            "sha256": {name: sha256_of(home / name) for name in (WEIGHTS, STYLES, CRITIC, LEANINGS, LEDGER)},
        }
        (home / CARD).write_text(json.dumps(card), encoding="utf-8")
    return folder
