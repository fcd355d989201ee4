"""The printed score as a music21 stream: a part for each player, its staves, voices, beams and accidentals."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from generation.composer.notation import Notation, clef_of, notation_of
from generation.composer.score import STEPS_PER_QUARTER, TONICS, Note, Score
from generation.composer.staves import Symbol, fifths, hands, spelling, written_bars

_CREATOR = "Soloscore"


def sheet_of(score: Score, *, rights: str = "") -> Any:
    """A ``music21.stream.Score``, fully notated: two braced staves for each player who needs them.

    ``rights`` is printed. Raises ``ValueError`` for an instrument without a notation.
    """
    from music21 import layout, metadata, stream

    notation = notation_of(score.instrument)
    sheet = stream.Score()
    sheet.metadata = metadata.Metadata(title=score.title or " ", composer=_CREATOR)
    if rights:
        sheet.metadata.copyright = rights
    for index, (name, notes) in enumerate(players_of(score)):
        staves = _staves(notes, score=score, notation=notation)
        staves[0].insert(0, _instrument(notation, name=name))
        if not index:
            staves[0].getElementsByClass("Measure").first().insert(0, _metronome(score))
        if len(staves) > 1:
            sheet.insert(0, layout.StaffGroup(staves, symbol="brace", barTogether=True, name=name))
        for staff in staves:
            sheet.insert(0, staff)
    return sheet


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


def _staves(notes: list[Note], *, score: Score, notation: Notation) -> list[Any]:
    from music21 import stream

    if len(notation.staves) == 1:
        kind, groups = stream.Part, [notes]
    else:
        kind, groups = stream.PartStaff, [*hands(notes)]
    return [
        _staff(group, score=score, clef=clef_of(group, staff=staff), into=kind())
        for group, staff in zip(groups, notation.staves, strict=True)
    ]


def _instrument(notation: Notation, *, name: str) -> Any:
    from music21 import instrument

    player = getattr(instrument, notation.sound)()
    player.partName = player.instrumentName = name
    player.midiProgram = notation.programme
    return player


def _metronome(score: Score) -> Any:
    from music21 import duration, tempo

    compound = score.metre[1] == 8 and score.metre[0] % 3 == 0
    beat = 1.5 if compound else 1.0
    return tempo.MetronomeMark(number=round(score.bpm / beat), referent=duration.Duration(beat))


def _staff(notes: Sequence[Note], *, score: Score, clef: str, into: Any) -> Any:
    from music21 import bar, key, meter, stream
    from music21 import clef as clefs

    sharps = sharps_of(score)
    measures: list[Any] = []
    for number, voices in enumerate(written_bars(notes, score=score), start=0 if score.pickup else 1):
        measure = stream.Measure(number=number)
        if not measures:
            measure.insert(0, getattr(clefs, clef)())
            measure.insert(0, key.KeySignature(sharps).asKey(score.mode))
            measure.insert(0, meter.TimeSignature(f"{score.metre[0]}/{score.metre[1]}"))
            if score.pickup:
                measure.paddingLeft = Fraction(score.steps_per_bar - score.pickup, STEPS_PER_QUARTER)
        fullest = min(voices, key=_silence)
        for index, voice in enumerate(voices):
            target = stream.Voice(id=str(index + 1)) if len(voices) > 1 else measure
            for symbol in voice:
                written = _symbol(symbol, sharps=sharps)
                if voice is not fullest and written.isRest:
                    written.style.hideObjectOnPrint = True
                if len(voice) == 1 and written.isRest:
                    written.fullMeasure = True
                target.insert(Fraction(symbol.onset, STEPS_PER_QUARTER), written)
            if target is not measure:
                measure.insert(0, target)
        measures.append(measure)
    measures[-1].rightBarline = bar.Barline("final")
    into.append(measures)
    _engrave(into)
    return into


def _silence(voice: Sequence[Symbol]) -> int:
    """Steps of rest in a voice: where two share a staff, those of the emptier one need no sign."""
    return sum(symbol.length for symbol in voice if not symbol.pitches)


def _engrave(part: Any) -> None:
    """Accidentals, tuplet brackets and beams; the way stems point follows from the voices when it is drawn."""
    from music21.stream import makeNotation

    part.makeAccidentals(inPlace=True, cautionaryNotImmediateRepeat=False)
    for measure in part.getElementsByClass("Measure"):
        for voice in measure.voices or [measure]:
            makeNotation.makeTupletBrackets(voice, inPlace=True)
    makeNotation.makeBeams(part, inPlace=True, setStemDirections=False)


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
