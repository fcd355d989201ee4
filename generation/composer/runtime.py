"""One step of the network in NumPy, bit for bit the same on every machine.

Weights and hidden states are whole numbers, in units of 2**-9 and 2**-8, held in float32. :func:`quantised` checks
that no sum of their products can reach 2**24; so every sum is exact, whatever the order in which a BLAS adds it
up. What is not exact by nature (tanh, sigmoid) is read from :mod:`.tables`. Equations:
``keras.layers.LSTM``, gates in the order i, f, c, o.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import DURATION_FIELDS, INPUT_FIELDS, PITCH_FIELDS
from generation.composer.tables import LIMIT, STEP_BITS, UNIT_BITS, sigmoid_table, tanh_table

Numbers = NDArray[np.float32]
Wide = NDArray[np.float64]
Logits = NDArray[np.int64]
Rows = Sequence[Sequence[int]] | NDArray[np.intp]

WEIGHT_BITS = 9
HIDDEN_BITS = 8

_PRODUCT_BITS = WEIGHT_BITS + HIDDEN_BITS
_TO_STEPS = np.float32(2.0 ** (STEP_BITS - _PRODUCT_BITS))
"""From a sum of products to a table's argument."""

_EXACT = 1 << 24
_LARGEST = 32767
_HEADS = ("advance", "pitch", "duration")


class UnfitWeightsError(ValueError):
    """Weights are too large for the runtime's exact arithmetic."""


def quantised(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.int16]]:
    """Weights as whole multiples of 2**-9. Raises ``UnfitWeightsError`` if a sum could become inexact."""
    rounded = {}
    for name, values in weights.items():
        whole = np.rint(np.asarray(values, np.float64) * 2.0**WEIGHT_BITS)
        if np.abs(whole).max() > _LARGEST:
            raise UnfitWeightsError(
                f"{name} has a weight of {np.abs(values).max():.1f}; the runtime holds ±63."
            )
        rounded[name] = whole.astype(np.int16)
    for name, largest in _largest_sums(rounded).items():
        if largest >= _EXACT:
            message = f"Sums in {name} may reach {largest:.0f}, beyond {_EXACT}; train with a lower rate."
            raise UnfitWeightsError(message)
    return rounded


def _largest_sums(weights: Mapping[str, NDArray[np.int16]]) -> dict[str, float]:
    """The largest sum of products that can arise in each layer, in units of 2**-17."""
    one = float(1 << HIDDEN_BITS)

    def reach(name: str, *, largest: float) -> Wide:
        total: Wide = np.abs(weights[name].astype(np.float64)).sum(axis=0) * largest
        return total

    def bias(name: str) -> Wide:
        total: Wide = np.abs(weights[f"{name}/bias"].astype(np.float64)) * one
        return total

    inputs = _field_reach(_input_table(weights), fields=INPUT_FIELDS)
    sums = {
        "lstm1": inputs + reach("lstm1/recurrent_kernel", largest=one),
        "lstm2": reach("lstm2/kernel", largest=one)
        + reach("lstm2/recurrent_kernel", largest=one)
        + bias("lstm2"),
    }
    for name in _HEADS:
        hidden = reach(f"{name}_hidden/kernel", largest=2 * one) + bias(f"{name}_hidden")
        if name in _GIVEN:
            hidden += _field_reach(weights[f"{name}_given/kernel"] * one, fields=_GIVEN[name])
        sums[f"{name}_hidden"] = hidden
        sums[f"{name}_logits"] = reach(f"{name}_logits/kernel", largest=one) + bias(f"{name}_logits")
    return {name: float(values.max()) for name, values in sums.items()}


def _field_reach(table: NDArray[Any], *, fields: Sequence[tuple[str, int]]) -> Wide:
    parts = np.split(np.abs(table), _offsets(fields)[1:])
    total: Wide = np.sum([part.max(axis=0) for part in parts], axis=0)
    return total


def _input_table(weights: Mapping[str, NDArray[np.int16]]) -> Wide:
    """What each value of each field adds to the first layer's gates; the bias rides on the first field."""
    products = weights["embedding/kernel"].astype(np.float64) @ weights["lstm1/kernel"].astype(np.float64)
    table: Wide = np.rint(products * 2.0 ** (_PRODUCT_BITS - 2 * WEIGHT_BITS))
    table[: INPUT_FIELDS[0][1]] += weights["lstm1/bias"] * 2.0**HIDDEN_BITS
    return table


@dataclass(slots=True)
class States:
    """Hidden and cell states of both layers, (candidates, units) each."""

    h1: Numbers
    c1: Wide
    h2: Numbers
    c2: Wide

    def only(self, rows: Sequence[int] | slice) -> States:
        """The states of some candidates."""
        return States(self.h1[rows], self.c1[rows], self.h2[rows], self.c2[rows])


class Core:
    """The network's step and its three heads over a batch of candidates."""

    def __init__(self, weights: Mapping[str, NDArray[np.int16]]) -> None:
        def whole(name: str) -> Numbers:
            return weights[name].astype(np.float32)

        def dense(name: str) -> tuple[Numbers, Numbers]:
            return whole(f"{name}/kernel"), whole(f"{name}/bias") * np.float32(2**HIDDEN_BITS)

        self._tanh = tanh_table()
        self._sigmoid = sigmoid_table()
        self._hidden_tanh = np.rint(self._tanh * 2.0 ** (HIDDEN_BITS - UNIT_BITS)).astype(np.float32)
        self._inputs = _input_table(weights).astype(np.float32)
        self._recurrent = whole("lstm1/recurrent_kernel")
        second, self._second_bias = dense("lstm2")
        self._second = np.concatenate([second, whole("lstm2/recurrent_kernel")])
        self._hidden = {name: dense(f"{name}_hidden") for name in _HEADS}
        self._logits = {name: dense(f"{name}_logits") for name in _HEADS}
        self._given = {name: whole(f"{name}_given/kernel") * np.float32(2**HIDDEN_BITS) for name in _GIVEN}
        self.units = len(self._recurrent)

    def start(self, candidates: int) -> States:
        """States before the first event."""
        hidden = np.zeros((candidates, self.units), np.float32)
        cell = np.zeros((candidates, self.units))
        return States(hidden, cell, hidden, cell)

    def step(self, inputs: Rows, *, states: States) -> tuple[Numbers, States]:
        """Read one row of ``INPUT_FIELDS`` a candidate; what the heads are fed, and the new states."""
        gates = _rows(self._inputs, values=inputs, offsets=_INPUT_OFFSETS) + states.h1 @ self._recurrent
        h1, c1 = self._cell(gates, c=states.c1)
        gates = np.concatenate([h1, states.h2], axis=1) @ self._second + self._second_bias
        h2, c2 = self._cell(gates, c=states.c2)
        return h1 + h2, States(h1, c1, h2, c2)

    def advance_logits(self, summed: Numbers) -> Logits:
        """Logits (candidates, END + 1) in units of 2**-9."""
        return self._head("advance", summed)

    def pitch_logits(self, summed: Numbers, *, inputs: Rows) -> Logits:
        """Logits (candidates, PITCHES) for rows of ``PITCH_FIELDS``."""
        return self._head("pitch", summed, given=inputs)

    def duration_logits(self, summed: Numbers, *, inputs: Rows) -> Logits:
        """Logits (candidates, durations) for rows of ``DURATION_FIELDS``."""
        return self._head("duration", summed, given=inputs)

    def _cell(self, gates: Numbers, *, c: Wide) -> tuple[Numbers, Wide]:
        arguments = _arguments(gates)
        units = self.units
        let_in = self._sigmoid[arguments[:, :units]]
        keep = self._sigmoid[arguments[:, units : 2 * units]]
        new = self._tanh[arguments[:, 2 * units : 3 * units]]
        let_out = self._sigmoid[arguments[:, 3 * units :]]
        cell = np.rint((keep * c + let_in * new) * 2.0**-UNIT_BITS)
        shape = self._tanh[_arguments(cell, scale=2.0 ** (STEP_BITS - UNIT_BITS))]
        return np.rint(let_out * shape * 2.0 ** (HIDDEN_BITS - 2 * UNIT_BITS)).astype(np.float32), cell

    def _head(self, name: str, summed: Numbers, *, given: Rows | None = None) -> Logits:
        kernel, bias = self._hidden[name]
        sums = summed @ kernel + bias
        if given is not None:
            sums += _rows(self._given[name], values=given, offsets=_GIVEN_OFFSETS[name])
        kernel, bias = self._logits[name]
        logits: Logits = np.rint((self._hidden_tanh[_arguments(sums)] @ kernel + bias) * _TO_STEPS).astype(
            np.int64
        )
        return logits


def _offsets(fields: Sequence[tuple[str, int]]) -> NDArray[np.intp]:
    starts: NDArray[np.intp] = np.cumsum([0, *(size for _, size in fields[:-1])]).astype(np.intp)
    return starts


_GIVEN = {"pitch": PITCH_FIELDS, "duration": DURATION_FIELDS}
_INPUT_OFFSETS = _offsets(INPUT_FIELDS)
_GIVEN_OFFSETS = {name: _offsets(fields) for name, fields in _GIVEN.items()}


def _rows(table: Numbers, *, values: Rows, offsets: NDArray[np.intp]) -> Numbers:
    """Sum of the rows that each candidate's values pick from a table."""
    summed: Numbers = table[np.asarray(values, np.intp) + offsets].sum(axis=1)
    return summed


def _arguments(sums: NDArray[Any], *, scale: np.float32 | float = _TO_STEPS) -> NDArray[np.intp]:
    """Places in a table of tanh or sigmoid."""
    places: NDArray[np.intp] = np.clip(np.rint(sums * scale), -LIMIT, LIMIT).astype(np.intp) + LIMIT
    return places
