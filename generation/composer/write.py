"""Score files: MIDI and MusicXML out, MIDI in. The only modules that compose nothing and need music21."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from generation.composer.midi import UnreadableMidiError, read_raw_midi
from generation.composer.score import STEPS_PER_QUARTER, TONICS, Score
from generation.composer.sections import whole
from generation.composer.staves import Symbol, fifths, hands, spelling, written_bars

__all__ = ["UnreadableMidiError", "read_midi", "write_midi", "write_musicxml"]

TICKS = 480
PROGRAMMES = {"piano": 0, "harpsichord": 6, "guitar": 24, "organ": 19, "violin": 40, "flute": 73}
"""General MIDI programmes, counted from 0."""

_VELOCITY = 80
_TWO_STAVES = frozenset({"piano", "harpsichord", "organ"})
_CREATOR = "Soloscore"


def read_midi(path: Path) -> Score:
    """Read any MIDI file as one score on the grid, in the key and metre it begins with.

    Raises ``UnreadableMidiError`` for a file that is damaged or holds no notes.
    """
    return whole(read_raw_midi(path), instrument="piano", title=path.stem)


def write_midi(score: Score, path: Path) -> None:
    """Write a format-1 MIDI file as notated: tempo, metre, key and title in track 0, notes in track 1."""
    from music21 import midi

    file = midi.MidiFile()
    file.format = 1
    file.ticksPerQuarterNote = TICKS
    file.tracks = [_conductor(score, midi=midi), _player(score, midi=midi)]
    _replace(path, file.writestr())


def _conductor(score: Score, *, midi: Any) -> Any:
    kinds = midi.MetaEvents
    sharps = _sharps(score)
    metas = [
        (kinds.SEQUENCE_TRACK_NAME, score.title.encode()),
        (kinds.SET_TEMPO, round(60e6 / score.bpm).to_bytes(3, "big")),
        (kinds.TIME_SIGNATURE, bytes([score.metre[0], score.metre[1].bit_length() - 1, 24, 8])),
        (kinds.KEY_SIGNATURE, bytes([sharps % 256, int(score.mode == "minor")])),
    ]
    track = midi.MidiTrack(0)
    for kind, data in metas:
        event = midi.MidiEvent(track, type=kind, channel=1)
        event.data = data
        track.events += [_wait(0, track=track, midi=midi), event]
    _close(track, after=_ticks(score.steps), midi=midi)
    return track


def _player(score: Score, *, midi: Any) -> Any:
    kinds = midi.ChannelVoiceMessages
    track = midi.MidiTrack(1)
    programme = midi.MidiEvent(track, type=kinds.PROGRAM_CHANGE, channel=1)
    programme.data = PROGRAMMES.get(score.instrument, 0)
    track.events += [_wait(0, track=track, midi=midi), programme]
    moments = [(note.onset + note.duration, 0, note.pitch) for note in score.notes]
    moments += [(note.onset, 1, note.pitch) for note in score.notes]
    now = 0
    for step, sounds, pitch in sorted(moments):
        kind = kinds.NOTE_ON if sounds else kinds.NOTE_OFF
        event = midi.MidiEvent(track, type=kind, channel=1)
        event.pitch = pitch
        event.velocity = _VELOCITY * sounds
        track.events += [_wait(_ticks(step) - now, track=track, midi=midi), event]
        now = _ticks(step)
    _close(track, after=max(0, _ticks(score.steps) - now), midi=midi)
    return track


def _wait(ticks: int, *, track: Any, midi: Any) -> Any:
    delta = midi.DeltaTime(track)
    delta.time = ticks
    return delta


def _close(track: Any, *, after: int, midi: Any) -> None:
    event = midi.MidiEvent(track, type=midi.MetaEvents.END_OF_TRACK, channel=1)
    event.data = b""
    track.events += [_wait(after, track=track, midi=midi), event]


def _ticks(step: int) -> int:
    return step * TICKS // STEPS_PER_QUARTER


def _sharps(score: Score) -> int:
    return fifths(tonic_class=TONICS.index(score.tonic), minor=score.mode == "minor")


def write_musicxml(score: Score, path: Path, *, rights: str = "") -> None:
    """Write MusicXML: piano on two braced staves, guitar an octave up, spelled by the key. ``rights`` is printed."""
    from music21 import layout, metadata, stream
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    sheet = stream.Score()
    sheet.metadata = metadata.Metadata(title=score.title or " ", composer=_CREATOR)
    if rights:
        sheet.metadata.copyright = rights
    if score.instrument in _TWO_STAVES:
        upper, lower = hands(score.notes)
        parts = [_part(upper, score=score, clef="TrebleClef"), _part(lower, score=score, clef="BassClef")]
        sheet.insert(0, layout.StaffGroup(parts, symbol="brace", barTogether=True, name="Piano"))
    else:
        clef = "Treble8vbClef" if score.instrument == "guitar" else "TrebleClef"
        parts = [_part(list(score.notes), score=score, clef=clef)]
    parts[0].insert(0, _instrument(score))
    parts[0].measure(_first_number(score)).insert(0, _metronome(score))
    for part in parts:
        sheet.insert(0, part)
    exporter = GeneralObjectExporter(sheet)
    exporter.makeNotation = False
    _replace(path, exporter.parse())


def _first_number(score: Score) -> int:
    return 0 if score.pickup else 1


def _instrument(score: Score) -> Any:
    from music21 import instrument

    known = {
        "guitar": instrument.Guitar,
        "piano": instrument.Piano,
        "harpsichord": instrument.Harpsichord,
    }
    return known.get(score.instrument, instrument.Piano)()


def _metronome(score: Score) -> Any:
    from music21 import duration, tempo

    compound = score.metre[1] == 8 and score.metre[0] % 3 == 0
    beat = 1.5 if compound else 1.0
    return tempo.MetronomeMark(number=round(score.bpm / beat), referent=duration.Duration(beat))


def _part(notes: list[Any], *, score: Score, clef: str) -> Any:
    from music21 import bar, key, meter, stream
    from music21 import clef as clefs

    sharps = _sharps(score)
    part = stream.PartStaff() if score.instrument in _TWO_STAVES else stream.Part()
    measures: list[Any] = []
    for number, voices in enumerate(written_bars(notes, score=score), start=_first_number(score)):
        measure = stream.Measure(number=number)
        if not measures:
            measure.insert(0, getattr(clefs, clef)())
            measure.insert(0, key.KeySignature(sharps))
            measure.insert(0, meter.TimeSignature(f"{score.metre[0]}/{score.metre[1]}"))
        second = max(voices, key=_silence) if len(voices) > 1 else None
        for index, voice in enumerate(voices):
            target = stream.Voice(id=str(index + 1)) if len(voices) > 1 else measure
            for symbol in voice:
                written = _symbol(symbol, sharps=sharps)
                if voice is second and written.isRest:
                    written.style.hideObjectOnPrint = True
                target.insert(Fraction(symbol.onset, STEPS_PER_QUARTER), written)
            if target is not measure:
                measure.insert(0, target)
        measures.append(measure)
    measures[-1].rightBarline = bar.Barline("final")
    part.append(measures)
    _engrave(part)
    return part


def _silence(voice: Sequence[Symbol]) -> int:
    """Steps of rest in a voice: where two share a staff, those of the emptier one need no sign."""
    return sum(symbol.length for symbol in voice if not symbol.pitches)


def _engrave(part: Any) -> None:
    """Beams, tuplet brackets and accidentals, in the order in which they depend on each other."""
    from music21.stream import makeNotation

    part.makeAccidentals(inPlace=True, cautionaryNotImmediateRepeat=False)
    for measure in part.getElementsByClass("Measure"):
        for voice in measure.voices or [measure]:
            makeNotation.makeTupletBrackets(voice, inPlace=True)
    makeNotation.makeBeams(part, inPlace=True)


def _symbol(symbol: Symbol, *, sharps: int) -> Any:
    from music21 import chord, note, tie

    length = Fraction(symbol.length, STEPS_PER_QUARTER)
    if not symbol.pitches:
        return note.Rest(quarterLength=length)
    pitches = [_pitch(pitch, sharps=sharps) for pitch in symbol.pitches]
    head = note.Note(pitches[0]) if len(pitches) == 1 else chord.Chord(pitches)
    head.quarterLength = length
    if symbol.from_before or symbol.into_next:
        kind = (
            "continue"
            if symbol.from_before and symbol.into_next
            else "stop"
            if symbol.from_before
            else "start"
        )
        head.tie = tie.Tie(kind)
    return head


def _pitch(number: int, *, sharps: int) -> Any:
    from music21 import pitch

    letter, accidental, octave = spelling(number, sharps=sharps)
    sign = "#" * accidental if accidental > 0 else "-" * -accidental
    return pitch.Pitch(f"{letter}{sign}{octave}")


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)
