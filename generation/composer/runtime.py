"""One step of the network in NumPy, bit for bit the same on every machine.

Weights, activations and states are whole numbers (in units of 2**-12) held in float64. Every product sum
stays far below 2**53, so it is exact whatever the order in which a BLAS adds it up; what is not exact by
nature (tanh, sigmoid) is read from :mod:`.tables`. Equations: ``keras.layers.LSTM``, gates in the order i, f, c, o.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import DURATION_FIELDS, INPUT_FIELDS, PITCH_FIELDS
from generation.composer.tables import LIMIT, STEP_BITS, UNIT_BITS, sigmoid_table, tanh_table

Numbers = NDArray[np.float64]
Logits = NDArray[np.int64]

UNIT = float(1 << UNIT_BITS)
_TO_STEPS = 2.0 ** (STEP_BITS - 2 * UNIT_BITS)
"""From a product of two numbers in units to a table's argument."""

_LARGEST = 32767


def quantised(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.int16]]:
    """Weights as whole multiples of 2**-12. Raises ``ValueError`` for one outside ±8."""
    rounded = {}
    for name, values in weights.items():
        whole = np.rint(np.asarray(values, np.float64) * UNIT)
        if np.abs(whole).max() > _LARGEST:
            raise ValueError(f"{name} has a weight of {np.abs(values).max():.1f}; the runtime holds ±8.")
        rounded[name] = whole.astype(np.int16)
    return rounded


@dataclass(slots=True)
class States:
    """Hidden and cell states of both layers, (candidates, units) each."""

    h1: Numbers
    c1: Numbers
    h2: Numbers
    c2: Numbers

    def only(self, rows: Sequence[int]) -> States:
        """The states of some candidates."""
        return States(self.h1[rows], self.c1[rows], self.h2[rows], self.c2[rows])


class Core:
    """The network's step and its three heads over a batch of candidates."""

    def __init__(self, weights: Mapping[str, NDArray[np.int16]]) -> None:
        def whole(name: str) -> Numbers:
            return weights[name].astype(np.float64)

        self._tanh = tanh_table()
        self._sigmoid = sigmoid_table()
        self._embedding = whole("embedding/kernel")
        self._layers = [
            (np.concatenate([whole(f"{name}/kernel"), whole(f"{name}/recurrent_kernel")]), whole(f"{name}/bias") * UNIT)
            for name in ("lstm1", "lstm2")
        ]
        self._hidden = {name: (whole(f"{name}_hidden/kernel"), whole(f"{name}_hidden/bias") * UNIT) for name in _HEADS}
        self._logits = {name: (whole(f"{name}_logits/kernel"), whole(f"{name}_logits/bias") * UNIT) for name in _HEADS}
        self._given = {name: whole(f"{name}_given/kernel") for name in ("pitch", "duration")}
        self.units = self._layers[0][1].size // 4

    def start(self, candidates: int) -> States:
        """States before the first event."""
        return States(*(np.zeros((candidates, self.units)) for _ in range(4)))

    def step(self, inputs: Sequence[Sequence[int]], *, states: States) -> tuple[Numbers, States]:
        """Read one row of ``INPUT_FIELDS`` a candidate; what the heads are fed, and the new states."""
        embedded = _rows(self._embedding, values=inputs, offsets=_INPUT_OFFSETS)
        h1, c1 = self._lstm(0, embedded, h=states.h1, c=states.c1)
        h2, c2 = self._lstm(1, h1, h=states.h2, c=states.c2)
        return h1 + h2, States(h1, c1, h2, c2)

    def advance_logits(self, summed: Numbers) -> Logits:
        """Logits (candidates, END + 1) in units of 2**-9."""
        return self._head("advance", summed, given=0.0)

    def pitch_logits(self, summed: Numbers, *, inputs: Sequence[Sequence[int]]) -> Logits:
        """Logits (candidates, PITCHES) for rows of ``PITCH_FIELDS``."""
        return self._head("pitch", summed, given=_rows(self._given["pitch"], values=inputs, offsets=_PITCH_OFFSETS))

    def duration_logits(self, summed: Numbers, *, inputs: Sequence[Sequence[int]]) -> Logits:
        """Logits (candidates, durations) for rows of ``DURATION_FIELDS``."""
        given = _rows(self._given["duration"], values=inputs, offsets=_DURATION_OFFSETS)
        return self._head("duration", summed, given=given)

    def _lstm(self, layer: int, inputs: Numbers, *, h: Numbers, c: Numbers) -> tuple[Numbers, Numbers]:
        kernel, bias = self._layers[layer]
        gates = _arguments(np.concatenate([inputs, h], axis=1) @ kernel + bias)
        units = self.units
        let_in = self._sigmoid[gates[:, :units]]
        keep = self._sigmoid[gates[:, units : 2 * units]]
        new = self._tanh[gates[:, 2 * units : 3 * units]]
        let_out = self._sigmoid[gates[:, 3 * units :]]
        cell = np.rint((keep * c + let_in * new) / UNIT)
        index = np.clip(np.rint(cell * 2.0 ** (STEP_BITS - UNIT_BITS)), -LIMIT, LIMIT).astype(np.intp) + LIMIT
        return np.rint(let_out * self._tanh[index] / UNIT), cell

    def _head(self, name: str, summed: Numbers, *, given: Numbers | float) -> Logits:
        kernel, bias = self._hidden[name]
        hidden = self._tanh[_arguments(summed @ kernel + bias + given * UNIT)]
        kernel, bias = self._logits[name]
        return np.rint((hidden @ kernel + bias) * _TO_STEPS).astype(np.int64)


_HEADS = ("advance", "pitch", "duration")


def _offsets(fields: Sequence[tuple[str, int]]) -> NDArray[np.intp]:
    return np.cumsum([0, *(size for _, size in fields[:-1])]).astype(np.intp)


_INPUT_OFFSETS = _offsets(INPUT_FIELDS)
_PITCH_OFFSETS = _offsets(PITCH_FIELDS)
_DURATION_OFFSETS = _offsets(DURATION_FIELDS)


def _rows(table: Numbers, *, values: Sequence[Sequence[int]], offsets: NDArray[np.intp]) -> Numbers:
    summed: Numbers = table[np.asarray(values, np.intp) + offsets].sum(axis=1)
    return summed


def _arguments(products: Numbers) -> NDArray[np.intp]:
    return np.clip(np.rint(products * _TO_STEPS), -LIMIT, LIMIT).astype(np.intp) + LIMIT
