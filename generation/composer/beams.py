"""Which short notes of a voice are joined by beams: those of one beat, or eighths alone of a half or whole bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from generation.composer.rhythm import EIGHTH, Metre, Symbol
from generation.composer.score import STEPS_PER_QUARTER

LEVELS = {"eighth": 1, "16th": 2, "32nd": 3}
"""Beams of a sign; longer ones have none."""


def beams_of(voice: Sequence[Symbol], *, metre: Metre) -> list[tuple[str, ...]]:
    """For each symbol what MusicXML says of its beams, the outermost first; nothing for a single flag."""
    said: list[tuple[str, ...]] = [()] * len(voice)
    for group in _groups(voice, metre=metre):
        for index in group:
            said[index] = tuple(_marks(voice, group=group, index=index))
    return said


def _groups(voice: Sequence[Symbol], *, metre: Metre) -> Iterator[list[int]]:
    """Indices of the symbols under one beam."""
    wide = _wide(metre)
    for window, members in groupby(range(len(voice)), key=lambda index: voice[index].onset // wide):
        indices = list(members)
        plain = all(voice[i].length == EIGHTH and voice[i].heads and not voice[i].tuplet for i in indices)
        whole = plain and len(indices) * EIGHTH == min(wide, metre.bar - window * wide)
        beat = wide if whole or metre.is_compound else STEPS_PER_QUARTER
        for _, beamed in groupby(indices, key=lambda index: _place(voice[index], beat=beat)):
            group = list(beamed)
            if len(group) > 1 and _levels(voice[group[0]]):
                yield group


def _wide(metre: Metre) -> int:
    """Grid steps that one beam may go over where there are only eighths."""
    if metre.is_compound or metre.middle < metre.bar:
        return metre.beat if metre.is_compound else metre.middle
    return max(metre.bar, STEPS_PER_QUARTER) if metre.bar <= 3 * STEPS_PER_QUARTER else 2 * STEPS_PER_QUARTER


def _place(symbol: Symbol, *, beat: int) -> tuple[int, int]:
    """Equal for neighbours that are joined; rests and long notes stand alone."""
    if not _levels(symbol):
        return (-1, symbol.onset)
    return (symbol.onset // beat, -1)


def _levels(symbol: Symbol) -> int:
    return LEVELS.get(symbol.kind, 0) if symbol.heads else 0


def _marks(voice: Sequence[Symbol], *, group: list[int], index: int) -> Iterator[str]:
    for level in range(1, _levels(voice[index]) + 1):
        before = index > group[0] and _levels(voice[index - 1]) >= level
        after = index < group[-1] and _levels(voice[index + 1]) >= level
        if before and after:
            yield "continue"
        elif before or after:
            yield "end" if before else "begin"
        else:
            first = index == group[0] or (index < group[-1] and voice[index].onset % EIGHTH == 0)
            yield "forward hook" if first else "backward hook"
