"""Random numbers that are the same on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Stream:
    """Reproducible random numbers (Philox) for one purpose of one order."""

    def __init__(self, *key: object) -> None:
        """``key`` is anything JSON can hold; equal keys give equal streams."""
        digest = hashlib.sha256(json.dumps(key).encode()).digest()
        self._bits = np.random.Philox(key=int.from_bytes(digest[:16], "big"))
        self._ready: list[int] = []

    def raw(self, count: int) -> NDArray[np.uint64]:
        """``count`` random 64-bit numbers."""
        numbers: NDArray[np.uint64] = self._bits.random_raw(count)
        return numbers

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
