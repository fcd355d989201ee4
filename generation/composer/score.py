"""The score: the one data structure that composer, originality and audio share.

Time is counted in whole grid steps, ``STEPS_PER_QUARTER`` to a quarter note, so that sixteenths and
triplets are exact and two equal scores are equal to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

STEPS_PER_QUARTER = 12
PHRASE_BARS = 4

Mode = Literal["major", "minor"]

TONICS = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "A-", "A", "B-", "B")
"""Tonic names by pitch class, spelled as music21 spells them (``-`` is a flat)."""


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One sounding note.

    ``onset`` and ``duration`` are grid steps from the start of the piece, ``pitch`` is a MIDI number
    (60 = middle C), ``part`` counts the players (always 0 in a solo piece).
    """

    onset: int
    pitch: int
    duration: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """A finished piece, as notated: no velocities, no rubato.

    ``notes`` are sorted by onset, then pitch. ``metre`` is (beats, beat unit), ``bpm`` counts quarter notes
    a minute, ``tonic`` is a name of ``TONICS``. ``bars`` full bars last exactly ``seconds``.
    ``pickup`` is the length in steps of an incomplete first bar (0 = none); it counts within the piece.
    """

    instrument: str
    notes: tuple[Note, ...]
    metre: tuple[int, int]
    bars: int
    bpm: float
    tonic: str
    mode: Mode
    title: str = ""
    pickup: int = 0

    @property
    def steps_per_bar(self) -> int:
        """Grid steps in one full bar."""
        beats, unit = self.metre
        return beats * STEPS_PER_QUARTER * 4 // unit

    @property
    def steps(self) -> int:
        """Notated length of the piece in grid steps."""
        return self.pickup + self.bars * self.steps_per_bar

    @property
    def seconds(self) -> float:
        """Notated length in seconds, before the sound of the last note has died away."""
        return self.seconds_at(self.steps)

    def seconds_at(self, step: int) -> float:
        """Time of a grid step in seconds from the start."""
        return step / STEPS_PER_QUARTER * 60.0 / self.bpm
