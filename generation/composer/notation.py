"""How each instrument is written down: its name, General MIDI programme, staves and clefs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clef:
    """A clef as MusicXML names it. Notes sound ``octaves`` higher than written.

    ``lowest`` is the diatonic place (octave * 7 + letter from C) of what the lowest line sounds as.
    """

    sign: str
    line: int
    lowest: int
    octaves: int = 0


TREBLE = Clef("G", 2, 4 * 7 + 2)
BASS = Clef("F", 4, 2 * 7 + 4)
ALTO = Clef("C", 3, 3 * 7 + 3)
TENOR = Clef("C", 4, 3 * 7 + 1)
GUITAR = Clef("G", 2, 3 * 7 + 2, octaves=-1)


@dataclass(frozen=True, slots=True)
class Place:
    """How a bar of a staff is written: its clef, and whether notes stand an octave off under a dashed line.

    ``shift`` is 1 where they sound an octave higher than they stand there, -1 where lower.
    """

    clef: Clef
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Staff:
    """The places a staff may be written in, the usual one first."""

    places: tuple[Place, ...]


_TREBLE = Staff((Place(TREBLE),))
_RIGHT = Staff((Place(TREBLE), Place(TREBLE, 1), Place(BASS)))
_LEFT = Staff((Place(BASS), Place(BASS, -1), Place(TREBLE)))
_GRAND = (_RIGHT, _LEFT)


@dataclass(frozen=True, slots=True)
class Notation:
    """How one player's part is written.

    ``programme`` is the General MIDI programme from 0, ``sound`` the instrument's name in MusicXML's list,
    ``staves`` has one entry a staff, upper one first; ``pedal`` is one more for the feet, where they are needed.
    """

    name: str
    programme: int
    sound: str
    staves: tuple[Staff, ...] = (_TREBLE,)
    pedal: Staff | None = None


NOTATIONS = {
    "piano": Notation("Piano", 0, "keyboard.piano", _GRAND),
    "guitar": Notation("Classical guitar", 24, "pluck.guitar.nylon-string", (Staff((Place(GUITAR),)),)),
    "harpsichord": Notation("Harpsichord", 6, "keyboard.harpsichord", _GRAND),
    "organ": Notation("Organ", 19, "keyboard.organ.pipe", _GRAND, pedal=Staff((Place(BASS),))),
    "violin": Notation("Violin", 40, "strings.violin"),
    "viola": Notation("Viola", 41, "strings.viola", (Staff((Place(ALTO), Place(TREBLE))),)),
    "cello": Notation("Cello", 42, "strings.cello", (Staff((Place(BASS), Place(TENOR))),)),
    "flute": Notation("Flute", 73, "wind.flutes.flute"),
    "harp": Notation("Harp", 46, "pluck.harp", _GRAND),
    "vibraphone": Notation("Vibraphone", 11, "pitched-percussion.vibraphone"),
    "marimba": Notation("Marimba", 12, "pitched-percussion.marimba", _GRAND),
}
"""Notations by instrument."""

LINES_ABOVE = 8
"""Diatonic steps from the lowest line of a staff to the highest."""

_LEDGER_COSTS = (0.0, 0.0, 0.5, 1.2, 2.5, 4.5, 7.0)
"""What a note costs its reader, by its ledger lines."""

_NEW_CLEF = 12.0
_NEW_OCTAVE = 5.0
_UNUSUAL_CLEF = 0.3
_UNUSUAL_OCTAVE = 1.0
"""What a change costs, and every bar that is not written as usual."""


def notation_of(instrument: str) -> Notation:
    """Notation of an instrument; ``ValueError`` names those that exist."""
    try:
        return NOTATIONS[instrument]
    except KeyError:
        known = ", ".join(NOTATIONS)
        raise ValueError(f"no notation for instrument {instrument!r}; there are: {known}") from None


def places_of(bars: Sequence[Sequence[int]], *, staff: Staff) -> list[Place]:
    """The place of each bar of a staff with the fewest ledger lines and changes together.

    ``bars`` hold the diatonic places (octave * 7 + letter from C) of the notes. Source of the method: Viterbi, 1967.
    """
    costs = dict.fromkeys(staff.places, 0.0)
    ways: list[dict[Place, Place]] = []
    for number, bar in enumerate(bars):
        way = {}
        totals = {}
        for place in staff.places:
            before = min(staff.places, key=lambda one: costs[one] + _change(one, place))
            way[place] = before if number else place
            strain = _strain(bar, place=place, usual=staff.places[0])
            totals[place] = costs[way[place]] + _change(way[place], place) + strain
        costs = totals
        ways.append(way)
    best = min(staff.places, key=lambda one: costs[one])
    chosen = []
    for way in reversed(ways):
        chosen.append(best)
        best = way[best]
    return chosen[::-1]


def _change(before: Place, after: Place) -> float:
    return _NEW_CLEF * (before.clef != after.clef) + _NEW_OCTAVE * (before.shift != after.shift)


def _strain(bar: Sequence[int], *, place: Place, usual: Place) -> float:
    """What a bar in a place costs its reader."""
    lowest = place.clef.lowest + 7 * place.shift
    lines = (max(lowest - at, at - lowest - LINES_ABOVE, 0) // 2 for at in bar)
    ledgers = sum(_LEDGER_COSTS[min(count, len(_LEDGER_COSTS) - 1)] for count in lines)
    return ledgers + _UNUSUAL_CLEF * (place.clef != usual.clef) + _UNUSUAL_OCTAVE * bool(place.shift)
