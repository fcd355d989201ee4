"""Score files: MIDI and MusicXML, out and in. What needs music21 imports it when it is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generation.composer.midi import RawMidi, UnreadableMidiError, read_raw_midi
from generation.composer.musicxml import LARGEST_BYTES, MOST_NOTES, read_raw_musicxml
from generation.composer.notation import notation_of
from generation.composer.score import STEPS_PER_QUARTER, Note, Score
from generation.composer.sections import whole
from generation.composer.sheet import players_of, sharps_of, sheet_of

__all__ = ["UnreadableMidiError", "read_midi", "read_raw", "read_score", "write_midi", "write_musicxml"]

TICKS = 480
MOST_PLAYERS = 15
"""MIDI has 16 channels and keeps one of them for drums."""

_READERS = {
    ".mid": read_raw_midi,
    ".midi": read_raw_midi,
    ".xml": read_raw_musicxml,
    ".musicxml": read_raw_musicxml,
    ".mxl": read_raw_musicxml,
}
_DRUMS = 10
_VELOCITY = 80


def read_score(path: Path, *, instrument: str = "piano") -> Score:
    """Read a MIDI or MusicXML file (by its suffix) as one score on the grid, in the key and metre it begins with.

    Raises ``UnreadableMidiError`` naming a file that is damaged, holds no notes, has another suffix, is larger
    than 20 MB or has more than 200,000 notes.
    """
    return whole(read_raw(path), instrument=instrument, title=path.stem)


def read_raw(path: Path) -> RawMidi:
    """Read the notes of a MIDI or MusicXML file, tick by tick; raises what :func:`read_score` raises."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableMidiError(f"{path} is none of {', '.join(_READERS)}; convert it to one of them.")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableMidiError(f"{path} cannot be opened: {error.strerror}.") from error
    if size > LARGEST_BYTES:
        raise UnreadableMidiError(f"{path} has {size:,} bytes; the most that is read is {LARGEST_BYTES:,}.")
    raw = reader(path)
    if len(raw.notes) > MOST_NOTES:
        raise UnreadableMidiError(
            f"{path} has {len(raw.notes):,} notes; the most that is read is {MOST_NOTES:,}."
        )
    return raw


def read_midi(path: Path) -> Score:
    """Read a MIDI file of any name as one score on the grid, in the key and metre it begins with.

    Raises ``UnreadableMidiError`` for a file that is damaged or holds no notes.
    """
    return whole(read_raw_midi(path), instrument="piano", title=path.stem)


def write_musicxml(score: Score, path: Path, *, rights: str = "") -> None:
    """Write MusicXML with a part for each player, spelled by the key. ``rights`` is printed.

    Raises ``ValueError`` for an instrument without a notation.
    """
    _replace(path, sheet_of(score, rights=rights))


def write_midi(score: Score, path: Path) -> None:
    """Write a format-1 MIDI file as notated: tempo, metre, key and title in track 0, then a track for each player.

    Raises ``ValueError`` for an instrument without a notation or more than ``MOST_PLAYERS`` players.
    """
    from music21 import midi

    programme = notation_of(score.instrument).programme
    players = players_of(score)
    if len(players) > MOST_PLAYERS:
        raise ValueError(
            f"{len(players)} players are too many for a MIDI file; it has room for {MOST_PLAYERS}."
        )
    file = midi.MidiFile()
    file.format = 1
    file.ticksPerQuarterNote = TICKS
    file.tracks = [_conductor(score, midi=midi)]
    for number, (name, notes) in enumerate(players, start=1):
        track = _Track(number, channel=number + (number >= _DRUMS), midi=midi)
        track.meta(midi.MetaEvents.SEQUENCE_TRACK_NAME, name.encode())
        track.programme(programme)
        track.play(notes)
        file.tracks.append(track.closed(at=score.steps))
    _replace(path, file.writestr())


def _conductor(score: Score, *, midi: Any) -> Any:
    kinds = midi.MetaEvents
    track = _Track(0, channel=1, midi=midi)
    track.meta(kinds.SEQUENCE_TRACK_NAME, score.title.encode())
    track.meta(kinds.SET_TEMPO, round(60e6 / score.bpm).to_bytes(3, "big"))
    track.meta(kinds.TIME_SIGNATURE, bytes([score.metre[0], score.metre[1].bit_length() - 1, 24, 8]))
    track.meta(kinds.KEY_SIGNATURE, bytes([sharps_of(score) % 256, int(score.mode == "minor")]))
    return track.closed(at=score.steps)


class _Track:
    """A MIDI track in the making, which keeps count of the ticks."""

    def __init__(self, number: int, *, channel: int, midi: Any) -> None:
        self._midi = midi
        self._channel = channel
        self._track = midi.MidiTrack(number)
        self._now = 0

    def meta(self, kind: Any, data: bytes) -> None:
        self._add(kind, at=self._now).data = data

    def programme(self, number: int) -> None:
        self._add(self._midi.ChannelVoiceMessages.PROGRAM_CHANGE, at=self._now).data = number

    def play(self, notes: Sequence[Note]) -> None:
        """Add the notes; one that ends where another begins ends first."""
        kinds = self._midi.ChannelVoiceMessages
        moments = [(note.onset + note.duration, 0, note.pitch) for note in notes]
        moments += [(note.onset, 1, note.pitch) for note in notes]
        for step, sounds, pitch in sorted(moments):
            event = self._add(kinds.NOTE_ON if sounds else kinds.NOTE_OFF, at=_ticks(step))
            event.pitch = pitch
            event.velocity = _VELOCITY * sounds

    def closed(self, *, at: int) -> Any:
        """The finished track, which lasts at least until grid step ``at``."""
        self._add(self._midi.MetaEvents.END_OF_TRACK, at=max(self._now, _ticks(at))).data = b""
        return self._track

    def _add(self, kind: Any, *, at: int) -> Any:
        delta = self._midi.DeltaTime(self._track)
        delta.time = at - self._now
        event = self._midi.MidiEvent(self._track, type=kind, channel=self._channel)
        self._track.events += [delta, event]
        self._now = at
        return event


def _ticks(step: int) -> int:
    return step * TICKS // STEPS_PER_QUARTER


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)
