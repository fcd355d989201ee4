"""Traits of a stretch of music: what a wish can name, and what the plan of a piece fixes bar by bar.

A stretch is ``BLOCK_BARS`` bars. Each trait is told to the network as a class from 1 (low) up, 0 meaning "not
told"; the edges between the classes are quantiles of the training corpus, instrument by instrument.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generation.composer.events import key_shift
from generation.composer.score import STEPS_PER_QUARTER, Note, Score

BLOCK_BARS = 16
TRAITS = ("density", "register", "polyphony", "leaps", "variety")
CLASSES = {"density": 5, "register": 5, "polyphony": 4, "leaps": 4, "variety": 4}
"""Classes of each trait besides "not told"."""

NOT_TOLD, EXACT, RHYTHM, NEW = range(4)
"""What a bar is to an earlier one: its copy, its rhythm with other notes, or neither."""

FARTHEST_REPEAT = 64
"""Bars back that a repeat is looked for."""

Edges = Mapping[str, Sequence[float]]
Bars = NDArray[np.int32]


def traits(notes: Sequence[Note], *, bars: int, bar_steps: int, shift: int) -> dict[str, float]:
    """Traits of a stretch of notes (at least one), ``shift`` semitones above C major or A minor.

    ``density`` is in notes a quarter, ``register`` the mean MIDI pitch in C major or A minor, ``polyphony`` notes an
    onset, ``leaps`` the mean interval between highest notes in semitones, ``variety`` the entropy of the
    durations in bits.
    """
    onsets: dict[int, int] = {}
    for note in notes:
        onsets[note.onset] = max(note.pitch, onsets.get(note.onset, 0))
    line = [onsets[onset] for onset in sorted(onsets)]
    counts = Counter(note.duration for note in notes)
    shares = [count / len(notes) for count in counts.values()]
    return {
        "density": len(notes) * STEPS_PER_QUARTER / (bars * bar_steps),
        "register": sum(note.pitch for note in notes) / len(notes) - shift,
        "polyphony": len(notes) / len(onsets),
        "leaps": sum(abs(b - a) for a, b in itertools.pairwise(line)) / max(1, len(line) - 1),
        "variety": -sum(share * math.log2(share) for share in shares),
    }


def blocks(score: Score) -> list[dict[str, float]]:
    """Traits of each block of a score that has notes; a rest of less than half a block joins the one before."""
    found = []
    for first, last in _block_bounds(score.bars):
        inside = _between(score, first=first, last=last)
        if inside:
            found.append(_traits_of(score, notes=inside, bars=last - first))
    return found


def edges_of(scores: Iterable[Score]) -> dict[str, list[float]]:
    """Edges between the classes of each trait: quantiles over the blocks of some scores."""
    measured = [values for score in scores for values in blocks(score)]
    edges = {}
    for name in TRAITS:
        column = [values[name] for values in measured]
        marks = [index / CLASSES[name] for index in range(1, CLASSES[name])]
        edges[name] = [round(float(value), 4) for value in np.quantile(column, marks)]
    return edges


def trait_classes(values: Mapping[str, float], *, edges: Edges) -> list[int]:
    """Class (from 1) of each trait, in the order of ``TRAITS``."""
    return [1 + bisect_right(edges[name], values[name]) for name in TRAITS]


def bar_plan(score: Score, *, edges: Edges) -> Bars:
    """What is told of each bar: (bars, 2 + traits): kind of repeat, bars back to its source, trait classes."""
    plan = np.zeros((score.bars, 2 + len(TRAITS)), np.int32)
    plan[:, :2] = repeats(score)
    for first, last in _block_bounds(score.bars):
        inside = _between(score, first=first, last=last)
        if inside:
            values = _traits_of(score, notes=inside, bars=last - first)
            plan[first:last, 2:] = trait_classes(values, edges=edges)
    return plan


def repeats(score: Score) -> Bars:
    """(kind, bars back to its source or 0) of each bar: the nearest earlier copy, else the nearest equal rhythm."""
    content: list[set[tuple[int, int, int, int]]] = [set() for _ in range(score.bars)]
    for note in score.notes:
        bar, position = divmod(note.onset - score.pickup, score.steps_per_bar)
        if 0 <= bar < score.bars:
            content[bar].add((position, note.part, note.pitch, note.duration))
    found = np.zeros((score.bars, 2), np.int32)
    copies: dict[frozenset[tuple[int, int, int, int]], int] = {}
    rhythms: dict[frozenset[int], int] = {}
    for bar, notes in enumerate(content):
        whole = frozenset(notes)
        rhythm = frozenset(note[0] for note in notes)
        found[bar] = NEW, 0
        for kind, source in ((RHYTHM, rhythms.get(rhythm)), (EXACT, copies.get(whole))):
            if notes and source is not None and bar - source <= FARTHEST_REPEAT:
                found[bar] = kind, bar - source
        copies[whole] = rhythms[rhythm] = bar
    return found


def _traits_of(score: Score, *, notes: Sequence[Note], bars: int) -> dict[str, float]:
    shift = key_shift(tonic=score.tonic, mode=score.mode)
    return traits(notes, bars=bars, bar_steps=score.steps_per_bar, shift=shift)


def _block_bounds(bars: int) -> list[tuple[int, int]]:
    count = max(1, round(bars / BLOCK_BARS))
    starts = [index * BLOCK_BARS for index in range(count)]
    return list(zip(starts, [*starts[1:], bars], strict=True))


def _between(score: Score, *, first: int, last: int) -> list[Note]:
    start = score.pickup + first * score.steps_per_bar
    end = score.pickup + last * score.steps_per_bar
    return [note for note in score.notes if start <= note.onset < end]
