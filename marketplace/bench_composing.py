"""Measurements of composing, each in a process of its own on one core: time, memory, and the paper's way beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marketplace.bench import Figure

TIMED_ELEMENTS = 20
"""Elements of the paper's loop that are timed; each costs the same, so 200 are reckoned from them."""

ELEMENTS = 200

COMPOSE = """
import json, resource, statistics, sys, time
from generation.composer.compose import Order, compose, load_model
model = load_model("piano")
compose(Order(instrument="piano", seconds=5, seed=0), model=model)
times, a_note = [], {}
for seed in range(7):
    began = time.process_time()
    made = compose(Order(instrument="piano", seconds=60, seed=seed), model=model)
    times.append(time.process_time() - began)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for seconds in (30, 180):
    notes = spent = 0
    for seed in range(3):
        began = time.process_time()
        notes += compose(Order(instrument="piano", seconds=seconds, seed=seed), model=model).notes
        spent += time.process_time() - began
    a_note[seconds] = spent / notes
print(json.dumps({
    "median": statistics.median(times), "slowest": max(times), "memory": memory,
    "growth": a_note[180] / a_note[30], "tensorflow": float("tensorflow" in sys.modules),
}))
"""

ONE_CANDIDATE = """
import json, time
from generation.composer.compose import Order, load_model
from generation.composer.decode import decode_batch
from generation.composer.plan import plan
from generation.composer.sampling import Stream
model = load_model("piano")
order = Order(instrument="piano", seconds=60, seed=1)
drawn = plan(order, styles=model.styles, stream=Stream("bench"))
decode_batch(drawn, core=model.core, streams=[Stream("warm")], temperature=1.0)
notes = spent = 0
for number in range(5):
    began = time.process_time()
    notes += len(decode_batch(drawn, core=model.core, streams=[Stream(number)], temperature=1.0)[0].score.notes)
    spent += time.process_time() - began
print(json.dumps({"a_note": spent / notes}))
"""

PAPER = f"""
import json
from generation.composer.paper import time_paper_loop
print(json.dumps({{"seconds": time_paper_loop(window=100, elements={ELEMENTS}, timed={TIMED_ELEMENTS})}}))
"""


def composing(folder: Path) -> Iterator[Figure]:
    """Sixteen candidates of a minute of piano with the choice among them, and the paper's loop on the same machine."""
    ours = _measured(COMPOSE, folder=folder)
    yield _at_most("16 candidates of 60 s of piano, choice included, CPU", ours["median"], "s", 1.0)
    yield _at_most("the same, slowest of 7", ours["slowest"], "s", 1.0)
    yield _at_most("composing process, largest resident memory", ours["memory"], "MiB", 150)
    yield _at_most("composing process with TensorFlow loaded", ours["tensorflow"], "", 0)
    yield _at_most("time a note in 180 s against 30 s", ours["growth"], "×", 1.25)
    alone = _measured(ONE_CANDIDATE, folder=folder)["a_note"] * ELEMENTS
    paper = _measured(PAPER, folder=folder)["seconds"]
    yield Figure(f"the paper's loop, {ELEMENTS} elements, window 100", paper, "s", "—", holds=True)
    yield Figure(f"our network, {ELEMENTS} notes", alone, "s", "—", holds=True)
    ratio = paper / alone
    yield Figure("our network against the paper's loop", ratio, "×", "≥ 250", holds=ratio >= 250)


def _at_most(what: str, value: float, unit: str, limit: float) -> Figure:
    return Figure(what, value, unit, f"≤ {limit:g}", holds=value <= limit)


def _measured(script: str, *, folder: Path) -> dict[str, Any]:
    """What a script prints as JSON on its last line, run on one thread in a process of its own."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"A measurement failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
