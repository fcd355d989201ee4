"""Drawing from logits in whole numbers, so that equal seeds give equal notes on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from generation.composer.tables import exp_table

T = TypeVar("T")

_EXP = exp_table()
_MILLE = 1000


class Stream:
    """Reproducible random numbers (Philox) for one purpose of one order."""

    def __init__(self, *key: object) -> None:
        """``key`` is anything JSON can hold; equal keys give equal streams."""
        digest = hashlib.sha256(json.dumps(key).encode()).digest()
        self._bits = np.random.Philox(key=int.from_bytes(digest[:16], "big"))
        self._ready: list[int] = []

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1; ``bound`` is at most 2**53."""
        if not self._ready:
            self._ready = self._bits.random_raw(512).tolist()[::-1]
        return (self._ready.pop() >> 11) * bound >> 53

    def choice(self, options: Sequence[T], *, weights: Sequence[int] | None = None) -> T:
        """One of the options, by whole-number weights."""
        if weights is None:
            return options[self.below(len(options))]
        mark = self.below(sum(weights))
        for option, weight in zip(options, weights, strict=True):
            mark -= weight
            if mark < 0:
                return option
        raise AssertionError("weights add up to less than their sum")


def draw(
    logits: NDArray[np.int64],
    *,
    allowed: NDArray[np.bool_],
    temperature: float,
    nucleus: float,
    stream: Stream,
) -> int:
    """Draw a class from the smallest set of likeliest allowed classes that holds ``nucleus`` of the probability.

    ``logits`` (classes,) are in units of 2**-9; at least one class must be allowed.
    """
    classes = np.flatnonzero(allowed)
    open_logits = logits[classes]
    fall = np.rint((open_logits.max() - open_logits) / temperature).astype(np.int64)
    weights = _EXP[np.minimum(fall, len(_EXP) - 1)]
    order = np.argsort(-weights, kind="stable")
    ranked = weights[order]
    total = np.cumsum(ranked)
    inside = (total - ranked) * _MILLE < round(nucleus * _MILLE) * total[-1]
    kept = total[inside]
    mark = stream.below(int(kept[-1]))
    return int(classes[order[np.searchsorted(kept, mark, side="right")]])
