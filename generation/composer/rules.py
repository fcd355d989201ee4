"""What a player can do and what the plan allows, as masks over the classes of the next event. Compiled by Numba."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from generation.composer.context import ADVANCE, DURATION, ONSET, PITCH, Written
from generation.composer.events import ADVANCES, DURATIONS, END, LOWEST_PITCH, PITCHES, key_shift, nearest
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

LOW, HIGH, VOICES, HANDS, SPAN, CLEAR_BELOW, CLEAR, GAP, EQUAL, FINAL, BAR_STEPS, LAST_DURATION, LONGEST, MINOR = range(14)

LONGEST_SILENCE = 1.6
"""Seconds that nothing may sound within a piece."""

MOST_EQUAL_PITCHES = 8
_SOUNDING = 40
"""Notes back that are searched for those still sounding."""

_ADVANCE_STEPS = np.array([*ADVANCES, 0], np.int64)
_DURATION_STEPS = np.array(DURATIONS, np.int64)


def rules_of(plan: PiecePlan) -> Law:
    """The rules of a plan as whole numbers, pitches as classes."""
    player = plan.player
    shift = LOWEST_PITCH + key_shift(tonic=plan.tonic, mode=plan.frame.mode)
    bar = plan.frame.steps_per_bar
    law = np.zeros(14, np.int64)
    law[LOW], law[HIGH] = max(0, player.low - shift), min(PITCHES - 1, player.high - shift)
    law[VOICES], law[HANDS], law[SPAN] = player.voices, player.hands, player.span
    law[CLEAR_BELOW], law[CLEAR] = player.clear_below - shift, player.clear_interval
    law[GAP] = int(LONGEST_SILENCE * plan.bpm / 60 * STEPS_PER_QUARTER)
    law[EQUAL] = MOST_EQUAL_PITCHES
    law[FINAL], law[BAR_STEPS] = (plan.bars - 1) * bar, bar
    law[LAST_DURATION] = nearest(bar, table=DURATIONS)
    law[LONGEST] = round(player.longest * STEPS_PER_QUARTER)
    law[MINOR] = plan.frame.mode == "minor"
    return law


@njit(cache=True)
def _ends(notes: Written, count: int, onset: int, ends: NDArray[np.int64]) -> int:
    """Fill ``ends`` with when the notes that sound past ``onset`` end, sorted; how many there are."""
    found = 0
    for index in range(max(0, count - _SOUNDING), count):
        end = notes[index, ONSET] + _DURATION_STEPS[notes[index, DURATION]]
        if end > onset:
            ends[found] = end
            found += 1
    ends[:found].sort()
    return found


@njit(cache=True)
def allow_advances(notes: Written, state: State, law: Law, last: int, out: Mask) -> None:
    """Advances that keep the plan: no END before the end, no long silence, hands free; none goes past ``last``."""
    count = state[COUNT]
    onset = notes[count - 1, ONSET] if count else 0
    out[:] = False
    if count and onset == law[FINAL]:
        out[0] = _chord_may_grow(notes, state, law)
        out[END] = True
        return
    ends = np.empty(_SOUNDING, np.int64)
    sounding = _ends(notes, count, onset, ends)
    earliest = max(state[EARLIEST], onset)
    if sounding >= law[VOICES]:
        earliest = max(earliest, ends[sounding - law[VOICES]])
    silent_from = ends[sounding - 1] if sounding else earliest
    latest = min(last, max(earliest, silent_from + law[GAP]))
    for advance in range(END):
        target = onset + _ADVANCE_STEPS[advance]
        out[advance] = earliest <= target <= latest
    if count and out[0]:
        out[0] = _chord_may_grow(notes, state, law)
    if not out[:END].any():
        # between two entries of the table: the first one that is not too early, or else the last one allowed
        best = 0
        for advance in range(1, END):
            target = onset + _ADVANCE_STEPS[advance]
            if target <= last and onset + _ADVANCE_STEPS[best] < earliest:
                best = advance
        out[best] = True


@njit(cache=True)
def _chord_may_grow(notes: Written, state: State, law: Law) -> bool:
    count = state[COUNT]
    onset = notes[count - 1, ONSET]
    ends = np.empty(_SOUNDING, np.int64)
    if _ends(notes, count, onset, ends) >= law[VOICES]:
        return False
    room = np.zeros(PITCHES, np.bool_)
    allow_pitches(notes, state, law, onset, True, room)
    return bool(room.any())


@njit(cache=True)
def allow_pitches(notes: Written, state: State, law: Law, onset: int, chord: bool, out: Mask) -> None:
    """Pitches that can be played at ``onset`` and that the plan allows there; ``chord`` adds to the last onset."""
    count = state[COUNT]
    held = np.empty(_SOUNDING, np.int64)
    holding = 0
    for index in range(max(0, count - _SOUNDING), count):
        if notes[index, ONSET] + _DURATION_STEPS[notes[index, DURATION]] > onset:
            held[holding] = notes[index, PITCH]
            holding += 1
    held[:holding].sort()
    _allow_reachable(held, holding, law, out)
    out[: max(0, law[LOW])] = False
    out[law[HIGH] + 1 :] = False
    for index in range(holding):
        pitch = held[index]
        out[pitch] = False
        below = max(0, pitch - law[CLEAR] + 1)
        out[below : max(below, min(pitch, law[CLEAR_BELOW]))] = False
        if pitch < law[CLEAR_BELOW]:
            out[pitch : pitch + law[CLEAR]] = False
    if chord:
        out[: notes[count - 1, PITCH] + 1] = False
    if onset == law[FINAL]:
        for pitch in range(PITCHES):
            out[pitch] &= _belongs_to_end(pitch, law[MINOR], chord)
    elif count >= law[EQUAL] and not chord:
        same = True
        for index in range(count - law[EQUAL], count):
            same &= notes[index, PITCH] == notes[count - 1, PITCH]
        if same:
            out[notes[count - 1, PITCH]] = False


@njit(cache=True)
def make_room(notes: Written, state: State, law: Law, onset: int, pitch: int) -> None:
    """Let go of what was struck before ``onset`` if ``pitch``, which is copied, could not be played besides it."""
    count = state[COUNT]
    held = np.empty(_SOUNDING, np.int64)
    holding = 0
    for index in range(max(0, count - _SOUNDING), count):
        if notes[index, ONSET] + _DURATION_STEPS[notes[index, DURATION]] > onset:
            held[holding] = notes[index, PITCH]
            holding += 1
    held[:holding].sort()
    room = np.zeros(PITCHES, np.bool_)
    _allow_reachable(held, holding, law, room)
    if holding < law[VOICES] and room[pitch]:
        return
    for index in range(max(0, count - _SOUNDING), count):
        left = onset - notes[index, ONSET]
        while left > 0 and _DURATION_STEPS[notes[index, DURATION]] > left:
            notes[index, DURATION] -= 1


@njit(cache=True)
def _belongs_to_end(pitch: int, minor: int, chord: bool) -> bool:
    """Whether a pitch class may end the piece: the tonic in the bass, its triad above."""
    degree = (pitch + LOWEST_PITCH - (9 if minor else 0)) % 12
    third = 3 if minor else 4
    return degree == 0 or (chord and degree in (third, 7))


@njit(cache=True)
def _allow_reachable(held: NDArray[np.int64], holding: int, law: Law, out: Mask) -> None:
    """Pitches that the player's hands can add to what they hold (sorted)."""
    span = law[SPAN]
    if holding == 0:
        out[:] = True
        return
    out[:] = False
    if law[HANDS] == 1:
        out[max(0, held[holding - 1] - span) : held[0] + span + 1] = True
        return
    for split in range(holding + 1):
        if split and held[split - 1] - held[0] > span:
            continue
        if split < holding and held[holding - 1] - held[split] > span:
            continue
        if split == 0 or split == holding:
            out[:] = True
            return
        out[max(0, held[split - 1] - span) : held[0] + span + 1] = True
        out[max(0, held[holding - 1] - span) : held[split] + span + 1] = True


@njit(cache=True)
def allow_durations(law: Law, onset: int, out: Mask) -> None:
    """Durations that end before the last chord and that the instrument can hold."""
    for duration in range(len(out)):
        steps = _DURATION_STEPS[duration]
        out[duration] = onset + steps <= law[FINAL] and steps <= law[LONGEST]
    out[0] = True
