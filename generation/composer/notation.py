"""How each instrument is written down: its name, General MIDI programme, staves and clefs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generation.composer.score import Note

Staff = tuple[tuple[str, int], ...]
"""Clefs (music21 class names) from the lowest up, each with the mean pitch from which the next one is taken."""

ALWAYS = 128

_TREBLE: Staff = (("TrebleClef", ALWAYS),)
_LEFT_HAND: Staff = (("BassClef", 63), ("TrebleClef", ALWAYS))
_GRAND = (_TREBLE, _LEFT_HAND)


@dataclass(frozen=True, slots=True)
class Notation:
    """How one player's part is written.

    ``programme`` is the General MIDI programme from 0, ``staves`` has one entry a staff, upper one first,
    ``sound`` is music21's class for the instrument.
    """

    name: str
    programme: int
    sound: str
    staves: tuple[Staff, ...] = (_TREBLE,)


NOTATIONS = {
    "piano": Notation("Piano", 0, "Piano", _GRAND),
    "guitar": Notation("Classical guitar", 24, "Guitar", ((("Treble8vbClef", ALWAYS),),)),
    "harpsichord": Notation("Harpsichord", 6, "Harpsichord", _GRAND),
    "organ": Notation("Organ", 19, "PipeOrgan", _GRAND),
    "violin": Notation("Violin", 40, "Violin"),
    "viola": Notation("Viola", 41, "Viola", ((("AltoClef", 74), ("TrebleClef", ALWAYS)),)),
    "cello": Notation("Cello", 42, "Violoncello", ((("BassClef", 60), ("TenorClef", ALWAYS)),)),
    "flute": Notation("Flute", 73, "Flute"),
    "harp": Notation("Harp", 46, "Harp", _GRAND),
    "vibraphone": Notation("Vibraphone", 11, "Vibraphone"),
    "marimba": Notation("Marimba", 12, "Marimba", _GRAND),
}
"""Notations by instrument."""


def notation_of(instrument: str) -> Notation:
    """Notation of an instrument; ``ValueError`` names those that exist."""
    try:
        return NOTATIONS[instrument]
    except KeyError:
        known = ", ".join(NOTATIONS)
        raise ValueError(f"no notation for instrument {instrument!r}; there are: {known}") from None


def clef_of(notes: Sequence[Note], *, staff: Staff) -> str:
    """The clef in which ``notes`` need the fewest ledger lines, of those the staff is written in."""
    mean = sum(note.pitch for note in notes) / len(notes) if notes else 0
    return next(clef for clef, below in staff if mean < below)
