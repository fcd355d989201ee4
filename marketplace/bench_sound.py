"""Measurements of the whole way from an order to the files of a piece, in a process of its own."""

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

from marketplace.bench import Figure

LOOKS_APART = 0.05
"""Seconds between two looks at the memory."""

PIPELINE = """
import json, resource, statistics, sys, tempfile
from pathlib import Path
from generation.audio.render import render
from generation.composer.compose import Order, compose, load_model
from generation.composer.write import write_midi, write_musicxml
seconds, *seeds = map(int, sys.argv[2:])
model = load_model("piano")
def spent():
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)
def make(seed):
    began = spent()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        score = compose(Order(instrument="piano", seconds=seconds, seed=seed), model=model).score
        def files():
            write_midi(score, folder / "score.mid")
            write_musicxml(score, folder / "score.musicxml")
        render(
            score, directory=folder, seed=seed, preview_secret=b"bench", cache_dir=Path(sys.argv[1]),
            on_opening=lambda: None, meanwhile=files,
        )
    return spent() - began
make(0)
print(json.dumps([make(seed) for seed in seeds]))
"""
"""Composes and renders pieces like a worker, opening and score files included; prints the CPU seconds of each."""


def sounding(folder: Path) -> Iterator[Figure]:
    """CPU time and memory of composing and rendering a minute of piano, outside programs included."""
    with tempfile.TemporaryDirectory(prefix="soloscore-bench-") as cache:
        # The first process cuts the font out, which a warm worker has behind it.
        _pipeline(cache, seconds=20, seeds=(), folder=folder)
        spent, largest = _pipeline(cache, seconds=60, seeds=range(1, 6), folder=folder)
        _, longest = _pipeline(cache, seconds=180, seeds=(), folder=folder)
    median, slowest = 60 / sorted(spent)[2], 60 / max(spent)
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


def _pipeline(cache: str, *, seconds: int, seeds: Iterable[int], folder: Path) -> tuple[list[float], float]:
    """CPU seconds of each piece, and the largest memory in MiB of the process and the programs it runs."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, "-c", PIPELINE, cache, str(seconds), *map(str, seeds)],
        cwd=folder,
        env={**os.environ, **threads},
        stdout=subprocess.PIPE,
        text=True,
    )
    largest = 0.0
    while process.poll() is None:
        largest = max(largest, _memory(process.pid))
        time.sleep(LOOKS_APART)
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"composing and rendering ended with status {process.returncode}")
    spent: list[float] = json.loads(said)
    return spent, largest


def _memory(pid: int) -> float:
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
                _memory(child) for child in children if Path(f"/proc/{child}/exe").readlink() != program
            )
    return total
