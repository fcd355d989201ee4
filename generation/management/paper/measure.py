"""Measuring what the paper's tables and figures show: its recipe and our composer, on the same scores."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generation.composer import paper
from generation.composer.compose import Order, compose
from generation.composer.corpus import Piece
from generation.composer.measures import unique_elements
from generation.composer.midi import read_raw_midi
from generation.composer.model import PRETRAINED, WEIGHTS, ComposerModel
from generation.composer.paper_bits import held_out_bits
from generation.composer.score import STEPS_PER_QUARTER, Score
from generation.management.paper import printed
from generation.management.paper.kept import Kept

WORDS = 120
POINTS = 200


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: minutes of training for each network, pieces for each mean, elements timed in the
    paper's loop, and the units of its layers (512 in the paper)."""

    minutes: float
    pieces: int
    timed: int
    units: int


@dataclass(frozen=True, slots=True)
class Data:
    """Sections of the training works and of the held-out works; ``key`` changes with the files."""

    training: list[Score]
    held_out: list[Score]
    key: str

    @property
    def all(self) -> list[Score]:
        """Every section."""
        return [*self.training, *self.held_out]


def data_of(pieces: Sequence[Piece]) -> Data:
    """Split the corpus as our own training does. Raises ``ValueError`` if it is too small to compare anything."""
    training = [score for piece in pieces if not piece.entry.held_out for score in piece.sections]
    held_out = [score for piece in pieces if piece.entry.held_out for score in piece.sections]
    needed = (max(printed.WINDOWS), paper.Recipe().window)
    there = [sum(len(paper.chords_of(score)) for score in scores) for scores in (training, held_out)]
    if there[0] <= needed[0] or there[1] <= needed[1]:
        raise ValueError(
            f"The corpus has {there[0]} elements to learn from and {there[1]} held out; more than "
            f"{needed[0]} and {needed[1]} are needed: add works (about one in ten is held out)."
        )
    digest = hashlib.sha256("".join(piece.entry.sha256 for piece in pieces).encode())
    return Data(training, held_out, digest.hexdigest()[:12])


def trained(
    data: Data, *, cell: Any, extent: Extent, folder: Path, progress: Callable[[paper.History], None]
) -> paper.PaperModel:
    """The paper's network with LSTM or GRU cells; a run in ``folder`` goes on."""
    recipe = paper.Recipe(cell=cell, units=extent.units, hidden=min(256, extent.units))
    return paper.train(
        data.training,
        minutes=extent.minutes,
        recipe=recipe,
        watch=data.held_out,
        output=folder / f"{cell.lower()}-{extent.units}",
        progress=progress,
    )


def corpus_facts(data: Data, *, model: paper.PaperModel) -> dict[str, int]:
    """How much there was to learn from."""
    return {
        "training_sections": len(data.training),
        "held_out_sections": len(data.held_out),
        "training_notes": sum(len(score.notes) for score in data.training),
        "training_elements": len(model.line),
        "vocabulary": len(model.vocabulary),
    }


def learning(model: paper.PaperModel) -> dict[str, Any]:
    """Figures 15 and 16 and table VI for one kind of cell; long curves are thinned by means of neighbours."""
    history = model.history
    per_epoch = -(-history.windows // model.recipe.batch)
    parts = np.array_split(np.array(history.losses), min(POINTS, len(history.losses)))
    ends = np.cumsum([len(part) for part in parts])
    return {
        "minutes": history.spent / 60,
        "updates": len(history.losses),
        "updates_per_epoch": per_epoch,
        "seconds_per_update": history.seconds_per_update(),
        "seconds_per_epoch": history.seconds_per_update() * per_epoch,
        "loss": [
            [int(end), float(part[-1, 0]), float(part[:, 1].mean())]
            for end, part in zip(ends, parts, strict=True)
        ],
        "explained_variance": [list(look) for look in history.looks],
    }


def likelihood(model: paper.PaperModel, *, data: Data, kept: Kept) -> dict[str, float]:
    """Bits a note on the held-out sections."""
    found: dict[str, float] = kept.value(
        f"bits-{model.recipe.cell.lower()}",
        key=[data.key, asdict(model.recipe), len(model.history.losses)],
        make=lambda: held_out_bits(model, training=data.training, held_out=data.held_out),
    )
    return found


def recipe_pieces(
    model: paper.PaperModel, *, window: int, data: Data, extent: Extent, kept: Kept
) -> list[list[str]]:
    """Pieces of 200 elements from random windows of one length."""
    found: list[list[str]] = kept.value(
        f"pieces-{window}",
        key=[data.key, asdict(model.recipe), len(model.history.losses), extent.pieces],
        make=lambda: paper.compose(model, pieces=extent.pieces, seed=1, window=window),
    )
    return found


def loop_seconds(*, window: int, extent: Extent, kept: Kept) -> float:
    """Table II: the paper's loop here, for 200 elements."""
    found: float = kept.value(
        f"loop-{window}",
        key=[extent.timed],
        make=lambda: paper.time_paper_loop(window=window, elements=paper.ELEMENTS, timed=extent.timed),
    )
    return found


def our_pieces(model: ComposerModel, *, extent: Extent, kept: Kept) -> list[dict[str, Any]]:
    """What our composer makes of orders as long as the paper's pieces: seconds, elements, words, time taken."""
    found: list[dict[str, Any]] = kept.value(
        "ours",
        key=[model.version, extent.pieces],
        make=lambda: [
            _our_piece(model, seconds=seconds, seed=seed)
            for seconds in printed.ELEMENTS_SECONDS
            for seed in range(extent.pieces)
        ],
    )
    return found


def _our_piece(model: ComposerModel, *, seconds: int, seed: int) -> dict[str, Any]:
    began = time.perf_counter()
    score = compose(Order(instrument=model.instrument, seconds=seconds, seed=seed), model=model).score
    took = time.perf_counter() - began
    words = paper.elements_of(score)
    return {
        "ordered": seconds,
        "seconds": score.seconds,
        "took": took,
        "elements": len(words),
        "unique": unique_elements(score.notes, first=paper.ELEMENTS),
        "half_quarters": _half_quarters(score),
        "words": most_common(words),
    }


def unique_of_real(data: Data) -> dict[str, float]:
    """Table I for real music: different elements among the first 200 of the sections that have so many."""
    counts = [
        unique_elements(score.notes, first=paper.ELEMENTS)
        for score in data.all
        if len(paper.chords_of(score)) >= paper.ELEMENTS
    ]
    if not counts:
        return {"sections": 0}
    low, high = np.percentile(counts, [10, 90]).tolist()
    return {"sections": len(counts), "mean": float(np.mean(counts)), "p10": low, "p90": high}


def files_seconds(name: str, *, pieces: Sequence[tuple[int, float]], kept: Kept) -> list[float]:
    """Tables III and IV: seconds that the files last which the paper writes for (elements, offset)."""
    found: list[float] = kept.value(
        name,
        key=[list(piece) for piece in pieces],
        make=lambda: [_file_seconds(elements=elements, offset=offset) for elements, offset in pieces],
    )
    return found


def _file_seconds(*, elements: int, offset: float) -> float:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "piece.mid"
        paper.write_paper_midi(["C4"] * elements, path, offset=offset)
        raw = read_raw_midi(path)
    return raw.end / raw.ticks_per_quarter * 60.0 / paper.BPM


def half_quarters_of_real(data: Data) -> float:
    """Share of elements that follow the last one by half a quarter, as all of the paper's do."""
    return float(np.mean([_half_quarters(score) for score in data.all]))


def _half_quarters(score: Score) -> float:
    onsets = [onset for onset, _ in paper.chords_of(score)]
    return float(np.mean(np.diff(onsets) == paper.OFFSET * STEPS_PER_QUARTER)) if len(onsets) > 1 else 0.0


def recipe_layers(model: paper.PaperModel) -> list[list[Any]]:
    """Table V for the paper's network: layer, shape of its output for one window, parameters."""
    window = model.recipe.window
    return [
        [
            type(layer).__name__,
            f"({', '.join(str(size or window) for size in layer.output.shape[1:])})",
            int(layer.count_params()),
        ]
        for layer in model.network.layers
    ]


def our_layers(instrument: str) -> list[list[Any]]:
    """Table V for our network: group of weights, numbers in it."""
    sizes: Counter[str] = Counter()
    with np.load(PRETRAINED / instrument / WEIGHTS, allow_pickle=False) as stored:
        for name in stored.files:
            sizes[name.split("/")[0]] += int(stored[name].size)
    return [[name, size] for name, size in sizes.items()]


def most_common(words: Iterable[str]) -> dict[str, int]:
    """Words of figure 14 with their counts."""
    return dict(Counter(words).most_common(WORDS))
