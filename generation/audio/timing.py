"""How much work a stage was, however busy the machine is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


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
