"""Same model, same order: the same notes, whatever the process, its threads or its processor's code path.

Run as a program this module composes one order several times in its own process and prints what it got.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from generation.composer.compose import Order, compose, load_model
from generation.composer.model import PRETRAINED
from generation.composer.score import Score

SURROUNDINGS: tuple[Mapping[str, str], ...] = (
    {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
    {"OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "1"},
    {"OPENBLAS_NUM_THREADS": "4", "PYTHONHASHSEED": "random"},
    {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "2", "OPENBLAS_CORETYPE": "Prescott"},
    {"OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "3", "OPENBLAS_CORETYPE": "Nehalem"},
    {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "random", "OPENBLAS_CORETYPE": "Sandybridge"},
    {"OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "4", "OPENBLAS_CORETYPE": "Haswell"},
    {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "5", "CC": "cc -DPORTABLE"},
)
"""Environments of the fresh processes; the core types choose which of its kernels OpenBLAS uses, the last one builds
our own kernel without code for a kind of processor."""

_PROJECT = Path(__file__).resolve().parents[3]


def notes_digest(score: Score) -> str:
    """SHA-256 of everything in a score: unlike a fingerprint, different in another key or tempo."""
    return hashlib.sha256(json.dumps(asdict(score), sort_keys=True).encode()).hexdigest()


def check_determinism(
    order: Order,
    *,
    runs: int,
    models: Path = PRETRAINED,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Compose an order ``runs`` times, spread over a fresh process for each of ``SURROUNDINGS``.

    Returns the order, the runs, the surroundings and how often each digest came: one digest if all is well.
    Raises ``RuntimeError`` with its last line if a process fails.
    """
    shares = [len(range(start, runs, len(SURROUNDINGS))) for start in range(len(SURROUNDINGS))]
    used = [(surrounding, share) for surrounding, share in zip(SURROUNDINGS, shares, strict=True) if share]
    found: Counter[str] = Counter()
    for done, (surrounding, share) in enumerate(used, start=1):
        found.update(_in_fresh_process(order, runs=share, surrounding=surrounding, models=models))
        if progress:
            progress(done, len(used))
    return {
        "instrument": order.instrument,
        "order": order.parameters(),
        "runs": runs,
        "processes": [{**surrounding, "runs": share} for surrounding, share in used],
        "digests": dict(found),
        "identical": len(found) == 1,
    }


def _in_fresh_process(
    order: Order, *, runs: int, surrounding: Mapping[str, str], models: Path
) -> Sequence[str]:
    request = json.dumps({"order": order.parameters(), "runs": runs, "models": str(models.resolve())})
    done = subprocess.run(
        [sys.executable, "-m", "generation.composer.evaluation.determinism", request],
        cwd=_PROJECT,
        env={**os.environ, **surrounding},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"Composing with {dict(surrounding)} ended with {done.returncode}: {last}")
    return done.stdout.split()


def _main(request: str) -> None:
    asked = json.loads(request)
    order = Order(**asked["order"])
    model = load_model(order.instrument, Path(asked["models"]))
    for _ in range(asked["runs"]):
        sys.stdout.write(notes_digest(compose(order, model=model).score) + "\n")


if __name__ == "__main__":
    _main(sys.argv[1])
