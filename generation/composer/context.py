"""What the network is told at each step: one deterministic state machine for training and for decoding.

A :class:`Follower` walks through a piece event by event. Before each event it gives the whole numbers that
are embedded and summed into the network's input, and, once the event's fields are drawn one by one, those
that the later fields are conditioned on. Look-back compares the present place with the same place 1, 2, 4
and 8 bars ago, where music repeats.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from generation.composer.events import ADVANCES, DURATIONS, END, PITCHES, Event, encode, key_shift, nearest
from generation.composer.score import STEPS_PER_QUARTER, Mode, Score

INSTRUMENTS = (
    "piano", "harpsichord", "organ", "guitar", "violin", "viola", "cello", "flute", "string_quartet", "choir",
    "voice_piano", "melody",
)  # fmt: skip
METRES = ((4, 4), (2, 4), (3, 4), (6, 8), (2, 2), (3, 8), (9, 8), (6, 4), (12, 8), (3, 2), (4, 2))
"""Metres with a class of their own; the class after them stands for any other."""

LAGS = (1, 2, 4, 8)
"""Bars to look back."""

POSITIONS = 96
DENSITY_EDGES = {"piano": (3.8, 5.9), "harpsichord": (3.8, 5.9), "guitar": (3.0, 3.8)}
"""Notes a quarter that part sparse from medium and medium from busy: thirds of the training corpus."""

REGISTER_EDGES = {"piano": (61.5, 66.0), "harpsichord": (61.5, 66.0), "guitar": (56.2, 59.5)}
"""Mean pitch, in the C major or A minor frame, that parts low from middle and middle from high: thirds too."""

_ANY_DENSITY = (1.5, 3.0)
_ANY_REGISTER = (60.0, 68.0)

NO_EVENT = END + 1
NO_PITCH = PITCHES
NO_DURATION = len(DURATIONS)

Wish = Literal[0, 1, 2, 3]
"""A third of the corpus, from low to high; 0 is no wish."""


def _fields() -> tuple[tuple[str, int], ...]:
    found = (("advance", END + 2), ("pitch", PITCHES + 1))
    look_back = [(f"{name}_{lag}", size) for lag in LAGS for name, size in found]
    return (
        ("advance", END + 2), ("pitch", PITCHES + 1), ("duration", NO_DURATION + 1), ("position", POSITIONS),
        ("strength", 5), ("bar", 8), ("bars_left", 16), ("metre", len(METRES) + 1), ("mode", 2),
        ("instrument", len(INSTRUMENTS)), ("density", 4), ("register", 4), ("bass", PITCHES + 1),
        ("top", PITCHES + 1), *look_back,
    )  # fmt: skip


INPUT_FIELDS = _fields()
"""Names and sizes of the numbers the recurrent layers are fed at each step."""

PITCH_FIELDS = (
    ("advance", END + 1), ("position", POSITIONS), ("strength", 5), ("below", PITCHES + 1),
    *((f"pitch_{lag}", PITCHES + 1) for lag in LAGS),
)  # fmt: skip
"""Names and sizes of the numbers the pitch head is conditioned on, given the advance."""

DURATION_FIELDS = (
    ("advance", END + 1), ("pitch", PITCHES), ("position", POSITIONS), ("below", NO_DURATION + 1),
    *((f"duration_{lag}", NO_DURATION + 1) for lag in LAGS),
)  # fmt: skip
"""Names and sizes of the numbers the duration head is conditioned on, given advance and pitch."""

DENSITY_FIELD = [name for name, _ in INPUT_FIELDS].index("density")
REGISTER_FIELD = [name for name, _ in INPUT_FIELDS].index("register")


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known of a piece before its first note."""

    instrument: str
    metre: tuple[int, int]
    bars: int
    pickup: int
    mode: Mode
    density: Wish = 0
    register: Wish = 0

    @property
    def steps_per_bar(self) -> int:
        """Grid steps in one full bar."""
        return self.metre[0] * STEPS_PER_QUARTER * 4 // self.metre[1]


def frame_of(score: Score) -> Frame:
    """Frame of a finished piece, with the density and register it turned out to have."""
    shift = key_shift(tonic=score.tonic, mode=score.mode)
    count = max(1, len(score.notes))
    density = count * STEPS_PER_QUARTER / score.steps
    register = sum(note.pitch for note in score.notes) / count - shift
    return Frame(
        instrument=score.instrument, metre=score.metre, bars=score.bars, pickup=score.pickup, mode=score.mode,
        density=_third(density, edges=DENSITY_EDGES.get(score.instrument, _ANY_DENSITY)),
        register=_third(register, edges=REGISTER_EDGES.get(score.instrument, _ANY_REGISTER)),
    )  # fmt: skip


def _third(value: float, *, edges: tuple[float, float]) -> Wish:
    if value < edges[0]:
        return 1
    return 2 if value < edges[1] else 3


def strengths(metre: tuple[int, int]) -> tuple[int, ...]:
    """Metrical weight of every grid step of a bar: 4 bar line, 3 half bar, 2 beat, 1 half beat, 0 between."""
    beats, unit = metre
    step = STEPS_PER_QUARTER * 4 // unit
    compound = unit >= 8 and beats % 3 == 0 and beats > 3
    beat = step * 3 if compound else step
    bar = beats * step
    half = bar // 2 if (bar // beat) % 2 == 0 and bar // beat >= 4 else 0
    sub = step if compound else max(1, beat // 2)
    weights = []
    for position in range(bar):
        if position == 0:
            weights.append(4)
        elif half and position == half:
            weights.append(3)
        elif position % beat == 0:
            weights.append(2)
        else:
            weights.append(1 if position % sub == 0 else 0)
    return tuple(weights)


_ADVANCE_CLASSES = tuple(nearest(steps, table=ADVANCES) for steps in range(ADVANCES[-1] + 1))


class Follower:
    """Walks through one piece and says what is known before each field of the next event."""

    __slots__ = (
        "_chord", "_constant", "_durations", "_keys", "_pitches", "_strengths", "_top", "bar", "frame", "last", "onset",
    )  # fmt: skip

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.bar = frame.steps_per_bar
        self.onset = 0
        self.last = Event(NO_EVENT, NO_PITCH, NO_DURATION)
        self._strengths = strengths(frame.metre)
        self._keys: list[int] = []
        self._pitches: list[int] = []
        self._durations: list[int] = []
        self._chord = (NO_PITCH, NO_PITCH)
        self._top = NO_PITCH
        metre = METRES.index(frame.metre) if frame.metre in METRES else len(METRES)
        instrument = INSTRUMENTS.index(frame.instrument)
        self._constant = (metre, int(frame.mode == "minor"), instrument, frame.density, frame.register)

    def inputs(self) -> list[int]:
        """Values of ``INPUT_FIELDS`` before the next event."""
        place = self.onset - self.frame.pickup
        bar, position = divmod(place, self.bar)
        left = min(15, max(0, self.frame.bars - 1 - bar))
        values = [
            *self.last, min(position, POSITIONS - 1), self._strengths[position], bar % 8, left, *self._constant,
            self._chord[0], self._top,
        ]  # fmt: skip
        pitch = self.last.pitch if self._keys else -1
        for lag in LAGS:
            values.extend(self._followed(self.onset - lag * self.bar, pitch=pitch))
        return values

    def _followed(self, onset: int, *, pitch: int) -> tuple[int, int]:
        """(advance, pitch) of the event that came after ``pitch`` at ``onset``."""
        if onset < 0:
            return NO_EVENT, NO_PITCH
        index = bisect_right(self._keys, onset * 128 + pitch)
        if index == len(self._keys):
            return NO_EVENT, NO_PITCH
        advance = min(self._keys[index] // 128 - onset, ADVANCES[-1])
        return _ADVANCE_CLASSES[advance], self._pitches[index]

    def pitch_inputs(self, advance: int) -> list[int]:
        """Values of ``PITCH_FIELDS`` once the advance (a class, not ``END``) is chosen."""
        onset = self.onset + ADVANCES[advance]
        position = (onset - self.frame.pickup) % self.bar
        below = self.last.pitch if advance == 0 and self._keys else NO_PITCH
        floor = self.last.pitch if below != NO_PITCH else -1
        values = [advance, min(position, POSITIONS - 1), self._strengths[position], below]
        for lag in LAGS:
            index = self._at(onset - lag * self.bar, floor=floor)
            values.append(NO_PITCH if index is None else self._pitches[index])
        return values

    def duration_inputs(self, advance: int, pitch: int) -> list[int]:
        """Values of ``DURATION_FIELDS`` once advance and pitch (classes) are chosen."""
        onset = self.onset + ADVANCES[advance]
        position = (onset - self.frame.pickup) % self.bar
        below = self.last.duration if advance == 0 else NO_DURATION
        values = [advance, pitch, min(position, POSITIONS - 1), below]
        for lag in LAGS:
            index = self._at(onset - lag * self.bar, floor=pitch - 1)
            same = index is not None and self._pitches[index] == pitch
            values.append(self._durations[index] if same and index is not None else NO_DURATION)
        return values

    def _at(self, onset: int, *, floor: int) -> int | None:
        """Index of the lowest note above ``floor`` that begins at ``onset``."""
        if onset < 0:
            return None
        index = bisect_right(self._keys, onset * 128 + floor)
        if index < len(self._keys) and self._keys[index] // 128 == onset:
            return index
        return None

    def push(self, event: Event) -> None:
        """Take the next event; ``END`` must not be pushed."""
        if event.advance == 0 and self._keys:
            self._chord = (self._chord[0], event.pitch)
        else:
            self._top = self._chord[1]
            self._chord = (event.pitch, event.pitch)
        self.onset += ADVANCES[event.advance]
        self._keys.append(self.onset * 128 + event.pitch)
        self._pitches.append(event.pitch)
        self._durations.append(event.duration)
        self.last = event


def rows(score: Score) -> tuple[list[list[int]], list[list[int]], list[list[int]], list[Event]]:
    """Training rows of a piece: inputs, pitch inputs, duration inputs and the events to predict, step by step."""
    events = encode(score.notes, shift=key_shift(tonic=score.tonic, mode=score.mode))
    follower = Follower(frame_of(score))
    inputs, pitch_inputs, duration_inputs = [], [], []
    for event in events:
        inputs.append(follower.inputs())
        if event.advance == END:
            pitch_inputs.append([0] * len(PITCH_FIELDS))
            duration_inputs.append([0] * len(DURATION_FIELDS))
            break
        pitch_inputs.append(follower.pitch_inputs(event.advance))
        duration_inputs.append(follower.duration_inputs(event.advance, event.pitch))
        follower.push(event)
    return inputs, pitch_inputs, duration_inputs, events
