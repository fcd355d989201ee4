"""Function tables in whole numbers, the same on every machine.

``exp`` and ``tanh`` of the C library differ in the last bit from processor to processor. These tables are
made with integer arithmetic alone, from one decimal constant.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

UNIT_BITS = 12
"""Gates and cell states are whole multiples of 2**-12."""

STEP_BITS = 9
"""Arguments of the tables, and logits, are whole multiples of 2**-9."""

EXP_BITS = 30
LIMIT = 8 << STEP_BITS
"""tanh and sigmoid are constant beyond ±8."""

_PRECISION = 60


def exp_table() -> NDArray[np.int64]:
    """``exp(-k / 2**STEP_BITS) * 2**EXP_BITS`` for k = 0 … until it is zero."""
    return np.array([value >> (_PRECISION - EXP_BITS) for value in _exp(21 << STEP_BITS)], np.int64)


def tanh_table() -> NDArray[np.float64]:
    """Hyperbolic tangent for arguments -LIMIT … LIMIT, in units of 2**-UNIT_BITS, as whole float64 numbers."""
    decay = _exp(2 * LIMIT + 1)
    one = 1 << _PRECISION
    positive = [_divide((one - decay[2 * k]) << UNIT_BITS, one + decay[2 * k]) for k in range(LIMIT + 1)]
    return np.array([-value for value in positive[:0:-1]] + positive, np.float64)


def sigmoid_table() -> NDArray[np.float64]:
    """The logistic function for arguments -LIMIT … LIMIT, in units of 2**-UNIT_BITS, as whole float64 numbers."""
    decay = _exp(LIMIT + 1)
    one = 1 << _PRECISION
    positive = [_divide(one << UNIT_BITS, one + value) for value in decay]
    return np.array([(1 << UNIT_BITS) - value for value in positive[:0:-1]] + positive, np.float64)


def _exp(count: int) -> list[int]:
    """``exp(-k / 2**STEP_BITS)`` for k below ``count``, in units of 2**-60."""
    with localcontext() as context:
        context.prec = 40
        ratio = int((Decimal(-1) / (1 << STEP_BITS)).exp() * (1 << _PRECISION))
    values = [1 << _PRECISION]
    for _ in range(count - 1):
        values.append((values[-1] * ratio) >> _PRECISION)
    return values


def _divide(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
