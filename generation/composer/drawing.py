"""The steps of decoding over all candidates of a batch: drawing each field under the rules. Compiled (:mod:`.kernel`).

Arrays are those of :class:`generation.composer.decode.Desk`; ``alive`` are the candidates still being written, and
row k of ``logits`` and of the filled tables belongs to candidate ``alive[k]``. Only whole numbers are summed, so that
equal seeds give equal notes on every machine.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer import kernel
from generation.composer.context import Row, Written
from generation.composer.echoes import Known, Lines
from generation.composer.kernel import INT32, INT64, MASK, UINT32, UINT64, address, library
from generation.composer.rules import Bits, Law, Mask, State
from generation.composer.traits import Bars

Alive = NDArray[np.int64]
Logits = NDArray[np.int64]

MILLE = 1000
"""What a nucleus is counted in."""

UNIT = 2.0**-53
"""A random number's top 53 bits times this lie from 0 to 1."""


class NoRoomError(RuntimeError):
    """A candidate has more events than the desk holds."""


def draw(logits: Logits, allowed: Mask, temperature: float, nucleus: int, bits: np.uint64) -> int:
    """Draw a class from the smallest set of likeliest allowed classes that holds ``nucleus`` mille of the probability.

    ``logits`` (classes,) are in units of 2**-9; at least one class must be allowed.
    """
    drawn: int = library().draw(
        address(logits, INT64), len(logits), address(allowed, MASK), temperature, nucleus, int(bits)
    )
    return drawn


def fill_inputs(
    notes: Written, state: State, alive: Alive, numbers: Row, weights: Row, plan: Bars, out: Row
) -> None:
    """Rows of ``INPUT_FIELDS``."""
    library().fill_inputs(_desk(notes, state, alive), *_rows(numbers, weights, plan, out))


def fill_pitch_inputs(
    notes: Written, state: State, alive: Alive, numbers: Row, weights: Row, plan: Bars, out: Row
) -> None:
    """Rows of ``PITCH_FIELDS`` for the advances just chosen."""
    library().fill_pitch_inputs(_desk(notes, state, alive), *_rows(numbers, weights, plan, out))


def fill_duration_inputs(
    notes: Written, state: State, alive: Alive, numbers: Row, plan: Bars, out: Row
) -> None:
    """Rows of ``DURATION_FIELDS`` for the advances and pitches just chosen."""
    library().fill_duration_inputs(_desk(notes, state, alive), *_rows(numbers, plan, out))


def choose_advances(
    notes: Written, state: State, bits: Bits, alive: Alive, law: Law, plan: Bars, logits: Logits, temperature: float,
    nucleus: int,
) -> None:  # fmt: skip
    """Set each candidate's next advance, or ``DONE`` where it is ``END``."""
    library().choose_advances(
        _desk(notes, state, alive, bits=bits), address(law, INT64), address(plan, INT32), len(plan),
        address(logits, INT64), temperature, nucleus,
    )  # fmt: skip


def choose_pitches(
    notes: Written, state: State, lines: Lines, bits: Bits, alive: Alive, law: Law, known: Known, logits: Logits,
    temperature: float, nucleus: int,
) -> None:  # fmt: skip
    """Set each candidate's next pitch class."""
    library().choose_pitches(
        _desk(notes, state, alive, bits=bits, lines=lines), address(law, INT64), address(known, UINT32), len(known),
        address(logits, INT64), temperature, nucleus,
    )  # fmt: skip


def choose_durations(
    notes: Written, state: State, lines: Lines, bits: Bits, alive: Alive, law: Law, known: Known, logits: Logits,
    temperature: float, nucleus: int,
) -> None:  # fmt: skip
    """Draw each candidate's next duration and write the event down. Raises ``NoRoomError``."""
    full = library().choose_durations(
        _desk(notes, state, alive, bits=bits, lines=lines), address(law, INT64), address(known, UINT32), len(known),
        address(logits, INT64), temperature, nucleus,
    )  # fmt: skip
    if full:
        raise NoRoomError(f"A candidate has more than {notes.shape[1]} events.")


def _desk(
    notes: Written, state: State, alive: Alive, *, bits: Bits | None = None, lines: Lines | None = None
) -> Any:
    """The arrays as ``kernel.c`` takes them; a function that reads no bits or lines is given none."""
    return ctypes.byref(
        kernel.Desk(
            address(notes, INT32), address(state, INT64), None if lines is None else address(lines, INT64),
            None if bits is None else address(bits, UINT64), address(alive, INT64), notes.shape[1],
            0 if bits is None else bits.shape[1], len(alive),
        )
    )  # fmt: skip


def _rows(*arrays: Row) -> list[int]:
    return [address(array, INT32) for array in arrays]
