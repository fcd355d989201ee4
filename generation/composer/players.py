"""The players: what each instrument can play, and how it is usually written for.

Ranges, reaches and lengths are what a good player manages comfortably at sight, not the limits of the
instrument. They come from general knowledge of instrumentation (as S. Adler, "The Study of Orchestration",
teaches it); no player has gone through them yet, so where there was doubt the narrower figure stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from generation.composer.score import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """What an instrument can play, and how it is usually written for.

    ``low`` … ``high`` is its range (MIDI numbers), ``voices`` the most notes at a time, ``hands`` the number of
    hands that share them and ``span`` the semitones one reaches. Two notes that sound together, the lower of them
    below ``clear_below`` (MIDI number; 0: none is), are at least ``clear_interval`` semitones apart. ``longest``
    is how many quarter notes one tone lasts at most. ``bpm`` is the usual range of tempo in quarter notes a
    minute, ``keys`` the usual tonics. ``idiom`` says it in words for the model card. ``weights_from`` names the
    instrument whose trained network plays for one that has no corpus of its own. ``pedal`` is the highest key (MIDI
    number) of those played with the feet, one at a time, below what the hands hold.
    """

    low: int
    high: int
    voices: int
    hands: int
    span: int
    clear_below: int
    clear_interval: int
    longest: int
    bpm: tuple[int, int]
    keys: dict[Mode, tuple[str, ...]]
    idiom: str
    weights_from: str | None = None
    pedal: int | None = None


_SIXTH, _OCTAVE = 9, 12
"""How far double stops reach: octaves lie between first and fourth finger on violin and viola, on the cello hardly."""

_STRING = 7
"""Semitones between neighbouring strings. Two notes below the second string would both need the lowest one."""

PLAYERS = {
    "piano": Player(
        low=24, high=103, voices=8, hands=2, span=15, clear_below=48, clear_interval=4, longest=16,
        bpm=(66, 120),
        keys={"major": ("C", "G", "D", "F", "B-", "E-", "A-", "A"), "minor": ("A", "E", "D", "G", "C", "F", "B")},
        idiom="two hands, each within a tenth; no close chords in the bass",
    ),
    "guitar": Player(
        low=40, high=81, voices=5, hands=1, span=31, clear_below=48, clear_interval=4, longest=8,
        bpm=(66, 112),
        keys={"major": ("C", "G", "D", "A", "E"), "minor": ("A", "E", "D")},
        idiom="six strings in standard tuning, at most five of them at a time, keys with open strings",
    ),
    "harpsichord": Player(
        low=36, high=86, voices=6, hands=2, span=14, clear_below=48, clear_interval=4, longest=8,
        bpm=(66, 126),
        keys={"major": ("C", "G", "D", "F", "B-", "A"), "minor": ("A", "D", "E", "G", "C", "B")},
        idiom="two hands, each within a ninth; no loud and soft, so accents come from rhythm and texture",
    ),
    "organ": Player(
        low=36, high=93, voices=8, hands=2, span=16, clear_below=43, clear_interval=3, longest=16,
        bpm=(58, 104),
        keys={"major": ("C", "G", "D", "F", "B-", "E-"), "minor": ("A", "D", "E", "G", "C")},
        idiom="two hands, each within a tenth, and the feet; tones last as long as they are held",
        pedal=65,
    ),
    "violin": Player(
        low=55, high=88, voices=2, hands=1, span=_OCTAVE, clear_below=62, clear_interval=_STRING,
        longest=8, bpm=(66, 126),
        keys={"major": ("G", "D", "A", "C", "F", "B-", "E"), "minor": ("E", "A", "D", "G", "B")},
        idiom="one line with double stops up to an octave on two strings, to the seventh position",
    ),
    "viola": Player(
        low=48, high=81, voices=2, hands=1, span=_OCTAVE, clear_below=55, clear_interval=_STRING,
        longest=8, bpm=(60, 112),
        keys={"major": ("C", "G", "D", "F", "B-", "E-"), "minor": ("A", "D", "E", "G", "C")},
        idiom="one line with double stops up to an octave on two strings, to the seventh position",
    ),
    "cello": Player(
        low=36, high=74, voices=2, hands=1, span=_SIXTH, clear_below=43, clear_interval=_STRING,
        longest=8, bpm=(58, 108),
        keys={"major": ("C", "G", "D", "F", "B-", "A"), "minor": ("A", "D", "G", "C", "E")},
        idiom="one line with double stops up to a sixth on two strings, hardly ever in thumb position",
    ),
    "flute": Player(
        low=60, high=91, voices=1, hands=1, span=0, clear_below=0, clear_interval=0, longest=8,
        bpm=(66, 126),
        keys={"major": ("G", "D", "C", "F", "A", "B-", "E-"), "minor": ("E", "A", "D", "G", "B")},
        idiom="one note at a time, two bars of it to a breath at most",
    ),
    "harp": Player(
        low=31, high=96, voices=8, hands=2, span=16, clear_below=50, clear_interval=5, longest=8,
        bpm=(60, 108),
        keys={"major": ("E-", "B-", "A-", "F", "C", "G", "D"), "minor": ("C", "G", "F", "D", "A")},
        idiom="two hands of four fingers, each within a tenth; chords are rolled, low strings kept apart",
        weights_from="piano",
    ),
    "vibraphone": Player(
        low=53, high=89, voices=4, hands=2, span=12, clear_below=0, clear_interval=0, longest=8,
        bpm=(63, 116),
        keys={"major": ("C", "F", "B-", "E-", "G", "D", "A-"), "minor": ("A", "D", "G", "C", "E", "F")},
        idiom="four mallets, two in each hand, an octave apart at most; the pedal lets tones ring",
        weights_from="piano",
    ),
    "marimba": Player(
        low=45, high=93, voices=4, hands=2, span=12, clear_below=52, clear_interval=4, longest=4,
        bpm=(72, 126),
        keys={"major": ("C", "G", "F", "D", "B-", "A"), "minor": ("A", "E", "D", "G", "C")},
        idiom="four mallets, two in each hand, an octave apart at most; long tones are rolled",
        weights_from="guitar",
    ),
}  # fmt: skip
"""Players by instrument. Harp, vibraphone and marimba borrow a network and keep their own limits."""
