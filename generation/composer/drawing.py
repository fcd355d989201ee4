"""The steps of decoding over all candidates of a batch: drawing each field under the rules. Compiled (:mod:`.kernel`).

Only whole numbers are summed, so that equal seeds give equal notes on every machine.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.composer import kernel
from generation.composer.context import (
    DURATION_FIELDS,
    INPUT_FIELDS,
    MOTIFS,
    PITCH_FIELDS,
    Frame,
    Row,
    Written,
    strengths,
)
from generation.composer.echoes import LINE, Known
from generation.composer.kernel import INT32, INT64, MASK, UINT32, UINT64, address, library
from generation.composer.leanings import Leanings
from generation.composer.rules import COUNT, DRAWN, Bits, Law, Mask, State

Logits = NDArray[np.int64]

MILLE = 1000
"""What a nucleus is counted in."""

PITCH_HEAT = 0.9
"""Temperature of the pitches at an ordered temperature of 1: at 1 lines turn too often and clash too much."""

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


class Desk:
    """The candidates in the making and what they are written by, as the compiled functions take them.

    ``notes`` (candidates, events, 5) are the columns of :mod:`.context`; ``state`` (candidates,
    :data:`rules.STATE`); ``lines`` (candidates, 2, :data:`echoes.LINE`) follow top and bass; ``bits`` are the random
    numbers of each. ``alive`` are the candidates still being written: row k of logits and of filled tables belongs to
    candidate ``alive[k]``.
    """

    def __init__(
        self, *, notes: Written, state: State, bits: Bits, known: Known, law: Law, frame: Frame, temperature: float,
        leanings: Leanings | None = None,
    ) -> None:  # fmt: skip
        count, room, _ = notes.shape
        self.notes, self.state, self.alive = notes, state, np.arange(count)
        self._lines = np.zeros((count, 2, LINE), np.int64)
        self._motifs = np.zeros((count, MOTIFS), np.int64)
        self._temperature = temperature
        arrays: dict[str, tuple[NDArray[Any], np.dtype[Any]]] = {
            "notes": (notes, INT32), "state": (state, INT64), "bits": (bits, UINT64), "alive": (self.alive, INT64),
            "lines": (self._lines, INT64),
            "motifs": (self._motifs, INT64), "law": (law, INT64), "known": (known, UINT32),
            "numbers": (frame.numbers(), INT32), "strengths": (strengths(frame.metre), INT32),
            "plan": (frame.plan, INT32),
        }  # fmt: skip
        if leanings is not None:
            arrays["leanings"] = leanings, INT32
        self._arrays = arrays  # for as long as the struct points at them
        self._told = kernel.Desk(
            **{name: address(array, kind) for name, (array, kind) in arrays.items()},
            room=room, bits_each=bits.shape[1], living=count, bars=len(frame.plan), known_count=len(known),
        )  # fmt: skip
        self._desk = ctypes.addressof(self._told)
        self._library = library()
        fields = (INPUT_FIELDS, PITCH_FIELDS, DURATION_FIELDS)
        self._inputs, self._pitch_inputs, self._duration_inputs = (
            np.empty((count, len(table)), np.int32) for table in fields
        )

    def attend(self, candidates: NDArray[np.intp]) -> None:
        """Go on with these candidates, which are then those alive."""
        self.alive = candidates
        self._told.alive, self._told.living = address(candidates, INT64), len(candidates)

    def copy(self, chosen: NDArray[np.intp]) -> None:
        """Put copies of the chosen candidates in the places of all; each place keeps its own random numbers."""
        most = int(self.state[:, COUNT].max())
        self.notes[:, :most] = self.notes[chosen, :most]
        drawn = self.state[:, DRAWN].copy()
        self.state[:] = self.state[chosen]
        self.state[:, DRAWN] = drawn
        for followed in (self._lines, self._motifs):
            followed[:] = followed[chosen]

    def inputs(self) -> Row:
        """Rows of ``INPUT_FIELDS``."""
        return self._filled(self._library.fill_inputs, self._inputs)

    def pitch_inputs(self) -> Row:
        """Rows of ``PITCH_FIELDS`` for the advances just chosen."""
        return self._filled(self._library.fill_pitch_inputs, self._pitch_inputs)

    def duration_inputs(self) -> Row:
        """Rows of ``DURATION_FIELDS`` for the advances and pitches just chosen."""
        return self._filled(self._library.fill_duration_inputs, self._duration_inputs)

    def choose_advances(self, logits: Logits, nucleus: int) -> None:
        """Set each candidate's next advance, or ``DONE`` where it is ``END``."""
        self._library.choose_advances(self._desk, address(logits, INT64), self._temperature, nucleus)

    def choose_pitches(self, logits: Logits, nucleus: int) -> None:
        """Set each candidate's next pitch class."""
        heat = self._temperature * PITCH_HEAT
        self._library.choose_pitches(self._desk, address(logits, INT64), heat, nucleus)

    def choose_durations(self, logits: Logits, nucleus: int) -> None:
        """Draw each candidate's next duration and write the event down. Raises ``NoRoomError``."""
        if self._library.choose_durations(self._desk, address(logits, INT64), self._temperature, nucleus):
            raise NoRoomError(f"A candidate has more than {self.notes.shape[1]} events.")

    def _filled(self, fill: Callable[[int, int], None], table: Row) -> Row:
        fill(self._desk, address(table, INT32))
        return table[: len(self.alive)]
