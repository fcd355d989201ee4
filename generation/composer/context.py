"""What the network is told at each step: one deterministic state machine for training and for decoding.

Everything follows from the notes written so far, the frame of the piece and the plan of its bars. ``FIELDS`` names
the whole numbers that are embedded: those the recurrent layers are fed before each event, and those that its part,
pitch and duration are drawn by once the fields before them are. Look-back compares the present place with the same
place 1, 2, 4 and 8 bars ago, where music repeats, and with the bar that the present one is planned to repeat. Motifs
come back anywhere and on any step of the scale: where the top line or the bass moves as it did before (a motif), or at
least up and down in the same rhythm (a figure), the network is told how it went on then.

The functions are compiled (:mod:`.kernel`): they run once a note and candidate, and over the whole corpus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.composer.events import DURATIONS, END, PARTS, PITCHES, encode, key_shift
from generation.composer.kernel import INT32, address, library
from generation.composer.score import STEPS_PER_QUARTER, Mode, Score
from generation.composer.traits import CLASSES, NEW, NOT_TOLD, TRAITS, Bars, Edges, bar_plan

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

SHORTEST_MOTIF, LONGEST_MOTIF = 2, 8
SHORTEST_FIGURE, LONGEST_FIGURE = 3, 16
"""Moves of a line from note to note: how many make a motif (or a figure) at least, and up to which they are counted."""

MOTIFS = 32 + 2 * 129
"""Numbers in which a candidate's motifs are followed."""

SEARCH = 24
"""Notes back that are searched for those still sounding, or for the last one of a part."""

Row = NDArray[np.int32]
Written = NDArray[np.int32]

_LOOK_BACK = [(f"{name}_{lag}", size) for lag in (*LAGS, "source") for name, size in
              (("advance", END + 2), ("pitch", PITCHES + 1))]  # fmt: skip

_KINDS = [
    (f"{kind}{{}}_{line}", longest - shortest + 2)
    for kind, shortest, longest in (
        ("motif", SHORTEST_MOTIF, LONGEST_MOTIF),
        ("figure", SHORTEST_FIGURE, LONGEST_FIGURE),
    )
    for line in ("top", "bass")
]
_MOTIFS = [
    (name.format(what), size)
    for name, moves in _KINDS
    for what, size in (("", moves), ("_advance", END + 2), ("_pitch", PITCHES + 1))
]

INPUT_FIELDS = (
    ("advance", END + 2), ("part", PARTS + 1), ("pitch", PITCHES + 1), ("duration", NO_DURATION + 1),
    ("position", POSITIONS), ("strength", 5), ("bar", 8), ("bars_left", 16), ("metre", len(METRES) + 1),
    ("mode", 2), ("instrument", len(INSTRUMENTS)), ("parts", PARTS), ("repeat", NEW + 1), ("next_repeat", NEW + 1),
    *((name, CLASSES[name] + 1) for name in TRAITS), ("bass", PITCHES + 1), ("top", PITCHES + 1),
    ("top_before", PITCHES + 1), ("sounding", 8), ("next_end", LONGEST_HOLD + 2), *_LOOK_BACK, *_MOTIFS,
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
    *((name.format(""), PITCHES + 1) for name, _ in _KINDS),
)  # fmt: skip
"""Names and sizes of the numbers the pitch head is conditioned on, given advance and part."""

DURATION_FIELDS = (
    ("advance", END + 1), ("part", PARTS), ("pitch", PITCHES), ("position", POSITIONS), ("below", NO_DURATION + 1),
    *((f"duration_{lag}", NO_DURATION + 1) for lag in (*LAGS, "source")),
    *((name.format(""), NO_DURATION + 1) for name, _ in _KINDS),
)  # fmt: skip
"""Names and sizes of the numbers the duration head is conditioned on, given advance, part and pitch."""

FIELDS = {"inputs": INPUT_FIELDS, "part": PART_FIELDS, "pitch": PITCH_FIELDS, "duration": DURATION_FIELDS}

_PLAN_AT = [name for name, _ in INPUT_FIELDS].index("repeat")

TRAIT_COLUMNS = {name: _PLAN_AT + 2 + index for index, name in enumerate(TRAITS)}
"""Columns of ``INPUT_FIELDS`` that tell a trait; 0 there is "not told"."""


def _columns(table: str, untold: dict[str, int]) -> dict[int, int]:
    names = [name for name, _ in FIELDS[table]]
    return {names.index(name): nothing for name, nothing in untold.items()}


REPEAT_COLUMNS = {
    "inputs": _columns("inputs", {
        "repeat": NOT_TOLD, "next_repeat": NOT_TOLD, "advance_source": NO_EVENT, "pitch_source": NO_PITCH,
    }),
    "pitch": _columns("pitch", {"pitch_source": NO_PITCH}),
    "duration": _columns("duration", {"duration_source": NO_DURATION}),
}  # fmt: skip
"""Columns that tell what a bar repeats, with the value of each that tells nothing."""


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


def _at(notes: Written, count: int, *arrays: Row) -> tuple[int, ...]:
    return address(notes, INT32), count, *(address(array, INT32) for array in arrays)


def rows(score: Score, *, frame: Frame) -> dict[str, NDArray[np.int32]]:
    """Training rows of a piece, step by step: ``inputs``, ``part``, ``pitch``, ``duration`` and the ``targets``.

    Arrays are (events, fields); ``targets`` (events, 4), the last event being ``END``.
    """
    events = encode(score.notes, shift=key_shift(tonic=score.tonic, mode=score.mode))
    targets = np.array(events, np.int32)
    onsets = np.array([note.onset for note in score.notes], np.int32)
    notes = np.concatenate([onsets[:, None], targets[:-1]], axis=1)
    tables = {name: np.zeros((len(events), len(fields)), np.int32) for name, fields in FIELDS.items()}
    told = _at(notes, len(notes), frame.numbers(), strengths(frame.metre), frame.plan)
    library().fill_rows(*told, *(address(table, INT32) for table in tables.values()))
    return {**tables, "targets": targets}
