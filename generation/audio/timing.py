"""How long a stage took, and how much work it was, however busy the machine is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    """Put the seconds that the block took into ``timings[stage]``."""
    began = time.perf_counter()
    yield
    timings[stage] = round(time.perf_counter() - began, 3)


@contextmanager
def cpu_timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    """Add the processor time of the block to ``timings[stage]``, in seconds, programs it waited for included."""
    began = _spent()
    try:
        yield
    finally:
        timings[stage] = round(timings.get(stage, 0.0) + _spent() - began, 3)


def _spent() -> float:
    return sum(os.times()[:4])
