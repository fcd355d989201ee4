"""The steps of decoding over all candidates of a batch: drawing each field under the rules. Compiled by Numba.

Arrays are those of :class:`generation.composer.decode.Desk`; ``alive`` are the candidates still being written, and
row k of ``logits`` and of the filled tables belongs to candidate ``alive[k]``. Only whole numbers are summed, so that
equal seeds give equal notes on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from generation.composer import context, echoes
from generation.composer.context import ADVANCE, DURATION, ONSET, PITCH, Row, Written
from generation.composer.events import ADVANCES, DURATIONS, END, PITCHES, nearest
from generation.composer.rules import (
    BAR, BAR_STEPS, COUNT, DONE, DRAWN, EARLIEST, FINAL, FORCED, FORCED_END, HIGH, LAST_DURATION, LOW, NEXT_ADVANCE,
    NEXT_PITCH, SHIFT, Bits, Law, Mask, State, allow_advances, allow_durations, allow_pitches, make_room,
)  # fmt: skip
from generation.composer.tables import exp_table
from generation.composer.traits import EXACT, Bars

_EXP = exp_table()
_MILLE = 1000
_UNIT = 2.0**-53
_ADVANCE_STEPS = np.array([*ADVANCES, 0], np.int64)
_DURATION_STEPS = np.array(DURATIONS, np.int64)
_CLASS_OF = np.full(ADVANCES[-1] + 1, -1, np.int64)
_CLASS_OF[np.array(ADVANCES)] = np.arange(len(ADVANCES))


@njit(cache=True)
def draw(logits: Any, allowed: Mask, temperature: float, nucleus: int, bits: np.uint64) -> int:
    """Draw a class from the smallest set of likeliest allowed classes that holds ``nucleus`` mille of the probability.

    ``logits`` (classes,) are in units of 2**-9; at least one class must be allowed.
    """
    count = len(logits)
    highest = -(1 << 60)
    for one in range(count):
        if allowed[one] and logits[one] > highest:
            highest = logits[one]
    weights = np.zeros(count, np.int64)
    total = 0
    for one in range(count):
        if allowed[one]:
            fall = int(np.rint((highest - logits[one]) / temperature))
            weights[one] = _EXP[min(fall, len(_EXP) - 1)]
            total += weights[one]
    order = np.empty(count, np.int64)
    kept, inside = 0, 0
    while inside * _MILLE < nucleus * total and kept < count:
        best = -1
        for one in range(count):
            if weights[one] > 0 and (best < 0 or weights[one] > weights[best]):
                best = one
        if best < 0:
            break
        order[kept] = best
        kept += 1
        inside += weights[best]
        weights[best] = -weights[best]
    mark = int(float(bits >> np.uint64(11)) * _UNIT * inside)
    for place in range(kept):
        mark += weights[order[place]]
        if mark < 0:
            return int(order[place])
    return int(order[kept - 1])


@njit(cache=True)
def fill_inputs(
    notes: Written, state: State, alive: Any, numbers: Row, weights: Row, plan: Bars, out: Any
) -> None:
    """Rows of ``INPUT_FIELDS``."""
    for row, one in enumerate(alive):
        context.inputs(notes[one], state[one, COUNT], numbers, weights, plan, out[row])


@njit(cache=True)
def fill_pitch_inputs(
    notes: Written, state: State, alive: Any, numbers: Row, weights: Row, plan: Bars, out: Any
) -> None:
    """Rows of ``PITCH_FIELDS`` for the advances just chosen."""
    for row, one in enumerate(alive):
        advance = state[one, NEXT_ADVANCE]
        context.pitch_inputs(notes[one], state[one, COUNT], numbers, weights, plan, advance, 0, out[row])


@njit(cache=True)
def fill_duration_inputs(
    notes: Written, state: State, alive: Any, numbers: Row, plan: Bars, out: Any
) -> None:
    """Rows of ``DURATION_FIELDS`` for the advances and pitches just chosen."""
    for row, one in enumerate(alive):
        advance, pitch = state[one, NEXT_ADVANCE], state[one, NEXT_PITCH]
        context.duration_inputs(notes[one], state[one, COUNT], numbers, plan, advance, 0, pitch, out[row])


@njit(cache=True)
def choose_advances(
    notes: Written, state: State, bits: Bits, alive: Any, law: Law, plan: Bars, logits: Any, temperature: float,
    nucleus: int,
) -> None:  # fmt: skip
    """Set each candidate's next advance, or ``DONE`` where it is ``END``."""
    allowed = np.zeros(END + 1, np.bool_)
    for row, one in enumerate(alive):
        mine = state[one]
        onset = notes[one, mine[COUNT] - 1, ONSET] if mine[COUNT] else 0
        last = law[FINAL]
        bar = -1
        if mine[FORCED] < 0:
            bar, first, end = _next_copy(notes[one], mine, law, plan, onset)
            if bar >= 0:
                shift = plan[bar, 1] * law[BAR_STEPS]
                last = min(last, notes[one, first, ONSET] + shift)
                if mine[EARLIEST] >= bar * law[BAR_STEPS]:
                    _begin_copy(mine, law, bar, first, end, shift)
        if mine[FORCED] >= 0:
            steps = notes[one, mine[FORCED], ONSET] + mine[SHIFT] - onset
            if 0 <= steps < len(_CLASS_OF) and _CLASS_OF[steps] >= 0:
                mine[NEXT_ADVANCE] = _CLASS_OF[steps]
                continue
            mine[FORCED] = -1
        allow_advances(notes[one], mine, law, last, allowed)
        if bar >= 0:
            _keep_free(allowed, onset, bar * law[BAR_STEPS], last)
        advance = draw(logits[row], allowed, temperature, nucleus, bits[one, mine[DRAWN]])
        mine[DRAWN] += 1
        if advance == END:
            mine[DONE] = 1
            continue
        mine[NEXT_ADVANCE] = advance
        target = onset + _ADVANCE_STEPS[advance]
        if last < law[FINAL] and target == last:
            _begin_copy(mine, law, bar, first, end, shift)
        else:
            after = target // law[BAR_STEPS] + 1
            mine[BAR] = max(mine[BAR], after if bar < 0 else min(bar, after))


@njit(cache=True)
def _keep_free(allowed: Mask, onset: int, start: int, first: int) -> None:
    """Forbid notes between the beginning of a copied bar and its ``first`` note, unless it were silent too long."""
    waits = False
    for advance in range(END):
        target = onset + _ADVANCE_STEPS[advance]
        waits |= allowed[advance] and (target < start or target == first)
    if not waits:
        return
    for advance in range(END):
        if start <= onset + _ADVANCE_STEPS[advance] < first:
            allowed[advance] = False


@njit(cache=True)
def _next_copy(notes: Written, state: State, law: Law, plan: Bars, onset: int) -> tuple[int, int, int]:
    """The next bar that is planned as a copy of a written one, and the notes (from, to) it copies; bar -1 if none."""
    count = state[COUNT]
    for bar in range(state[BAR], len(plan)):
        if plan[bar, 0] != EXACT:
            continue
        source = (bar - plan[bar, 1]) * law[BAR_STEPS]
        if source + law[BAR_STEPS] > onset + law[BAR_STEPS]:
            return -1, 0, 0
        first = context._first_after(notes, count, source, -1)
        end = context._first_after(notes, count, source + law[BAR_STEPS], -1)
        while first < end and notes[first, ONSET] + plan[bar, 1] * law[BAR_STEPS] <= onset and count:
            first += 1
        if first < end:
            return bar, first, end
    return -1, 0, 0


@njit(cache=True)
def _begin_copy(state: State, law: Law, bar: int, first: int, end: int, shift: int) -> None:
    state[FORCED], state[FORCED_END], state[SHIFT] = first, end, shift
    state[BAR] = bar + 1
    state[EARLIEST] = (bar + 1) * law[BAR_STEPS]


@njit(cache=True)
def choose_pitches(
    notes: Written, state: State, lines: Any, bits: Bits, alive: Any, law: Law, known: Any, logits: Any,
    temperature: float, nucleus: int,
) -> None:  # fmt: skip
    """Set each candidate's next pitch class."""
    allowed = np.zeros(PITCHES, np.bool_)
    for row, one in enumerate(alive):
        mine = state[one]
        if mine[FORCED] >= 0:
            mine[NEXT_PITCH] = notes[one, mine[FORCED], PITCH]
            continue
        count = mine[COUNT]
        chord = mine[NEXT_ADVANCE] == 0 and count > 0
        onset = (notes[one, count - 1, ONSET] if count else 0) + _ADVANCE_STEPS[mine[NEXT_ADVANCE]]
        allow_pitches(notes[one], mine, law, onset, chord, allowed)
        if not allowed.any():
            allowed[max(0, law[LOW]) : law[HIGH] + 1] = True
        if len(known):
            echoes.forbid_long_runs(notes[one], count, lines[one], onset, chord, known, allowed)
        mine[NEXT_PITCH] = draw(logits[row], allowed, temperature, nucleus, bits[one, mine[DRAWN]])
        mine[DRAWN] += 1


@njit(cache=True)
def choose_durations(
    notes: Written, state: State, lines: Any, bits: Bits, alive: Any, law: Law, known: Any, logits: Any,
    temperature: float, nucleus: int,
) -> None:  # fmt: skip
    """Draw each candidate's next duration and write the event down."""
    allowed = np.zeros(len(DURATIONS), np.bool_)
    for row, one in enumerate(alive):
        mine = state[one]
        count = mine[COUNT]
        advance = mine[NEXT_ADVANCE]
        onset = (notes[one, count - 1, ONSET] if count else 0) + _ADVANCE_STEPS[advance]
        make_room(notes[one], mine, law, onset, mine[NEXT_PITCH])
        if mine[FORCED] >= 0:
            duration = notes[one, mine[FORCED], DURATION]
            while onset + _DURATION_STEPS[duration] > law[FINAL] and duration > 0:
                duration -= 1
            mine[FORCED] += 1
            if mine[FORCED] == mine[FORCED_END]:
                mine[FORCED] = -1
        elif onset == law[FINAL]:
            duration = law[LAST_DURATION]
        else:
            allow_durations(law, onset, allowed)
            duration = draw(logits[row], allowed, temperature, nucleus, bits[one, mine[DRAWN]])
            mine[DRAWN] += 1
        if len(known) and count and advance > 0:
            echoes.follow(notes[one], count, lines[one], known)
        written = notes[one, count]
        written[ONSET], written[ADVANCE], written[PITCH], written[DURATION] = onset, advance, mine[NEXT_PITCH], duration
        mine[COUNT] += 1
