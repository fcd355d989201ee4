"""What each instrument can play and how it is usually written for."""

from __future__ import annotations

from dataclasses import dataclass

from generation.composer.score import Mode


@dataclass(frozen=True, slots=True)
class Player:
    low: int
    high: int
    voices: int
    hands: int
    span: int
    bpm: tuple[int, int]
    keys: dict[Mode, tuple[str, ...]]
    metres: dict[tuple[int, int], int]
    clear_below: int = 0
    clear_interval: int = 0
    longest: float = 16.0
    idiom: str = ""
    weights_from: str | None = None

_K={"major": ("C", "G", "D", "F", "B-", "E-", "A-", "A"), "minor": ("A", "E", "D", "G", "C", "F", "B")}
_S={"major": ("C", "G", "D", "F", "B-", "A"), "minor": ("A", "E", "D", "G")}
_M={(4, 4): 10, (3, 4): 7, (2, 4): 6, (6, 8): 4}
PLAYERS = {
    "piano": Player(24,103,8,2,15,(66,120),_K,_M,48,4),
    "harpsichord": Player(31,86,6,2,13,(66,120),_K,_M,48,4),
    "organ": Player(36,93,6,2,15,(60,104),_K,_M,0,0),
    "guitar": Player(40,81,5,1,31,(66,112),{"major": ("C", "G", "D", "A", "E"), "minor": ("A", "E", "D")},_M),
    "violin": Player(55,93,2,1,9,(60,120),_S,_M),
    "viola": Player(48,84,2,1,9,(60,116),_S,_M),
    "cello": Player(36,74,2,1,9,(56,112),_S,_M),
    "flute": Player(60,93,1,1,0,(60,120),_S,_M,longest=4.0),
    "harp": Player(28,96,8,2,14,(60,108),_K,_M,48,4,weights_from="piano"),
    "vibraphone": Player(53,89,4,2,12,(60,108),_K,_M,weights_from="piano"),
    "marimba": Player(41,96,4,2,12,(66,116),_K,_M,weights_from="guitar"),
}
