"""What the real-or-generated classifier looks at: nothing that the critic chooses by.

A composer that picks among candidates by some measures scores well on those by construction; only others show
whether its music is like real music. The critic hears the network's hidden states and knows none of these. Shares
are of 1. "Line" is the top line; a window without what a share is of has 0 there.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from generation.composer.evaluation.harmony import harmony
from generation.composer.score import STEPS_PER_QUARTER, Note, Score
from generation.originality.runs import top_line

_STEP, _LEAP = 2, 4
_DOTTED = frozenset({9, 18, 36})
_EIGHTH, _SIXTEENTH = STEPS_PER_QUARTER // 2, STEPS_PER_QUARTER // 4


def describe(score: Score) -> dict[str, float]:
    """All descriptors of an excerpt by name (``family.descriptor``)."""
    line = top_line(score.notes)
    families = {
        "intervals": _intervals(line),
        "contour": _contour(line, bar=score.steps_per_bar),
        "lengths": _lengths(score.notes),
        "places": _places(score, line=line),
        "repetition": _repetition(line),
        **harmony(score),
    }
    return {f"{family}.{name}": value for family, found in families.items() for name, value in found.items()}


def share(values: Iterable[bool]) -> float:
    """Share of true values; 0 of none."""
    flags = list(values)
    return sum(flags) / len(flags) if flags else 0.0


def _intervals(line: Sequence[Note]) -> dict[str, float]:
    """Directions and sizes of the line's intervals, each within its kind."""
    moves = [b.pitch - a.pitch for a, b in pairwise(line)]
    steps = [move for move in moves if 1 <= abs(move) <= _STEP]
    leaps = [move for move in moves if abs(move) > _LEAP]
    return {
        "up_among_steps": share(move > 0 for move in steps),
        "semitones_among_steps": share(abs(move) == 1 for move in steps),
        "up_among_leaps": share(move > 0 for move in leaps),
        "thirds": share(abs(move) in (3, 4) for move in moves),
        "fourths_and_fifths": share(abs(move) in (5, 7) for move in moves),
        "octaves": share(abs(move) == 12 for move in moves),
        "sevenths_and_tritones": share(abs(move) in (6, 10, 11) for move in moves),
        "leaps_turned_back": share(a * b < 0 for a, b in pairwise(moves) if abs(a) > _LEAP),
        "returns": share(
            a.pitch == c.pitch != b.pitch for a, b, c in zip(line, line[1:], line[2:], strict=False)
        ),
    }


def _contour(line: Sequence[Note], *, bar: int) -> dict[str, float]:
    """How the line moves: changes of direction, runs one way, its range in a bar and its drift between bars."""
    signs = [int(np.sign(b.pitch - a.pitch)) for a, b in pairwise(line)]
    moving = [sign for sign in signs if sign]
    turns = [a != b for a, b in pairwise(moving)]
    by_bar: dict[int, list[int]] = defaultdict(list)
    for note in line:
        by_bar[note.onset // bar].append(note.pitch)
    spans = [max(pitches) - min(pitches) for pitches in by_bar.values()]
    longest, running = 0, 0
    for index, sign in enumerate(moving):
        running = running + 1 if index and sign == moving[index - 1] else 1
        longest = max(longest, running)
    return {
        "turns": share(turns),
        "longest_one_way": float(longest),
        "bar_span": float(np.mean(spans)),
        "bar_span_spread": float(np.std(spans)),
        "bar_drift": float(np.std([np.mean(pitches) for pitches in by_bar.values()])),
    }


def _lengths(notes: Sequence[Note]) -> dict[str, float]:
    """Shares of note lengths."""
    lengths = [note.duration for note in notes]
    return {
        "sixteenths_or_shorter": share(length <= _SIXTEENTH for length in lengths),
        "eighths": share(length == _EIGHTH for length in lengths),
        "quarters": share(length == STEPS_PER_QUARTER for length in lengths),
        "halves_or_longer": share(length >= 2 * STEPS_PER_QUARTER for length in lengths),
        "dotted": share(length in _DOTTED for length in lengths),
    }


def _places(score: Score, *, line: Sequence[Note]) -> dict[str, float]:
    """Where in the bar notes begin, how evenly bars are filled, and how the line is held."""
    found, struck = np.unique([note.onset for note in score.notes], return_counts=True)
    onsets = found.tolist()
    counts = np.bincount(found // score.steps_per_bar, minlength=score.bars)
    gaps = [(note.duration, after.onset - note.onset) for note, after in pairwise(line)]
    return {
        "downbeats_struck": len({onset for onset in onsets if onset % score.steps_per_bar == 0}) / score.bars,
        "between_eighths": share(onset % _EIGHTH == _SIXTEENTH for onset in onsets),
        "triplets": share(onset % STEPS_PER_QUARTER in (4, 8) for onset in onsets),
        "syncopation": share(_syncopated(note) for note in line),
        "bar_density_spread": float(counts.std() / max(1e-9, counts.mean())),
        "line_detached": share(length < gap for length, gap in gaps),
        "line_held_over": share(length > gap for length, gap in gaps),
        "notes_struck_spread": float(struck.std()),
    }


def _syncopated(note: Note) -> bool:
    """Whether a note begins off the beat and sounds through the next one."""
    place = note.onset % STEPS_PER_QUARTER
    return place != 0 and place + note.duration > STEPS_PER_QUARTER


def _repetition(line: Sequence[Note]) -> dict[str, float]:
    """How much of the line was there before, and how well zlib packs it, as (interval, time to the next)."""
    moves = [(b.pitch - a.pitch, b.onset - a.onset) for a, b in pairwise(line)]
    trigrams = [tuple(moves[index : index + 3]) for index in range(len(moves) - 2)]
    packed = bytes(value % 256 for move in moves for value in move)
    return {
        "trigrams_heard_before": 1 - len(set(trigrams)) / len(trigrams) if trigrams else 0.0,
        "packed_size": len(zlib.compress(packed, 9)) / len(packed) if packed else 1.0,
    }


def table_of(scores: Sequence[Score]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names of the descriptors, and one row of them for each excerpt."""
    rows = [describe(score) for score in scores]
    names = tuple(rows[0])
    return names, np.array([[row[name] for name in names] for row in rows])
