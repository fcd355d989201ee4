"""Training state on disk: written atomically, so that a killed run goes on from its last checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHECKPOINT = "checkpoint.npz"


@dataclass(slots=True)
class Progress:
    """How far a run has come. ``best_nll`` is in bits a note, ``spent`` in seconds over all resumed parts.

    ``recited`` is the share of freely drawn pieces that share a forbidden run with the corpus, at the best loss.
    """

    step: int = 0
    epoch: float = 0.0
    notes: int = 0
    spent: float = 0.0
    best_nll: float = float("inf")
    best_step: int = 0
    recited: float = 0.0


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file as a whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace a compressed ``.npz`` file as a whole or not at all."""
    partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(partial, **dict(arrays))  # type: ignore[arg-type]
    partial.replace(path)


def save(folder: Path, *, progress: Progress, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a checkpoint of named arrays with the progress."""
    folder.mkdir(parents=True, exist_ok=True)
    note = np.frombuffer(json.dumps(asdict(progress)).encode(), np.uint8)
    partial = folder / f".{CHECKPOINT}.{os.getpid()}.npz"
    with partial.open("wb") as file:
        np.savez(file, progress=note, **dict(arrays))  # type: ignore[arg-type]
    partial.replace(folder / CHECKPOINT)


def load(folder: Path) -> tuple[Progress, dict[str, NDArray[Any]]] | None:
    """The last checkpoint of a folder, or None if there is none."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    progress = Progress(**json.loads(arrays.pop("progress").tobytes()))
    return progress, arrays
