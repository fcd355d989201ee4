"""From a finished training run to the folder that ships: weights, originality index, ledger and card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.batches import Track
from generation.composer.checkpoint import Progress, write_arrays, write_bytes
from generation.composer.corpus import Piece
from generation.composer.critic import typical_values
from generation.composer.likelihood import runtime_bits
from generation.composer.model import CARD, FORMAT, INDEX, LEDGER, WEIGHTS, sha256_of
from generation.composer.runtime import Core, quantised
from generation.originality.index import CorpusIndex
from generation.originality.runs import distinct, shingles

_LIMITS = (
    "Learned from notated Western art music of about 1600 to 1920 with no dynamics, tempo or articulation: it "
    "composes pitches, rhythm and form only. The corpus is small, so styles are mixed and long-range harmony is "
    "plain. Bar lines and modes of the corpus are partly estimated. Held-out loss is measured on whole works "
    "that training never saw, but near-relatives of a work may be on both sides."
)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run hands over. ``held_out`` are bits a note by field; ``weights`` by name, as Keras holds them."""

    instrument: str
    weights: Mapping[str, NDArray[np.float32]]
    hyper: Any
    progress: Progress
    held_out: Mapping[str, float]
    pieces: Sequence[Piece]
    replay: Sequence[Piece]
    start_from: Path | None
    held_out_tracks: Sequence[Track]


def write_model(trained: Trained, *, output: Path) -> dict[str, Any]:
    """Write the four files, the card last: it names the hashes of the others, and a folder without it is no model."""
    whole = quantised(trained.weights)
    output.mkdir(parents=True, exist_ok=True)
    write_arrays(output / WEIGHTS, whole)
    ledger = _ledger(trained)
    write_bytes(output / LEDGER, (json.dumps(ledger, indent=0, ensure_ascii=False) + "\n").encode())
    index = CorpusIndex.build(_shingles([*trained.pieces, *trained.replay]))
    index.save(output / INDEX)
    rounded = runtime_bits(Core(whole), tracks=trained.held_out_tracks)
    card = _card(trained, ledger=ledger, rounded=rounded, output=output)
    write_bytes(output / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return card


def _shingles(pieces: Sequence[Piece]) -> dict[str, NDArray[np.uint64]]:
    return {
        f"{piece.entry.composer}: {piece.entry.title}": distinct(
            [line for score in piece.sections for line in shingles(score.notes)]
        )
        for piece in pieces
    }


def _ledger(trained: Trained) -> list[dict[str, str]]:
    """Every piece the weights have seen, those of the run it was started from included."""
    entries = [piece.entry for piece in (*trained.pieces, *trained.replay)]
    rows = {
        entry.path: {
            "file": entry.path, "title": entry.title, "composer": entry.composer, "source": entry.source,
            "license": entry.license, "sha256": entry.sha256,
            "used_for": "validation" if entry.held_out else "training",
        }
        for entry in entries
    }  # fmt: skip
    if trained.start_from:
        before = json.loads((trained.start_from / LEDGER).read_text(encoding="utf-8"))
        rows = {row["file"]: row for row in before} | rows
    return [rows[path] for path in sorted(rows)]


def _card(
    trained: Trained, *, ledger: Sequence[Mapping[str, str]], rounded: Mapping[str, float], output: Path
) -> dict[str, Any]:
    licences = sorted({row["license"] for row in ledger})
    digest = sha256_of(output / WEIGHTS)
    own = [score for piece in trained.pieces if not piece.entry.held_out for score in piece.sections]
    seen = sum(len(score.notes) for score in own)
    return {
        "format": FORMAT,
        "instrument": trained.instrument,
        "version": f"{trained.instrument}-{digest[:10]}",
        "description": "Two LSTM layers over notes; advance, pitch and duration heads.",
        "licences": {name: sum(row["license"] == name for row in ledger) for name in licences},
        "parameters": int(sum(values.size for values in trained.weights.values())),
        "hyper": asdict(trained.hyper),
        "training": {
            "minutes": round(trained.progress.spent / 60, 1),
            "updates": trained.progress.step,
            "notes_read": trained.progress.notes,
            "epochs": round(trained.progress.epoch, 2),
            "best_update": trained.progress.best_step,
            "started_from": trained.start_from.name if trained.start_from else None,
            "pieces": len(trained.pieces),
            "notes": seen,
            "replayed_pieces": len(trained.replay),
        },
        "held_out_bits_per_note": _with_total(trained.held_out),
        "held_out_bits_per_note_runtime": _with_total(rounded),
        "typical": typical_values(own, instrument=trained.instrument),
        "limits": _LIMITS,
        "sha256": {name: sha256_of(output / name) for name in (WEIGHTS, LEDGER, INDEX)},
    }


def _with_total(bits: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in (*bits.items(), ("total", sum(bits.values())))}
