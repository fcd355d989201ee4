"""Reading the notes, metres, keys and tempos of a MusicXML file, tick by tick, as ``midi`` does for MIDI.

Straight from the XML, since files come from strangers: no entity is expanded, nothing outside the file is
opened, and what a packed file unpacks to is bounded. Source: MusicXML 4.0 (W3C Community Group, 2021).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from generation.composer.midi import RawMidi, UnreadableMidiError

LARGEST_BYTES = 20_000_000
MOST_NOTES = 200_000
TICKS_PER_QUARTER = 10_080
"""Divisible by 2 to 10 and by all that tuplets usually divide a quarter by."""

LONGEST_NUMBER = 20
SLOWEST, FASTEST = 1, 1000
"""Tempos in quarter notes a minute; others are mistakes and left out."""

CONTAINER = "META-INF/container.xml"

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_BEAT_QUARTERS = {
    "whole": Fraction(4),
    "half": Fraction(2),
    "quarter": Fraction(1),
    "eighth": Fraction(1, 2),
    "16th": Fraction(1, 4),
}


class UnreadableMusicXmlError(UnreadableMidiError):
    """A file is not readable MusicXML; whoever reads scores of both kinds catches the two alike."""


def read_raw_musicxml(path: Path) -> RawMidi:
    """Read a MusicXML file, plain or packed (``.mxl``), at sounding pitch.

    Tied notes are one note, grace and cue notes are left out, repeats are not played again. Tracks count the
    staves. Metres and keys are those of the first part. Raises ``UnreadableMusicXmlError`` with the file's name
    if it is damaged, not partwise MusicXML, larger than ``LARGEST_BYTES`` or without notes.
    """
    try:
        root = _parse(_content(path))
        if root.tag != "score-partwise":
            raise ValueError(f"its root is <{root.tag[:40]}>, not <score-partwise>")
        raw = _Reader(root).read()
    except OSError as error:
        raise UnreadableMusicXmlError(f"{path} cannot be opened: {error.strerror or error}.") from error
    # zipfile raises NotImplementedError and RuntimeError for packings and passwords that it does not know.
    except (
        ValueError,
        ArithmeticError,
        LookupError,
        RuntimeError,
        expat.ExpatError,
        zipfile.BadZipFile,
    ) as error:
        message = (
            f"{path} is not a readable MusicXML file ({error}); replace it with an intact copy or remove it."
        )
        raise UnreadableMusicXmlError(message) from error
    if not raw.notes:
        raise UnreadableMusicXmlError(
            f"{path} contains no notes; replace it with an intact copy or remove it."
        )
    return raw


def _content(path: Path) -> bytes:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return _bounded(file.read(LARGEST_BYTES + 1))
    with zipfile.ZipFile(path) as packed:
        with packed.open(CONTAINER) as file:
            container = _parse(_bounded(file.read(LARGEST_BYTES + 1)))
        places = [one.get("full-path", "") for one in container.iter() if one.tag.endswith("rootfile")]
        if not places:
            raise ValueError(f"its {CONTAINER} names no score")
        with packed.open(places[0]) as file:
            return _bounded(file.read(LARGEST_BYTES + 1))


def _bounded(data: bytes) -> bytes:
    if len(data) > LARGEST_BYTES:
        raise ValueError(f"it has more than {LARGEST_BYTES:,} bytes")
    return data


def _parse(data: bytes) -> Element:
    """Parse XML that declares no entities; the document type is not fetched."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = _refuse
    parser.Parse(data, True)  # noqa: FBT003 - expat takes no keyword
    return builder.close()


def _refuse(*_declaration: object) -> NoReturn:
    raise ValueError("it declares entities, which MusicXML does not need")


@dataclass(slots=True)
class _Part:
    """Where the reading of one part stands.

    ``transposition`` is in semitones from written to sounding pitch, ``bar`` the length of an empty measure in
    ticks, ``tied`` maps (pitch, tick at which a tie ends) to the index of the note that goes on there.
    """

    divisions: Fraction = Fraction(1)
    transposition: int = 0
    bar: int = 4 * TICKS_PER_QUARTER
    tied: dict[tuple[int, int], int] = field(default_factory=dict)


class _Reader:
    def __init__(self, root: Element) -> None:
        self._parts = root.findall("part")
        self._raw = RawMidi(ticks_per_quarter=TICKS_PER_QUARTER)
        self._tracks: dict[tuple[int, str], int] = {}

    def read(self) -> RawMidi:
        states = [_Part() for _ in self._parts]
        columns = [part.findall("measure") for part in self._parts]
        start = 0
        for number in range(max((len(measures) for measures in columns), default=0)):
            lengths = [0]
            for index, measures in enumerate(columns):
                if number < len(measures):
                    lengths.append(
                        self._measure(measures[number], index=index, state=states[index], start=start)
                    )
            start += max(lengths) or states[0].bar
        for values in (self._raw.notes, self._raw.metres, self._raw.keys, self._raw.tempos):
            values.sort()
        return self._raw

    def _measure(self, measure: Element, *, index: int, state: _Part, start: int) -> int:
        """Read one measure of one part; returns its length in ticks."""
        now = furthest = before = 0
        for element in measure:
            if element.tag == "attributes":
                self._attributes(element, index=index, state=state, tick=start + now)
            elif element.tag in ("direction", "sound"):
                self._tempo(element, tick=start + now)
            elif element.tag in ("backup", "forward"):
                now += _ticks(element, state=state) * (1 if element.tag == "forward" else -1)
                if now < 0:
                    raise ValueError(f"measure {measure.get('number')} is backed up beyond its beginning")
            elif element.tag == "note" and element.find("grace") is None:
                length = _ticks(element, state=state)
                if element.find("chord") is None:
                    before, now = now, now + length
                length += _released(element, state=state)
                if element.find("pitch") is not None and element.find("cue") is None:
                    self._note(element, onset=start + before, length=length, index=index, state=state)
            furthest = max(furthest, now)
        return furthest

    def _attributes(self, element: Element, *, index: int, state: _Part, tick: int) -> None:
        if (divisions := element.findtext("divisions")) is not None:
            state.divisions = _number(divisions)
            if state.divisions <= 0:
                raise ValueError(f"a quarter note is divided by {state.divisions}")
        if (moved := element.find("transpose")) is not None:
            state.transposition = _whole(moved, "chromatic") + 12 * _whole(moved, "octave-change")
        time = element.find("time")
        if time is not None and time.findtext("beats") and time.findtext("beat-type"):
            beats = sum(int(one) for one in (time.findtext("beats") or "").split("+"))
            unit = _whole(time, "beat-type")
            if not 0 < beats <= 64 or unit not in (1, 2, 4, 8, 16, 32, 64):
                raise ValueError(f"its metre is {beats}/{unit}")
            state.bar = 4 * TICKS_PER_QUARTER * beats // unit
            if not index:
                self._raw.metres.append((tick, beats, unit))
        key = element.find("key")
        if key is not None and not index and key.findtext("fifths"):
            sharps = _whole(key, "fifths")
            if state.transposition % 12:
                sharps = (sharps + 7 * state.transposition + 5) % 12 - 5
            self._raw.keys.append((tick, sharps, (key.findtext("mode") or "").strip() == "minor"))

    def _tempo(self, element: Element, *, tick: int) -> None:
        sounds = [element, *element.iter("sound")]
        played = next((sound.get("tempo") for sound in sounds if sound.get("tempo")), None)
        if played is None:
            metronome = element.find("direction-type/metronome")
            if metronome is None:
                return
            unit = _BEAT_QUARTERS.get(metronome.findtext("beat-unit") or "")
            count = (metronome.findtext("per-minute") or "").strip()
            if unit is None or not count.replace(".", "", 1).isdigit():
                return
            dots = len(metronome.findall("beat-unit-dot"))
            bpm = float(Fraction(count) * unit * (2 - Fraction(1, 2**dots)))
        else:
            bpm = float(played)
        if SLOWEST <= bpm <= FASTEST:
            self._raw.tempos.append((tick, bpm))

    def _note(self, element: Element, *, onset: int, length: int, index: int, state: _Part) -> None:
        pitch = _pitch(element) + state.transposition
        if not 0 <= pitch <= 127 or length <= 0:
            return
        ties = {tie.get("type") for tie in element.findall("tie")}
        began = state.tied.pop((pitch, onset), None) if "stop" in ties else None
        if began is None:
            staff = (index, (element.findtext("staff") or "1").strip())
            track = self._tracks.setdefault(staff, len(self._tracks))
            began = len(self._raw.notes)
            self._raw.notes.append((onset, length, pitch, track))
        else:
            first, _, _, track = self._raw.notes[began]
            self._raw.notes[began] = (first, onset + length - first, pitch, track)
        if "start" in ties:
            state.tied[pitch, onset + length] = began
        if len(self._raw.notes) > MOST_NOTES:
            raise ValueError(f"it has more than {MOST_NOTES:,} notes")


def _ticks(element: Element, *, state: _Part) -> int:
    duration = _number(element.findtext("duration") or "0")
    if duration < 0:
        raise ValueError(f"a duration is {duration}")
    return round(duration * TICKS_PER_QUARTER / state.divisions)


def _released(element: Element, *, state: _Part) -> int:
    """Ticks by which a note sounds longer (or, below 0, shorter) than it is written."""
    release = _number(element.get("release") or "0")
    return round(release * TICKS_PER_QUARTER / state.divisions)


def _pitch(element: Element) -> int:
    step = _STEPS[(element.findtext("pitch/step") or "").strip()]
    octave = int(element.findtext("pitch/octave") or "")
    return 12 * (octave + 1) + step + int(_number(element.findtext("pitch/alter") or "0"))


def _number(text: str) -> Fraction:
    """A decimal number; exponents, which could ask for gigabytes, are refused."""
    text = text.strip()
    if len(text) > LONGEST_NUMBER or "e" in text.lower():
        raise ValueError(f"a number in it is {text[:LONGEST_NUMBER]!r}")
    return Fraction(text)


def _whole(element: Element, name: str) -> int:
    return int(_number(element.findtext(name) or "0"))
