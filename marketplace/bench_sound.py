"""Measurements of the worker, in a process of its own: from an order to the shop, and from a sale to the archive."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from marketplace.bench import Figure

LOOKS_APART = 0.05
"""Seconds between two looks at the memory."""

INSTRUMENT = "piano"
SEEDS = range(1, 6)


def sounding(folder: Path) -> Iterator[Figure]:
    """Processor time and memory of the worker for a minute of piano, and for its sale; outside programs included."""
    with tempfile.TemporaryDirectory(prefix="soloscore-bench-") as var:
        worker("prepare", folder=folder, var=var)
        pieces, largest = worker("compose", INSTRUMENT, 60, *SEEDS, folder=folder, var=var)
        long_pieces, longest = worker("compose", INSTRUMENT, 180, 1, folder=folder, var=var)
        ids = [piece["id"] for piece in pieces]
        sales, sold = worker("deliver", *ids, folder=folder, var=var)
        long_ids = [piece["id"] for piece in long_pieces]
        _, long_sold = worker("deliver", *long_ids, folder=folder, var=var)
        loops, looped = worker("loop", *long_ids, folder=folder, var=var)
    spent = sorted(piece["cpu"] for piece in pieces)
    median, slowest = 60 / spent[len(spent) // 2], 60 / spent[-1]
    yield Figure(
        "compose and render 60 s of piano on one core, median of 5",
        median,
        "× real time",
        "≥ 15",
        median >= 15,
    )
    yield Figure("the same, slowest of 5", slowest, "× real time", "—", holds=True)
    yield Figure("the same, largest memory with its programs", largest, "MiB", "≤ 400", largest <= 400)
    yield Figure("the same of 180 s of piano", longest, "MiB", "—", holds=True)
    yield from _of_sales(sales)
    yield Figure("the same, largest memory with its programs", sold, "MiB", "—", holds=True)
    yield Figure("the same of 180 s of piano", long_sold, "MiB", "—", holds=True)
    yield Figure("seamless loop of 180 s of piano, processor time", loops[0]["cpu"], "s", "—", holds=True)
    yield Figure("the same, largest memory with its programs", looped, "MiB", "≤ 400", looped <= 400)


def _of_sales(sales: Iterable[dict[str, float]]) -> Iterator[Figure]:
    for kind, words in (("cpu", "processor time"), ("wall", "by the clock")):
        seconds = sorted(sale[kind] for sale in sales)
        for name, value in (("median of 5", seconds[len(seconds) // 2]), ("slowest", seconds[-1])):
            yield Figure(
                f"purchase to archive, 60 s of piano, {words}, {name}", value, "s", "≤ 5", value <= 5
            )


def worker(*arguments: object, folder: Path, var: str) -> tuple[Any, float]:
    """What a part of ``bench_worker`` says, and the largest memory in MiB of the process and the programs it runs."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "marketplace.bench_worker", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **threads, "SOLOSCORE_VAR_DIR": var},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, largest = watched(process)
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} ended with status {process.returncode}")
    return json.loads(said.splitlines()[-1]), largest


def watched(process: subprocess.Popen[str]) -> tuple[str, float]:
    """Wait for a process: what it said, and the largest memory in MiB of it and the programs it runs."""
    largest = 0.0
    while process.poll() is None:
        largest = max(largest, memory_of(process.pid))
        time.sleep(LOOKS_APART)
    said, _ = process.communicate()
    return said, largest


def memory_of(pid: int) -> float:
    """Resident MiB of a process and the programs it runs.

    A child that is still a copy of its parent, on the way to a program of its own, has no memory of its own yet.
    """
    process = Path(f"/proc/{pid}")
    total = 0.0
    with contextlib.suppress(OSError):
        total = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        program = (process / "exe").readlink()
        for task in (process / "task").iterdir():
            children = [int(child) for child in (task / "children").read_text().split()]
            total += sum(
                memory_of(child) for child in children if Path(f"/proc/{child}/exe").readlink() != program
            )
    return total
