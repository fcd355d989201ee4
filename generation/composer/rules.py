"""What a player can do and what the plan allows, as masks over the classes of the next event.

The functions but :func:`rules_of` are compiled (:mod:`.kernel`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import Written
from generation.composer.events import DURATIONS, LOWEST_PITCH, PITCHES, key_shift, nearest
from generation.composer.kernel import INT32, INT64, MASK, address, library
from generation.composer.score import STEPS_PER_QUARTER

if TYPE_CHECKING:
    from generation.composer.plan import PiecePlan

Mask = NDArray[np.bool_]
Law = NDArray[np.int64]
State = NDArray[np.int64]
Bits = NDArray[np.uint64]

COUNT, DONE, FORCED, FORCED_END, SHIFT, EARLIEST, BAR, DRAWN, NEXT_ADVANCE, NEXT_PITCH = range(10)
STATE = 10
"""A candidate's state: notes written, whether it is finished, the index of the note to be copied next (-1 none), the
index where copying ends, steps from the source to the copy, the earliest onset that may be drawn, the next bar to be
looked at for a copy, random numbers used, and the advance and pitch just chosen."""

(
    LOW,
    HIGH,
    VOICES,
    HANDS,
    SPAN,
    CLEAR_BELOW,
    CLEAR,
    GAP,
    EQUAL,
    FINAL,
    BAR_STEPS,
    LAST_DURATION,
    LONGEST,
    MINOR,
    PEDAL,
    FIGURE_NOTES,
    ROUNDS,
) = range(17)
LAW = 17

LONGEST_SILENCE = 1.6
"""Seconds that nothing may sound within a piece."""

MOST_EQUAL_PITCHES = 8
LONGEST_FIGURE = 6
MOST_ROUNDS = 4
"""How often a figure of up to so many notes goes round, unless the plan of the piece copies a bar of it."""
SOUNDING = 40
"""Notes back that are searched for those still sounding."""


def rules_of(plan: PiecePlan) -> Law:
    """The rules of a plan as whole numbers, pitches as classes."""
    player = plan.player
    shift = LOWEST_PITCH + key_shift(tonic=plan.tonic, mode=plan.frame.mode)
    bar = plan.frame.steps_per_bar
    law = np.zeros(LAW, np.int64)
    law[LOW], law[HIGH] = max(0, player.low - shift), min(PITCHES - 1, player.high - shift)
    law[VOICES], law[HANDS], law[SPAN] = player.voices, player.hands, player.span
    law[CLEAR_BELOW], law[CLEAR] = player.clear_below - shift, player.clear_interval
    law[GAP] = int(LONGEST_SILENCE * plan.bpm / 60 * STEPS_PER_QUARTER)
    law[EQUAL], law[FIGURE_NOTES], law[ROUNDS] = MOST_EQUAL_PITCHES, LONGEST_FIGURE, MOST_ROUNDS
    law[FINAL], law[BAR_STEPS] = plan.last_chord, bar
    law[LAST_DURATION] = nearest(plan.ending_bars * bar, table=DURATIONS)
    law[LONGEST] = round(player.longest * STEPS_PER_QUARTER)
    law[MINOR] = plan.frame.mode == "minor"
    law[PEDAL] = player.pedal - shift if player.pedal else -1
    return law


def allow_advances(notes: Written, state: State, law: Law, last: int, out: Mask) -> None:
    """Advances that keep the plan: no END before the end, no long silence, hands free; none goes past ``last``."""
    library().allow_advances(*_at(notes, state, law), last, address(out, MASK))


def allow_pitches(notes: Written, state: State, law: Law, onset: int, chord: bool, out: Mask) -> None:  # noqa: FBT001
    """Pitches that can be played at ``onset`` and that the plan allows there; ``chord`` adds to the last onset."""
    library().allow_pitches(*_at(notes, state, law), onset, chord, address(out, MASK))


def allow_durations(law: Law, onset: int, out: Mask) -> None:
    """Durations that end before the last chord and that the instrument can hold."""
    library().allow_durations(address(law, INT64), onset, address(out, MASK))


def _at(notes: Written, state: State, law: Law) -> tuple[int, int, int]:
    return address(notes, INT32), address(state, INT64), address(law, INT64)
