"""Runs of notes that our own pieces share with each other: what two buyers might hear in both their works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from generation.composer.score import Score
from generation.originality.runs import NOTES_IN_SHINGLE, Hashes, distinct, longest_run, shingles


@dataclass(frozen=True, slots=True)
class OwnRuns:
    """Longest run (notes) that any two of ``pieces`` share, the two, and how long each piece's longest run may be.

    ``bounds`` are upper bounds, piece by piece: there, passages shared with different pieces may join.
    """

    longest: int
    between: tuple[int, int] | None
    bounds: tuple[int, ...]


def own_runs(scores: Sequence[Score]) -> OwnRuns:
    """Compare every piece with every other, by the shingles of top line and bass.

    One sorted list of all shingles tells which ones stand in more than one piece; only the pieces whose bound exceeds
    the longest run found so far are compared with each that shares a shingle, note by note: a figure that goes round
    and round in one piece and stands once in the other is a run of one round.
    """
    lines = [shingles(score.notes) for score in scores]
    held = [distinct(found) for found in lines]
    everything = np.concatenate([np.zeros(0, np.uint64), *held])
    owners = np.repeat(np.arange(len(held)), [len(found) for found in held])
    hashes, counts = np.unique(everything, return_counts=True)
    common: Hashes = hashes[counts > 1]
    kept = np.isin(everything, common)
    everything, owners = everything[kept], owners[kept]
    bounds = [longest_run(found, known=common) for found in lines]
    longest, between = 0, None
    for piece in sorted(range(len(scores)), key=lambda index: -bounds[index]):
        if bounds[piece] <= longest:
            break
        own = everything[owners == piece]
        for other in np.unique(owners[np.isin(everything, own)]).tolist():
            if other == piece:
                continue
            run = _run_in_common(lines[piece], lines[other])
            if run > longest:
                longest, between = run, (piece, other)
    return OwnRuns(longest, between, tuple(bounds))


def _run_in_common(one: Sequence[Hashes], other: Sequence[Hashes]) -> int:
    """Notes in the longest passage that stands in a line of both, one shingle after the other."""
    longest = 0
    for mine, theirs in product(one, other):
        here, there = np.nonzero((mine[:, None] == theirs) & (mine != 0)[:, None])
        order = np.lexsort((here, there - here))
        here, there = here[order], there[order]
        breaks = np.flatnonzero((np.diff(here) != 1) | (np.diff(there) != 1)) + 1
        ends = np.concatenate([[0], breaks, [len(here)]])
        longest = max(longest, int(np.diff(ends).max()))
    return longest + NOTES_IN_SHINGLE - 1 if longest else 0
