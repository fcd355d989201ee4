"""What the network is told at each step: one deterministic state machine for training and for decoding.

Everything follows from the notes written so far, the frame of the piece and the plan of its bars. Before each
event :func:`inputs` gives the whole numbers that are embedded and summed into the network's input; once the
event's fields are drawn one by one, :func:`part_inputs`, :func:`pitch_inputs` and :func:`duration_inputs` give
those that the later fields are conditioned on. Look-back compares the present place with the same place 1, 2, 4
and 8 bars ago, where music repeats, and with the bar that the present one is planned to repeat.

The functions are compiled by Numba: they run once a note and candidate, and over the whole corpus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from generation.composer.events import ADVANCES, DURATIONS, END, PARTS, PITCHES, encode, key_shift, nearest
from generation.composer.score import STEPS_PER_QUARTER, Mode, Score
from generation.composer.traits import CLASSES, EXACT, NEW, NOT_TOLD, TRAITS, Bars, Edges, bar_plan

INSTRUMENTS = (
    "piano", "harpsichord", "organ", "guitar", "violin", "viola", "cello", "flute", "string_quartet", "choir",
    "voice_piano", "melody",
)  # fmt: skip
METRES = ((4, 4), (2, 4), (3, 4), (6, 8), (2, 2), (3, 8), (9, 8), (6, 4), (12, 8), (3, 2), (4, 2))
"""Metres with a class of their own; the class after them stands for any other."""

LAGS = (1, 2, 4, 8)
"""Bars to look back."""

POSITIONS = 96
LONGEST_HOLD = 48
"""Grid steps up to which the network is told when the next sounding note ends."""

NO_EVENT = END + 1
NO_PART = PARTS
NO_PITCH = PITCHES
NO_DURATION = len(DURATIONS)

ONSET, ADVANCE, PART, PITCH, DURATION = range(5)
"""Columns of written notes: the onset in grid steps, then the event's four classes."""

_SEARCH = 24
"""Notes back that are searched for those still sounding, or for the last one of a part."""

Row = NDArray[np.int32]
Written = NDArray[np.int32]

_LOOK_BACK = [(f"{name}_{lag}", size) for lag in (*LAGS, "source") for name, size in
              (("advance", END + 2), ("pitch", PITCHES + 1))]  # fmt: skip

INPUT_FIELDS = (
    ("advance", END + 2), ("part", PARTS + 1), ("pitch", PITCHES + 1), ("duration", NO_DURATION + 1),
    ("position", POSITIONS), ("strength", 5), ("bar", 8), ("bars_left", 16), ("metre", len(METRES) + 1),
    ("mode", 2), ("instrument", len(INSTRUMENTS)), ("parts", PARTS), ("repeat", NEW + 1), ("next_repeat", NEW + 1),
    *((name, CLASSES[name] + 1) for name in TRAITS), ("bass", PITCHES + 1), ("top", PITCHES + 1),
    ("top_before", PITCHES + 1), ("sounding", 8), ("next_end", LONGEST_HOLD + 2), *_LOOK_BACK,
)  # fmt: skip
"""Names and sizes of the numbers the recurrent layers are fed at each step."""

PART_FIELDS = (
    ("advance", END + 1), ("position", POSITIONS), ("part", PARTS + 1),
    *((f"part_{lag}", PARTS + 1) for lag in LAGS),
)  # fmt: skip
"""Names and sizes of the numbers the part head is conditioned on, given the advance."""

PITCH_FIELDS = (
    ("advance", END + 1), ("position", POSITIONS), ("strength", 5), ("part", PARTS), ("below", PITCHES + 1),
    ("before", PITCHES + 1), *((f"pitch_{lag}", PITCHES + 1) for lag in (*LAGS, "source")),
)  # fmt: skip
"""Names and sizes of the numbers the pitch head is conditioned on, given advance and part."""

DURATION_FIELDS = (
    ("advance", END + 1), ("part", PARTS), ("pitch", PITCHES), ("position", POSITIONS), ("below", NO_DURATION + 1),
    *((f"duration_{lag}", NO_DURATION + 1) for lag in (*LAGS, "source")),
)  # fmt: skip
"""Names and sizes of the numbers the duration head is conditioned on, given advance, part and pitch."""

FIELDS = {"inputs": INPUT_FIELDS, "part": PART_FIELDS, "pitch": PITCH_FIELDS, "duration": DURATION_FIELDS}

_PLAN_AT = [name for name, _ in INPUT_FIELDS].index("repeat")
_AFTER_PLAN = _PLAN_AT + 2 + len(TRAITS)
_SOURCE_AT = len(INPUT_FIELDS) - 2

TRAIT_COLUMNS = {name: _PLAN_AT + 2 + index for index, name in enumerate(TRAITS)}
"""Columns of ``INPUT_FIELDS`` that tell a trait; 0 there is "not told"."""

REPEAT_COLUMNS = {
    "inputs": {_PLAN_AT: NOT_TOLD, _PLAN_AT + 1: NOT_TOLD, _SOURCE_AT: NO_EVENT, _SOURCE_AT + 1: NO_PITCH},
    "pitch": {len(PITCH_FIELDS) - 1: NO_PITCH},
    "duration": {len(DURATION_FIELDS) - 1: NO_DURATION},
}
"""Columns that tell what a bar repeats, with the value of each that tells nothing."""

_ADVANCE_STEPS = np.array(ADVANCES, np.int32)
_ADVANCE_CLASSES = np.array([nearest(steps, table=ADVANCES) for steps in range(ADVANCES[-1] + 1)], np.int32)
_DURATION_STEPS = np.array(DURATIONS, np.int32)


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known of a piece before its first note.

    ``parts`` counts the players; ``plan`` has a row a bar, as :func:`generation.composer.traits.bar_plan` makes it.
    """

    instrument: str
    metre: tuple[int, int]
    bars: int
    pickup: int
    mode: Mode
    parts: int
    plan: Bars

    @property
    def steps_per_bar(self) -> int:
        """Grid steps in one full bar."""
        return self.metre[0] * STEPS_PER_QUARTER * 4 // self.metre[1]

    def numbers(self) -> Row:
        """The frame as the compiled functions take it: bar steps, pick-up, bars, metre, mode, instrument, parts."""
        metre = METRES.index(self.metre) if self.metre in METRES else len(METRES)
        return np.array(
            [self.steps_per_bar, self.pickup, self.bars, metre, self.mode == "minor",
             INSTRUMENTS.index(self.instrument), self.parts - 1],
            np.int32,
        )  # fmt: skip


def frame_of(score: Score, *, edges: Edges) -> Frame:
    """Frame of a finished piece, with the traits and repeats it turned out to have."""
    parts = 1 + max((note.part for note in score.notes), default=0)
    plan = bar_plan(score, edges=edges)
    return Frame(score.instrument, score.metre, score.bars, score.pickup, score.mode, parts, plan)


def strengths(metre: tuple[int, int]) -> Row:
    """Metrical weight of every grid step of a bar: 4 bar line, 3 half bar, 2 beat, 1 half beat, 0 between."""
    beats, unit = metre
    step = STEPS_PER_QUARTER * 4 // unit
    compound = unit >= 8 and beats % 3 == 0 and beats > 3
    beat = step * 3 if compound else step
    bar = beats * step
    half = bar // 2 if (bar // beat) % 2 == 0 and bar // beat >= 4 else 0
    sub = step if compound else max(1, beat // 2)
    weights = np.zeros(bar, np.int32)
    weights[::sub] = 1
    weights[::beat] = 2
    if half:
        weights[half] = 3
    weights[0] = 4
    return weights


@njit(cache=True)
def _first_after(notes: Written, count: int, onset: int, pitch: int) -> int:
    """Index of the first note that comes after ``pitch`` at ``onset``; ``count`` if there is none."""
    key = onset * 128 + pitch
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if notes[middle, ONSET] * 128 + notes[middle, PITCH] > key:
            high = middle
        else:
            low = middle + 1
    return low


@njit(cache=True)
def _starting_at(notes: Written, count: int, onset: int, floor: int) -> int:
    """Index of the lowest note above ``floor`` that begins at ``onset``, or -1."""
    if onset < 0:
        return -1
    index = _first_after(notes, count, onset, floor)
    if index < count and notes[index, ONSET] == onset:
        return index
    return -1


@njit(cache=True)
def _followed(notes: Written, count: int, onset: int, pitch: int, out: Row, at: int) -> None:
    """(advance, pitch) of the event that came after ``pitch`` at ``onset``."""
    out[at], out[at + 1] = NO_EVENT, NO_PITCH
    if onset < 0:
        return
    index = _first_after(notes, count, onset, pitch)
    if index < count:
        steps = min(notes[index, ONSET] - onset, len(_ADVANCE_CLASSES) - 1)
        out[at], out[at + 1] = _ADVANCE_CLASSES[steps], notes[index, PITCH]


@njit(cache=True)
def _place(onset: int, numbers: Row) -> tuple[int, int]:
    """Bar (-1 in a pick-up) and position in it, in grid steps."""
    place = onset - numbers[1]
    bar = place // numbers[0]
    return bar, place - bar * numbers[0]


@njit(cache=True)
def _source(bar: int, numbers: Row, plan: Bars) -> int:
    """Grid steps back to what a bar is planned to repeat; 0 if nothing."""
    if bar < 0 or bar >= numbers[2]:
        return 0
    return plan[bar, 1] * numbers[0]


@njit(cache=True)
def inputs(notes: Written, count: int, numbers: Row, weights: Row, plan: Bars, out: Row) -> None:
    """Fill ``out`` with the values of ``INPUT_FIELDS`` after ``count`` written notes."""
    onset = notes[count - 1, ONSET] if count else 0
    bar, position = _place(onset, numbers)
    if count:
        for column in range(4):
            out[column] = notes[count - 1, ADVANCE + column]
    else:
        out[0], out[1], out[2], out[3] = NO_EVENT, NO_PART, NO_PITCH, NO_DURATION
    out[4] = min(position, POSITIONS - 1)
    out[5] = weights[position]
    out[6] = bar % 8
    out[7] = min(15, max(0, numbers[2] - 1 - bar))
    for column in range(4):
        out[8 + column] = numbers[3 + column]
    told = min(max(bar, 0), numbers[2] - 1)
    out[_PLAN_AT] = plan[told, 0]
    out[_PLAN_AT + 1] = plan[min(told + 1, numbers[2] - 1), 0]
    for column in range(_PLAN_AT + 2, _AFTER_PLAN):
        out[column] = plan[told, column - _PLAN_AT]
    _fill_sounding(notes, count, onset, out)
    pitch = notes[count - 1, PITCH] if count else -1
    at = _AFTER_PLAN + 5
    for lag in LAGS:
        _followed(notes, count, onset - lag * numbers[0], pitch, out, at)
        at += 2
    back = _source(bar, numbers, plan)
    _followed(notes, count, onset - back if back else -1, pitch, out, at)


@njit(cache=True)
def _fill_sounding(notes: Written, count: int, onset: int, out: Row) -> None:
    """Bass of the present chord, tops of the two before, notes that still sound, steps until one of them ends."""
    at = _AFTER_PLAN
    out[at], out[at + 1], out[at + 2] = NO_PITCH, NO_PITCH, NO_PITCH
    index = count - 1
    while index >= 0 and notes[index, ONSET] == onset:
        out[at] = notes[index, PITCH]
        index -= 1
    for column in range(at + 1, at + 3):
        if index >= 0:
            out[column] = notes[index, PITCH]
            earlier = notes[index, ONSET]
            while index >= 0 and notes[index, ONSET] == earlier:
                index -= 1
    sounding = 0
    soonest = LONGEST_HOLD + 1
    for index in range(max(0, count - _SEARCH), count):
        left = notes[index, ONSET] + _DURATION_STEPS[notes[index, DURATION]] - onset
        if left > 0:
            sounding += 1
            soonest = min(soonest, left)
    out[at + 3] = min(sounding, 7)
    out[at + 4] = soonest if sounding else 0


@njit(cache=True)
def part_inputs(notes: Written, count: int, numbers: Row, advance: int, out: Row) -> None:
    """Fill ``out`` with the values of ``PART_FIELDS`` once the advance (a class, not ``END``) is chosen."""
    onset = (notes[count - 1, ONSET] if count else 0) + _ADVANCE_STEPS[advance]
    _, position = _place(onset, numbers)
    same = advance == 0 and count > 0
    floor = notes[count - 1, PITCH] if same else -1
    out[0], out[1] = advance, min(position, POSITIONS - 1)
    out[2] = notes[count - 1, PART] if count else NO_PART
    for column, lag in enumerate(LAGS):
        index = _starting_at(notes, count, onset - lag * numbers[0], floor)
        out[3 + column] = notes[index, PART] if index >= 0 else NO_PART


@njit(cache=True)
def pitch_inputs(
    notes: Written, count: int, numbers: Row, weights: Row, plan: Bars, advance: int, part: int, out: Row
) -> None:
    """Fill ``out`` with the values of ``PITCH_FIELDS`` once advance and part are chosen."""
    onset = (notes[count - 1, ONSET] if count else 0) + _ADVANCE_STEPS[advance]
    bar, position = _place(onset, numbers)
    same = advance == 0 and count > 0
    floor = notes[count - 1, PITCH] if same else -1
    out[0], out[1], out[2], out[3] = advance, min(position, POSITIONS - 1), weights[position], part
    out[4] = floor if same else NO_PITCH
    out[5] = NO_PITCH
    for index in range(count - 1, max(-1, count - 1 - _SEARCH), -1):
        if notes[index, PART] == part:
            out[5] = notes[index, PITCH]
            break
    for column in range(5):
        back = LAGS[column] * numbers[0] if column < 4 else _source(bar, numbers, plan)
        index = _starting_at(notes, count, onset - back if back else -1, floor)
        out[6 + column] = notes[index, PITCH] if index >= 0 else NO_PITCH


@njit(cache=True)
def duration_inputs(
    notes: Written, count: int, numbers: Row, plan: Bars, advance: int, part: int, pitch: int, out: Row
) -> None:
    """Fill ``out`` with the values of ``DURATION_FIELDS`` once advance, part and pitch are chosen."""
    onset = (notes[count - 1, ONSET] if count else 0) + _ADVANCE_STEPS[advance]
    bar, position = _place(onset, numbers)
    out[0], out[1], out[2], out[3] = advance, part, pitch, min(position, POSITIONS - 1)
    out[4] = notes[count - 1, DURATION] if advance == 0 and count > 0 else NO_DURATION
    for column in range(5):
        back = LAGS[column] * numbers[0] if column < 4 else _source(bar, numbers, plan)
        before = onset - back if back else -1
        index = _starting_at(notes, count, before, pitch - 1)
        if index < 0:
            index = _starting_at(notes, count, before, -1)
        out[5 + column] = notes[index, DURATION] if index >= 0 else NO_DURATION


@njit(cache=True)
def _fill_rows(
    notes: Written, numbers: Row, weights: Row, plan: Bars, whole: Any, part: Any, pitch: Any, duration: Any
) -> None:
    for count in range(len(notes)):
        inputs(notes, count, numbers, weights, plan, whole[count])
        advance, player, sound = notes[count, ADVANCE], notes[count, PART], notes[count, PITCH]
        part_inputs(notes, count, numbers, advance, part[count])
        pitch_inputs(notes, count, numbers, weights, plan, advance, player, pitch[count])
        duration_inputs(notes, count, numbers, plan, advance, player, sound, duration[count])
    inputs(notes, len(notes), numbers, weights, plan, whole[len(notes)])


def rows(score: Score, *, frame: Frame) -> dict[str, NDArray[np.int32]]:
    """Training rows of a piece, step by step: ``inputs``, ``part``, ``pitch``, ``duration`` and the ``targets``.

    Arrays are (events, fields); ``targets`` (events, 4), the last event being ``END``.
    """
    events = encode(score.notes, shift=key_shift(tonic=score.tonic, mode=score.mode))
    targets = np.array(events, np.int32)
    onsets = np.array([note.onset for note in score.notes], np.int32)
    notes = np.concatenate([onsets[:, None], targets[:-1]], axis=1)
    tables = {name: np.zeros((len(events), len(fields)), np.int32) for name, fields in FIELDS.items()}
    _fill_rows(notes, frame.numbers(), strengths(frame.metre), frame.plan, *tables.values())
    return {**tables, "targets": targets}
