"""Write a Standard MIDI File of timed events.

Fifty lines of our own instead of a package: the format is small and stable, nothing has to be read back, and
equal input gives equal bytes. Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, 1988).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

TICKS_PER_QUARTER = 960


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """A channel message at a time in seconds; ``order`` sorts what happens at the same moment."""

    seconds: float
    order: int
    message: bytes


def note_off(*, seconds: float, pitch: int, channel: int = 0) -> Event:
    """End a note; sorts before whatever starts at the same moment."""
    return Event(seconds, 0, bytes((0x80 | channel, pitch, 64)))


def control(*, seconds: float, number: int, value: int, channel: int = 0) -> Event:
    """Set controller ``number`` (64 is the damper pedal, 11 expression)."""
    return Event(seconds, 1, bytes((0xB0 | channel, number, value)))


def program(*, number: int, channel: int = 0) -> Event:
    """Choose the sound of a channel at the start of the piece."""
    return Event(0.0, 2, bytes((0xC0 | channel, number)))


def note_on(*, seconds: float, pitch: int, velocity: int, channel: int = 0) -> Event:
    """Start a note."""
    return Event(seconds, 3, bytes((0x90 | channel, pitch, velocity)))


def midi_file(
    *, events: Iterable[Event], bpm: float, metre: tuple[int, int], seconds: float, title: str = ""
) -> bytes:
    """Return a format 0 file of ``events`` at a constant tempo that ends after ``seconds``."""
    beats, unit = metre
    track = bytearray()
    if title:
        text = title.encode("utf-8")
        track += b"\0\xff\x03" + variable_length(len(text)) + text
    track += b"\0\xff\x51\x03" + round(60_000_000 / bpm).to_bytes(3, "big")
    track += b"\0\xff\x58\x04" + bytes((beats, unit.bit_length() - 1, 24, 8))
    now = 0
    ticks_per_second = TICKS_PER_QUARTER * bpm / 60
    for event in sorted(events):
        tick = max(now, round(event.seconds * ticks_per_second))
        track += variable_length(tick - now) + event.message
        now = tick
    track += variable_length(max(0, round(seconds * ticks_per_second) - now)) + b"\xff\x2f\0"
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, TICKS_PER_QUARTER)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + bytes(track)


def variable_length(number: int) -> bytes:
    """Write a number of seven bits a byte, as MIDI files count times and lengths."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | number & 0x7F)
    return bytes(reversed(groups))
