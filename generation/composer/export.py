"""From a finished training run to the folder that ships: weights, styles, ledger and card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.batches import Track
from generation.composer.checkpoint import Progress, write_arrays, write_bytes
from generation.composer.critic import Critic
from generation.composer.dataset import Dataset
from generation.composer.leanings import Leanings, none
from generation.composer.likelihood import runtime_bits
from generation.composer.model import (
    CARD,
    CRITIC,
    FORMAT,
    LEANINGS,
    LEDGER,
    STYLES,
    WEIGHTS,
    MissingModelError,
    sha256_of,
)
from generation.composer.players import PLAYERS
from generation.composer.runtime import Core, quantised
from generation.composer.score import Score
from generation.composer.styles import styles_of

_LIMITS = (
    "Learned from notated Western art music of about 1600 to 1920 with no dynamics, tempo or articulation: it "
    "composes pitches, rhythm and form only. The corpus is small, so styles are mixed and long-range harmony is "
    "plain. Bar lines and modes of the corpus are partly estimated. Held-out loss is measured on whole works "
    "that training never saw, but near-relatives of a work may be on both sides."
)


_TRANSFER = (
    "No scores of its own: composed by the network of another instrument, under this instrument's own range and "
    "idiom. It has learned nothing of how the instrument is written for."
)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run hands over. ``held_out`` are bits a note by field; ``weights`` by name, as Keras holds them.

    ``folder`` is the part of the corpus that the instrument is judged by.
    """

    instrument: str
    folder: str
    weights: Mapping[str, NDArray[np.float32]]
    hyper: Any
    progress: Progress
    held_out: Mapping[str, float]
    data: Dataset
    shares: Mapping[str, float]
    start_from: Path | None
    held_out_tracks: Sequence[Track]


def write_model(trained: Trained, *, output: Path) -> dict[str, Any]:
    """Write the six files, the card last: it names the hashes of the others, and a folder without it is no model."""
    whole = quantised(trained.weights)
    output.mkdir(parents=True, exist_ok=True)
    write_arrays(output / WEIGHTS, whole)
    own = trained.data.scores(trained.folder)
    styles = styles_of(own, edges=trained.data.edges[trained.folder])
    write_arrays(output / STYLES, {"heads": styles.heads, "bars": styles.bars})
    core = Core(whole)
    _write_critic(output, critic=Critic.deaf(core.units))
    _write_leanings(output, leanings=none())
    ledger = _ledger(trained)
    _write_json(output / LEDGER, ledger, indent=0)
    rounded = runtime_bits(core, tracks=trained.held_out_tracks)
    card = _card(trained, own=own, styles=len(styles), ledger=ledger, rounded=rounded, output=output)
    _write_json(output / CARD, card, indent=2)
    return card


def write_transfer(instrument: str, *, source: Path, output: Path) -> dict[str, Any]:
    """Write the card of an instrument that another one's network composes for. Raises ``MissingModelError``."""
    card_path = source / CARD
    if not card_path.is_file():
        raise MissingModelError(f"{card_path} is missing; train {source.name} first.")
    card = _card_of(source) | {
        "instrument": instrument,
        "weights_from": source.name,
        "transfer": _TRANSFER,
        "idiom": PLAYERS[instrument].idiom,
    }
    output.mkdir(parents=True, exist_ok=True)
    _write_leanings(output, leanings=none())
    return _write_card(output, card=card, written=LEANINGS)


def write_critic(home: Path, *, critic: Critic) -> dict[str, Any]:
    """Give the model in ``home`` another critic, and with it another version."""
    _write_critic(home, critic=critic)
    return _write_card(home, card=_card_of(home), written=CRITIC)


def write_leanings(home: Path, *, leanings: Leanings) -> dict[str, Any]:
    """Give the model in ``home`` other leanings, and with them another version."""
    _write_leanings(home, leanings=leanings)
    return _write_card(home, card=_card_of(home), written=LEANINGS)


def _card_of(home: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((home / CARD).read_text(encoding="utf-8"))
    return card


def _write_card(home: Path, *, card: dict[str, Any], written: str) -> dict[str, Any]:
    """Write the card of a model of which the file ``written`` is new, with its hash and the version that makes."""
    card["sha256"][written] = sha256_of(home / written)
    card = with_version(card)
    _write_json(home / CARD, card, indent=2)
    return card


def _write_leanings(home: Path, *, leanings: Leanings) -> None:
    write_arrays(home / LEANINGS, {"leanings": leanings})


def _write_critic(home: Path, *, critic: Critic) -> None:
    write_arrays(home / CRITIC, {"weights": critic.weights, "bias": critic.bias})


def _write_json(path: Path, value: Any, *, indent: int) -> None:
    write_bytes(path, (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode())


def _ledger(trained: Trained) -> list[dict[str, str]]:
    """Every piece the weights have seen, those of the run it was started from included."""
    rows = {
        entry.path: {
            "file": entry.path, "title": entry.title, "composer": entry.composer, "source": entry.source,
            "license": entry.license, "sha256": entry.sha256,
            "used_for": "validation" if entry.held_out else "training",
        }
        for entry in (piece.entry for piece in trained.data.pieces)
    }  # fmt: skip
    if trained.start_from:
        before = json.loads((trained.start_from / LEDGER).read_text(encoding="utf-8"))
        rows = {row["file"]: row for row in before} | rows
    return [rows[path] for path in sorted(rows)]


def _card(
    trained: Trained, *, own: Sequence[Score], styles: int, ledger: Sequence[Mapping[str, str]],
    rounded: Mapping[str, float], output: Path,
) -> dict[str, Any]:  # fmt: skip
    licences = sorted({row["license"] for row in ledger})
    return with_version({
        "format": FORMAT,
        "instrument": trained.instrument,
        "description": "Two residual LSTM layers over notes; advance, part, pitch and duration heads.",
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
            "shares": dict(trained.shares),
            "pieces": sum(piece.entry.instrument == trained.folder for piece in trained.data.pieces),
            "notes": sum(len(score.notes) for score in own),
            "held_out_duplicates_left_out": trained.data.duplicates,
            "styles": styles,
            "recited": round(trained.progress.recited, 3),
        },
        "held_out_bits_per_note": _with_total(trained.held_out),
        "held_out_bits_per_note_runtime": _with_total(rounded),
        "edges": trained.data.edges[trained.folder],
        "idiom": PLAYERS[trained.instrument].idiom if trained.instrument in PLAYERS else "",
        "limits": _LIMITS,
        "sha256": {name: sha256_of(output / name) for name in (WEIGHTS, STYLES, CRITIC, LEANINGS, LEDGER)},
    })  # fmt: skip


def with_version(card: dict[str, Any]) -> dict[str, Any]:
    """The card with the version that everything which decides the notes gives it, from the weights to the leanings."""
    decisive = [card["instrument"], *(card["sha256"][name] for name in (WEIGHTS, STYLES, CRITIC, LEANINGS))]
    digest = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()
    return card | {"version": f"{card['instrument']}-{digest[:10]}"}


def _with_total(bits: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in (*bits.items(), ("total", sum(bits.values())))}
