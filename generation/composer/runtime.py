"""One step of the network in NumPy, bit for bit the same on every machine.

Weights and hidden states are whole numbers, in units of 2**-9 and 2**-8, held in float32. :func:`quantised` checks
that no sum of their products can reach 2**24; so every sum is exact, whatever the order in which a BLAS adds it
up. What is not exact by nature (tanh, sigmoid) is read from :mod:`.tables`. The gates are compiled (:mod:`.kernel`).
Equations: ``keras.layers.LSTM``, gates in the order i, f, c, o.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import FIELDS, INPUT_FIELDS
from generation.composer.kernel import FLOAT32, FLOAT64, INT32, INT64, address, library
from generation.composer.tables import STEP_BITS, UNIT_BITS

Numbers = NDArray[np.float32]
Wide = NDArray[np.float64]
Logits = NDArray[np.int64]
Rows = NDArray[np.int32]

WEIGHT_BITS = 9
HIDDEN_BITS = 8

_PRODUCT_BITS = WEIGHT_BITS + HIDDEN_BITS
TO_STEPS = np.float32(2.0 ** (STEP_BITS - _PRODUCT_BITS))
"""From a sum of products to a table's argument."""

CELL_TO_STEPS = 2.0 ** (STEP_BITS - UNIT_BITS)
TO_CELL = 2.0**-UNIT_BITS
TO_HIDDEN = 2.0 ** (HIDDEN_BITS - 2 * UNIT_BITS)
TANH_TO_HIDDEN = 2.0 ** (HIDDEN_BITS - UNIT_BITS)
"""From a cell state to a table's argument; from products of gates to a cell or hidden state; from a tanh to one."""

_BLOCK = 128
_EXACT = 1 << 24
_LARGEST = 32767
HEADS = ("advance", "part", "pitch", "duration")
_GIVEN = {name: fields for name, fields in FIELDS.items() if name in HEADS}


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
    for name in HEADS:
        hidden = reach(f"{name}_hidden/kernel", largest=2 * one) + bias(f"{name}_hidden")
        if name in _GIVEN:
            hidden += _field_reach(weights[f"{name}_given/kernel"] * one, fields=_GIVEN[name])
        sums[f"{name}_hidden"] = hidden
        sums[f"{name}_logits"] = reach(f"{name}_logits/kernel", largest=one) + bias(f"{name}_logits")
    return {name: float(values.max()) for name, values in sums.items()}


def _field_reach(table: NDArray[Any], *, fields: Sequence[tuple[str, int]]) -> Wide:
    parts = np.split(np.abs(table), _offsets(fields)[1:])
    total: Wide = np.sum([part.max(axis=0) for part in parts], axis=0, dtype=np.float64)
    return total


def _input_table(weights: Mapping[str, NDArray[np.int16]]) -> Numbers:
    """What each value of each field adds to the first layer's gates; the bias rides on the first field."""
    kernel = weights["lstm1/kernel"].astype(np.float64)
    embedding = weights["embedding/kernel"]
    table = np.empty((len(embedding), kernel.shape[1]), np.float32)
    for first in range(0, len(embedding), _BLOCK):
        products = embedding[first : first + _BLOCK].astype(np.float64) @ kernel
        table[first : first + _BLOCK] = np.rint(products * 2.0 ** (_PRODUCT_BITS - 2 * WEIGHT_BITS))
    table[: INPUT_FIELDS[0][1]] += weights["lstm1/bias"].astype(np.float32) * np.float32(2**HIDDEN_BITS)
    return table


@dataclass(slots=True)
class States:
    """Hidden and cell states of both layers, (candidates, units) each."""

    h1: Numbers
    c1: Wide
    h2: Numbers
    c2: Wide

    def only(self, rows: NDArray[np.intp] | slice) -> States:
        """The states of some candidates."""
        return States(self.h1[rows], self.c1[rows], self.h2[rows], self.c2[rows])


class Core:
    """The network's step and its heads over a batch of candidates."""

    def __init__(self, weights: Mapping[str, NDArray[np.int16]]) -> None:
        def whole(name: str) -> Numbers:
            return weights[name].astype(np.float32)

        def dense(name: str) -> tuple[Numbers, Numbers]:
            return whole(f"{name}/kernel"), whole(f"{name}/bias") * np.float32(2**HIDDEN_BITS)

        self._inputs = _input_table(weights)
        self._recurrent = whole("lstm1/recurrent_kernel")
        second, self._second_bias = dense("lstm2")
        self._second = np.concatenate([second, whole("lstm2/recurrent_kernel")])
        self._hidden = {name: dense(f"{name}_hidden") for name in HEADS}
        self._logits = {name: dense(f"{name}_logits") for name in HEADS}
        self._given = {name: whole(f"{name}_given/kernel") * np.float32(2**HIDDEN_BITS) for name in _GIVEN}
        self.units = len(self._recurrent)

    def start(self, candidates: int) -> States:
        """States before the first event."""
        hidden = np.zeros((candidates, self.units), np.float32)
        cell = np.zeros((candidates, self.units))
        return States(hidden, cell, hidden, cell)

    def step(self, inputs: Rows, *, states: States) -> tuple[Numbers, States]:
        """Read one row of ``INPUT_FIELDS`` a candidate; what the heads are fed, and the new states."""
        gates = states.h1 @ self._recurrent
        _add_rows(gates, self._inputs, inputs, _INPUT_OFFSETS)
        h1, c1 = _cells(gates, states.c1)
        gates = np.concatenate([h1, states.h2], axis=1) @ self._second + self._second_bias
        h2, c2 = _cells(gates, states.c2)
        return h1 + h2, States(h1, c1, h2, c2)

    def logits(self, name: str, summed: Numbers, *, given: Rows | None = None) -> Logits:
        """Logits (candidates, classes) of a head of ``HEADS``, in units of 2**-9, from what ``step`` gave.

        ``given`` are rows of the head's fields, for those that have some.
        """
        kernel, bias = self._hidden[name]
        sums = summed @ kernel + bias
        if given is not None:
            _add_rows(sums, self._given[name], given, _GIVEN_OFFSETS[name])
        kernel, bias = self._logits[name]
        logits: Logits = np.rint((_hidden_tanh(sums) @ kernel + bias) * TO_STEPS).astype(np.int64)
        return logits


def _offsets(fields: Sequence[tuple[str, int]]) -> NDArray[np.int64]:
    starts: NDArray[np.int64] = np.cumsum([0, *(size for _, size in fields[:-1])]).astype(np.int64)
    return starts


_INPUT_OFFSETS = _offsets(INPUT_FIELDS)
_GIVEN_OFFSETS = {name: _offsets(fields) for name, fields in _GIVEN.items()}


def _add_rows(sums: Numbers, table: Numbers, values: Rows, offsets: NDArray[np.int64]) -> None:
    """Add the rows that each candidate's values pick from a table."""
    library().add_rows(
        address(sums, FLOAT32), address(table, FLOAT32), address(values, INT32), address(offsets, INT64), len(sums),
        len(offsets), sums.shape[1],
    )  # fmt: skip


def _cells(gates: Numbers, cells: Wide) -> tuple[Numbers, Wide]:
    """New hidden and cell states from the sums of the four gates."""
    new_hidden = np.empty(cells.shape, np.float32)
    new_cells = np.empty(cells.shape, np.float64)
    library().cells(
        address(gates, FLOAT32), address(cells, FLOAT64), address(new_hidden, FLOAT32), address(new_cells, FLOAT64),
        *cells.shape,
    )  # fmt: skip
    return new_hidden, new_cells


def _hidden_tanh(sums: Numbers) -> Numbers:
    """Hyperbolic tangent of a head's hidden sums, in units of 2**-8."""
    out = np.empty(sums.shape, np.float32)
    library().hidden_tanh(address(sums, FLOAT32), address(out, FLOAT32), sums.size)
    return out
