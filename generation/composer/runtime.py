"""One step of the network, bit for bit the same on every machine.

Weights and hidden states are whole numbers of 16 bits, in units of 2**-9 and 2**-8. :func:`quantised` checks that no
sum of their products can reach 2**24; so every sum is exact. What is not exact by nature (tanh, sigmoid) is read from
:mod:`.tables`. Layers and gates are compiled (:mod:`.kernel`).
Equations: ``keras.layers.LSTM``, gates in the order i, f, c, o.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import FIELDS, INPUT_FIELDS
from generation.composer.kernel import FLOAT64, INT16, INT32, INT64, Layer, address, library
from generation.composer.tables import STEP_BITS, UNIT_BITS

Hidden = NDArray[np.int16]
Sums = NDArray[np.int32]
Wide = NDArray[np.float64]
Logits = NDArray[np.int64]
Rows = NDArray[np.int32]

WEIGHT_BITS = 9
HIDDEN_BITS = 8

_PRODUCT_BITS = WEIGHT_BITS + HIDDEN_BITS
TO_STEPS = 2.0 ** (STEP_BITS - _PRODUCT_BITS)
"""From a sum of products to a table's argument."""

CELL_TO_STEPS = 2.0 ** (STEP_BITS - UNIT_BITS)
TO_CELL = 2.0**-UNIT_BITS
TO_HIDDEN = 2.0 ** (HIDDEN_BITS - 2 * UNIT_BITS)
TANH_TO_HIDDEN = 2.0 ** (HIDDEN_BITS - UNIT_BITS)
"""From a cell state to a table's argument; from products of gates to a cell or hidden state; from a tanh to one."""

PANEL = 16
"""Outputs of a layer whose weights lie together in memory."""

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


def _input_table(weights: Mapping[str, NDArray[np.int16]]) -> Sums:
    """What each value of each field adds to the first layer's gates; the bias rides on the first field."""
    kernel = weights["lstm1/kernel"].astype(np.float64)
    embedding = weights["embedding/kernel"]
    table = np.empty((len(embedding), kernel.shape[1]), np.int32)
    for first in range(0, len(embedding), _BLOCK):
        products = embedding[first : first + _BLOCK].astype(np.float64) @ kernel
        table[first : first + _BLOCK] = np.rint(products * 2.0 ** (_PRODUCT_BITS - 2 * WEIGHT_BITS))
    table[: INPUT_FIELDS[0][1]] += weights["lstm1/bias"].astype(np.int32) << HIDDEN_BITS
    return table


@dataclass(slots=True)
class States:
    """Hidden states (candidates, 2 * units) of both layers, and cell states (candidates, units) of each."""

    hidden: Hidden
    cells: tuple[Wide, Wide]

    def only(self, rows: NDArray[np.intp] | slice) -> States:
        """The states of some candidates."""
        first, second = self.cells
        return States(self.hidden[rows], (first[rows], second[rows]))

    def put(self, rows: NDArray[np.intp], states: States) -> None:
        """Replace the states of some candidates."""
        self.hidden[rows] = states.hidden
        for mine, theirs in zip(self.cells, states.cells, strict=True):
            mine[rows] = theirs


class Dense:
    """A dense layer: weights (inputs, outputs), a bias, and rows of a table that the values of ``fields`` pick."""

    def __init__(
        self, weights: Hidden, bias: NDArray[Any], *, table: NDArray[Any] | None = None,
        fields: Sequence[tuple[str, int]] = (),
    ) -> None:  # fmt: skip
        self.inputs, self.outputs = weights.shape
        if self.inputs % 2:
            raise ValueError(f"A layer reads its inputs in pairs; {self.inputs} is odd.")
        rows = np.zeros(0) if table is None else table
        self._arrays = (  # for as long as the struct points at them
            _panels(weights), np.ascontiguousarray(bias, np.int32),
            np.ascontiguousarray(rows, np.int32), _offsets(fields),
        )  # fmt: skip
        by, added, rows, offsets = self._arrays
        self._told = Layer(
            address(by, INT16), address(added, INT32), address(rows, INT32), address(offsets, INT64),
            self.inputs, self.outputs, len(fields),
        )  # fmt: skip
        self.address = ctypes.addressof(self._told)

    def __call__(self, states: Hidden, values: Rows | None = None) -> Sums:
        """Sums (candidates, outputs) from the first inputs of each row, and the rows that ``values`` pick."""
        rows, stride = states.shape
        sums = np.empty((rows, self.outputs), np.int32)
        library().layer(
            self.address, address(states, INT16), stride, None if values is None else address(values, INT32),
            address(sums, INT32), rows,
        )  # fmt: skip
        return sums


def _panels(weights: Hidden) -> Hidden:
    """Weights (inputs, outputs) as (panels, inputs / 2, PANEL, 2); the last panel ends with zeros."""
    inputs, outputs = weights.shape
    padded = np.pad(weights, ((0, inputs % 2), (0, -outputs % PANEL)))
    pairs = padded.reshape(-(-inputs // 2), 2, -1, PANEL)
    return np.ascontiguousarray(pairs.transpose(2, 0, 3, 1), np.int16)


class Core:
    """The network's step and its heads over a batch of candidates."""

    def __init__(self, weights: Mapping[str, NDArray[np.int16]]) -> None:
        def bias(name: str) -> Sums:
            return weights[f"{name}/bias"].astype(np.int32) << HIDDEN_BITS

        def hidden(name: str) -> Dense:
            table = (
                weights[f"{name}_given/kernel"].astype(np.int32) << HIDDEN_BITS if name in _GIVEN else None
            )
            return Dense(
                weights[f"{name}_hidden/kernel"],
                bias(f"{name}_hidden"),
                table=table,
                fields=_GIVEN.get(name, ()),
            )

        recurrent = weights["lstm1/recurrent_kernel"]
        second = np.concatenate([weights["lstm2/kernel"], weights["lstm2/recurrent_kernel"]])
        self.units = len(recurrent)
        self._first = Dense(
            recurrent, np.zeros(recurrent.shape[1]), table=_input_table(weights), fields=INPUT_FIELDS
        )
        self._second = Dense(second, bias("lstm2"))
        self._hidden = {name: hidden(name) for name in HEADS}
        self._classes = {
            name: Dense(weights[f"{name}_logits/kernel"], bias(f"{name}_logits")) for name in HEADS
        }

    def start(self, candidates: int) -> States:
        """States before the first event."""
        shape = candidates, self.units
        return States(np.zeros((candidates, 2 * self.units), np.int16), (np.zeros(shape), np.zeros(shape)))

    def step(self, inputs: Rows, *, states: States) -> Hidden:
        """Read one row of ``INPUT_FIELDS`` a candidate into ``states``; gives what the heads are fed."""
        rows = len(states.hidden)
        first, second = states.cells
        gates, summed = np.empty((rows, 4 * self.units), np.int32), np.empty((rows, self.units), np.int16)
        library().step(
            self._first.address, self._second.address, address(inputs, INT32), address(states.hidden, INT16),
            address(first, FLOAT64), address(second, FLOAT64), address(gates, INT32), address(summed, INT16), rows,
        )  # fmt: skip
        return summed

    def logits(self, name: str, summed: Hidden, *, given: Rows | None = None) -> Logits:
        """Logits (candidates, classes) of a head of ``HEADS``, in units of 2**-9, from what ``step`` gave.

        ``given`` are rows of the head's fields, for those that have some.
        """
        hidden, classes, rows = self._hidden[name], self._classes[name], len(summed)
        sums = np.empty((rows, max(hidden.outputs, classes.outputs)), np.int32)
        between = np.empty((rows, hidden.outputs), np.int16)
        logits = np.empty((rows, classes.outputs), np.int64)
        library().head(
            hidden.address, classes.address, address(summed, INT16),
            None if given is None else address(given, INT32), address(sums, INT32), address(between, INT16),
            address(logits, INT64), rows,
        )  # fmt: skip
        return logits


def _offsets(fields: Sequence[tuple[str, int]]) -> NDArray[np.int64]:
    starts: NDArray[np.int64] = np.cumsum([0, *(size for _, size in fields[:-1])]).astype(np.int64)
    return starts
