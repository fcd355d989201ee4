"""Reading the notes, metres, keys and tempos of a MIDI file, tick by tick, with music21's MIDI layer.

The full music21 converter guesses voices, quantises and takes a second a page; the events are exact and
thirty times faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class UnreadableMidiError(ValueError):
    """A file is not a readable MIDI file."""


@dataclass(slots=True)
class RawMidi:
    """What a MIDI file says, in ticks.

    ``notes`` are (onset, duration, pitch, track); ``metres`` (tick, beats, unit); ``keys`` (tick, sharps, minor);
    ``tempos`` (tick, quarter notes a minute). All are sorted.
    """

    ticks_per_quarter: int
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)
    metres: list[tuple[int, int, int]] = field(default_factory=list)
    keys: list[tuple[int, int, bool]] = field(default_factory=list)
    tempos: list[tuple[int, float]] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Tick at which the last note ends."""
        return max((onset + duration for onset, duration, _, _ in self.notes), default=0)


def read_raw_midi(path: Path) -> RawMidi:
    """Read a MIDI file. Raises ``UnreadableMidiError`` with the file's name if it is damaged or not MIDI."""
    from music21 import midi

    file = midi.MidiFile()
    try:
        file.open(path)
        try:
            file.read()
        finally:
            file.close()
        raw = RawMidi(ticks_per_quarter=int(file.ticksPerQuarterNote))
        for number, track in enumerate(file.tracks):
            _read_track(track.events, number=number, into=raw)
    except OSError as error:
        raise UnreadableMidiError(f"{path} cannot be opened: {error.strerror}.") from error
    except Exception as error:  # music21 raises its own, IndexError, struct.error … for damaged bytes
        message = (
            f"{path} is not a readable MIDI file ({error}); replace it with an intact copy or remove it."
        )
        raise UnreadableMidiError(message) from error
    if not raw.notes:
        raise UnreadableMidiError(f"{path} contains no notes; replace it with an intact copy or remove it.")
    for values in (raw.notes, raw.metres, raw.keys, raw.tempos):
        values.sort()
    return raw


def _read_track(events: list[Any], *, number: int, into: RawMidi) -> None:
    from music21.midi import ChannelVoiceMessages, MetaEvents

    tick = 0
    sounding: dict[tuple[int, int], list[int]] = {}
    for event in events:
        if event.isDeltaTime():
            tick += event.time
            continue
        kind = event.type
        if kind is ChannelVoiceMessages.NOTE_ON and event.velocity:
            if event.channel != 10:
                sounding.setdefault((event.channel, event.pitch), []).append(tick)
        elif kind in (ChannelVoiceMessages.NOTE_ON, ChannelVoiceMessages.NOTE_OFF):
            onsets = sounding.get((event.channel, event.pitch))
            if onsets:
                onset = onsets.pop(0)
                into.notes.append((onset, tick - onset, event.pitch, number))
        elif kind is MetaEvents.TIME_SIGNATURE:
            into.metres.append((tick, event.data[0], 2 ** event.data[1]))
        elif kind is MetaEvents.KEY_SIGNATURE:
            sharps = event.data[0] - 256 if event.data[0] > 127 else event.data[0]
            into.keys.append((tick, sharps, event.data[1] == 1))
        elif kind is MetaEvents.SET_TEMPO:
            into.tempos.append((tick, 60e6 / int.from_bytes(event.data[:3], "big")))
