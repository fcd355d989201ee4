"""The printed score as MusicXML: a part for each player, its staves, voices, beams and accidentals.

Written straight as XML: the document says which signs stand on the page, and a library in between, which
would have to guess them from the notes, costs most of a second a piece. Source: MusicXML 4.0 (W3C Community
Group, 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from generation.composer.beams import beams_of
from generation.composer.notation import Notation, Place, Staff, notation_of, places_of
from generation.composer.players import PLAYERS
from generation.composer.rhythm import Metre, Symbol, metre_of, written_bars
from generation.composer.score import STEPS_PER_QUARTER, TONICS, Note, Score
from generation.composer.staves import LETTERS, feet, fifths, hands, spelling

CREATOR = "Soloscore"
VOICES = 4
"""Voices that a staff usually has; the numbers of the next staff's go on from there."""

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_SIGNS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_DIATONIC = "CDEFGAB"

Bar = list[list[Symbol]]


@dataclass(frozen=True, slots=True)
class _Written:
    """One staff of a part: its bars, and the place of each."""

    bars: list[Bar]
    places: list[Place]


def sheet_of(score: Score, *, rights: str = "") -> bytes:
    """The score as a MusicXML document, the same bytes each time. ``rights`` is printed by notation programs.

    Raises ``ValueError`` for an instrument without a notation.
    """
    notation = notation_of(score.instrument)
    root = Element("score-partwise", version="4.0")
    SubElement(SubElement(root, "work"), "work-title").text = _plain(score.title) or " "
    identification = SubElement(root, "identification")
    SubElement(identification, "creator", type="composer").text = CREATOR
    if rights:
        SubElement(identification, "rights").text = _plain(rights)
    SubElement(SubElement(identification, "encoding"), "software").text = CREATOR
    parts = SubElement(root, "part-list")
    for number, (name, notes) in enumerate(players_of(score), start=1):
        _list_part(parts, notation=notation, name=name, number=number)
        root.append(_Part(notes, score=score, notation=notation, number=number).element())
    indent(root, " ")
    return (_HEAD + tostring(root, encoding="unicode") + "\n").encode()


def players_of(score: Score) -> list[tuple[str, list[Note]]]:
    """Name and notes of each player, in the order of their parts; a single one has no number."""
    name = notation_of(score.instrument).name
    parts = sorted({note.part for note in score.notes}) or [0]
    return [
        (
            name if len(parts) == 1 else f"{name} {number}",
            [note for note in score.notes if note.part == part],
        )
        for number, part in enumerate(parts, start=1)
    ]


def sharps_of(score: Score) -> int:
    """Sharps (positive) or flats (negative) of the key's signature."""
    return fifths(tonic_class=TONICS.index(score.tonic), minor=score.mode == "minor")


def _plain(text: str) -> str:
    """Text without characters that XML cannot hold."""
    return "".join(letter for letter in text if letter.isprintable())


def _list_part(parts: Element, *, notation: Notation, name: str, number: int) -> None:
    part = SubElement(parts, "score-part", id=f"P{number}")
    SubElement(part, "part-name").text = name
    instrument = SubElement(part, "score-instrument", id=f"P{number}-I1")
    SubElement(instrument, "instrument-name").text = name
    SubElement(instrument, "instrument-sound").text = notation.sound
    midi = SubElement(part, "midi-instrument", id=f"P{number}-I1")
    SubElement(midi, "midi-channel").text = str(number + (number >= 10))
    SubElement(midi, "midi-program").text = str(notation.programme + 1)


class _Part:
    """One player's part in the making."""

    def __init__(self, notes: list[Note], *, score: Score, notation: Notation, number: int) -> None:
        self._score = score
        self._number = number
        self._notation = notation
        self._metre: Metre = metre_of(score)
        self._sharps = sharps_of(score)
        self._staves = [self._staff(group, staff=staff) for group, staff in self._groups(notes)]
        most = max(len(bar) for staff in self._staves for bar in staff.bars)
        self._voices = max(VOICES, most)
        self._before: list[dict[tuple[str, int], int]] = [{} for _ in self._staves]

    def element(self) -> Element:
        """The whole part."""
        part = Element("part", id=f"P{self._number}")
        for index in range(len(self._staves[0].bars)):
            part.append(self._measure(index))
        barline = SubElement(part[-1], "barline", location="right")
        SubElement(barline, "bar-style").text = "light-heavy"
        return part

    def _groups(self, notes: list[Note]) -> Iterator[tuple[list[Note], Staff]]:
        """Notes of each staff."""
        staves, pedal = self._notation.staves, self._notation.pedal
        player = PLAYERS.get(self._score.instrument)
        low: list[Note] = []
        if pedal and player and player.pedal:
            low = feet(notes, score=self._score, highest=player.pedal, span=player.span)
        below = set(low)
        rest = [note for note in notes if note not in below]
        yield from zip([rest] if len(staves) == 1 else hands(rest), staves, strict=True)
        if low and pedal:
            yield low, pedal

    def _staff(self, notes: list[Note], *, staff: Staff) -> _Written:
        bars = written_bars(notes, score=self._score)
        heights = [
            [self._height(pitch) for voice in bar for symbol in voice for pitch, _ in symbol.heads]
            for bar in bars
        ]
        return _Written(bars, places_of(heights, staff=staff))

    def _spelled(self, pitch: int) -> tuple[str, int, int]:
        return spelling(pitch, sharps=self._sharps, minor=self._score.mode == "minor")

    def _height(self, pitch: int) -> int:
        letter, _, octave = self._spelled(pitch)
        return 7 * octave + _DIATONIC.index(letter)

    def _measure(self, index: int) -> Element:
        has_pickup = bool(self._score.pickup)
        measure = Element("measure", number=str(index if has_pickup else index + 1))
        if has_pickup and not index:
            measure.set("implicit", "yes")
        self._attributes(measure, index=index)
        if not index and self._number == 1:
            measure.append(_tempo(self._score, metre=self._metre))
        for staff, written in enumerate(self._staves):
            bar = written.bars[index]
            accidentals = self._accidentals(bar, staff=staff)
            for number, voice in enumerate(bar):
                if staff or number:
                    length = sum(symbol.length for symbol in voice)
                    SubElement(SubElement(measure, "backup"), "duration").text = str(length)
                if not number:
                    self._octave(measure, index=index, staff=staff, neighbour=index - 1)
                self._voice(measure, index=index, staff=staff, number=number, accidentals=accidentals)
            self._octave(measure, index=index, staff=staff, neighbour=index + 1)
        return measure

    def _attributes(self, measure: Element, *, index: int) -> None:
        changed = [
            number
            for number, staff in enumerate(self._staves)
            if not index or staff.places[index].clef != staff.places[index - 1].clef
        ]
        if not changed:
            return
        attributes = SubElement(measure, "attributes")
        if not index:
            self._first_attributes(attributes)
        for number in changed:
            place = self._staves[number].places[index]
            clef = SubElement(attributes, "clef")
            if len(self._staves) > 1:
                clef.set("number", str(number + 1))
            SubElement(clef, "sign").text = place.clef.sign
            SubElement(clef, "line").text = str(place.clef.line)
            if place.clef.octaves:
                SubElement(clef, "clef-octave-change").text = str(place.clef.octaves)

    def _first_attributes(self, attributes: Element) -> None:
        SubElement(attributes, "divisions").text = str(STEPS_PER_QUARTER)
        key = SubElement(attributes, "key")
        SubElement(key, "fifths").text = str(self._sharps)
        SubElement(key, "mode").text = self._score.mode
        time = SubElement(attributes, "time")
        SubElement(time, "beats").text = str(self._score.metre[0])
        SubElement(time, "beat-type").text = str(self._score.metre[1])
        if len(self._staves) > 1:
            SubElement(attributes, "staves").text = str(len(self._staves))
            symbol = SubElement(attributes, "part-symbol")
            symbol.set("top-staff", "1")
            symbol.set("bottom-staff", str(len(self._notation.staves)))
            symbol.text = "brace"

    def _octave(self, measure: Element, *, index: int, staff: int, neighbour: int) -> None:
        """Begin or end a dashed line under which notes stand an octave off, where the bar beside has none."""
        places = self._staves[staff].places
        shift = places[index].shift
        if not shift or (0 <= neighbour < len(places) and places[neighbour].shift == shift):
            return
        direction = SubElement(measure, "direction", placement="above" if shift > 0 else "below")
        kind = "stop" if neighbour > index else "down" if shift > 0 else "up"
        SubElement(SubElement(direction, "direction-type"), "octave-shift", type=kind, size="8")
        if len(self._staves) > 1:
            SubElement(direction, "staff").text = str(staff + 1)

    def _accidentals(self, bar: Bar, *, staff: int) -> set[tuple[int, int]]:
        """(onset, pitch) of the notes of a bar that need a sign before them.

        They are those that differ from what was last heard of their line, and, as a reminder, those back in key after
        the same line was altered in the bar before.
        """
        said: dict[tuple[str, int], int] = {}
        signed = set()
        symbols = sorted((one for voice in bar for one in voice), key=lambda one: one.onset)
        for symbol in symbols:
            for pitch, _ in symbol.heads:
                if symbol.from_before:
                    continue
                letter, accidental, octave = self._spelled(pitch)
                line = (letter, octave)
                usual = _in_key(letter, sharps=self._sharps)
                known = said.get(line, usual)
                reminder = line not in said and self._before[staff].get(line, usual) != accidental
                if known != accidental or reminder:
                    signed.add((symbol.onset, pitch))
                said[line] = accidental
        self._before[staff] = said
        return signed

    def _voice(
        self, measure: Element, *, index: int, staff: int, number: int, accidentals: set[tuple[int, int]]
    ) -> None:
        bar = self._staves[staff].bars[index]
        voice = bar[number]
        beams = beams_of(voice, metre=self._metre)
        fullest = voice is min(bar, key=_silence)
        for position, symbol in enumerate(voice):
            for order, (pitch, release) in enumerate(symbol.heads or ((0, 0),)):
                note = SubElement(measure, "note")
                if not symbol.heads:
                    if not fullest or (len(bar) > 2 and _covered(symbol, bar=bar)):
                        note.set("print-object", "no")
                    rest = SubElement(note, "rest")
                    if symbol.length == self._metre.bar:
                        rest.set("measure", "yes")
                else:
                    self._pitch(note, pitch=pitch, release=release, in_chord=order > 0)
                SubElement(note, "duration").text = str(symbol.length)
                for kind in _ties(symbol):
                    SubElement(note, "tie", type=kind)
                SubElement(note, "voice").text = str(staff * self._voices + number + 1)
                signed = (symbol.onset, pitch) in accidentals and not symbol.from_before
                self._look(note, symbol=symbol, sign=self._spelled(pitch)[1] if signed else None)
                if len(self._staves) > 1:
                    SubElement(note, "staff").text = str(staff + 1)
                if not order:
                    for level, said in enumerate(beams[position], start=1):
                        SubElement(note, "beam", number=str(level)).text = said
                self._notations(
                    note, voice=voice, position=position, in_chord=order > 0, beamed=bool(beams[position])
                )

    def _pitch(self, note: Element, *, pitch: int, release: int, in_chord: bool) -> None:
        if release:
            note.set("release", str(-release))
        if in_chord:
            SubElement(note, "chord")
        letter, accidental, octave = self._spelled(pitch)
        element = SubElement(note, "pitch")
        SubElement(element, "step").text = letter
        if accidental:
            SubElement(element, "alter").text = str(accidental)
        SubElement(element, "octave").text = str(octave)

    def _look(self, note: Element, *, symbol: Symbol, sign: int | None) -> None:
        """The sign's value, its accidental and what divides it by three."""
        if not symbol.heads and symbol.length == self._metre.bar:
            return
        SubElement(note, "type").text = symbol.kind
        if symbol.dots:
            SubElement(note, "dot")
        if sign is not None:
            SubElement(note, "accidental").text = _SIGNS[sign]
        if symbol.tuplet:
            modification = SubElement(note, "time-modification")
            SubElement(modification, "actual-notes").text = str(symbol.tuplet.actual)
            SubElement(modification, "normal-notes").text = str(symbol.tuplet.normal)

    def _notations(
        self, note: Element, *, voice: Sequence[Symbol], position: int, in_chord: bool, beamed: bool
    ) -> None:
        """Ties, and what a chord has once: the ends of a tuplet and the dot of a short note."""
        symbol = voice[position]
        notations = Element("notations")
        for kind in _ties(symbol):
            SubElement(notations, "tied", type=kind)
        if symbol.tuplet and not in_chord:
            if not position or voice[position - 1].tuplet != symbol.tuplet:
                SubElement(notations, "tuplet", type="start", bracket="no" if beamed else "yes")
            if position + 1 == len(voice) or voice[position + 1].tuplet != symbol.tuplet:
                SubElement(notations, "tuplet", type="stop")
        if symbol.staccato and not in_chord:
            SubElement(SubElement(notations, "articulations"), "staccato")
        if len(notations):
            note.append(notations)


def _ties(symbol: Symbol) -> list[str]:
    kinds = ["stop"] if symbol.from_before else []
    return [*kinds, "start"] if symbol.into_next else kinds


def _tempo(score: Score, *, metre: Metre) -> Element:
    """How many of its beats, halves where the metre is counted in halves, go to a minute."""
    direction = Element("direction", placement="above")
    metronome = SubElement(SubElement(direction, "direction-type"), "metronome")
    in_halves = score.metre[1] == 2
    beat = 1.5 if metre.is_compound else 2.0 if in_halves else 1.0
    SubElement(metronome, "beat-unit").text = "half" if in_halves else "quarter"
    if metre.is_compound:
        SubElement(metronome, "beat-unit-dot")
    SubElement(metronome, "per-minute").text = str(round(score.bpm / beat))
    SubElement(direction, "sound", tempo=f"{score.bpm:.6g}")
    return direction


def _silence(voice: Sequence[Symbol]) -> int:
    """Steps of rest in a voice: where two share a staff, those of the emptier one need no sign."""
    return sum(symbol.length for symbol in voice if not symbol.heads)


def _covered(rest: Symbol, *, bar: Bar) -> bool:
    """Whether something on the staff sounds all through a rest, which in a crowd of voices then needs no sign."""
    return any(
        one.heads and one.onset <= rest.onset and one.end >= rest.end for voice in bar for one in voice
    )


def _in_key(letter: str, *, sharps: int) -> int:
    """The alteration that the signature gives a letter."""
    place = LETTERS.index(letter)
    if sharps >= 0:
        return int(place < sharps)
    return -int(len(LETTERS) - 1 - place < -sharps)
