"""Runs of notes that our own pieces share with each other: what two buyers might hear in both their works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generation.composer.score import Score
from generation.originality.runs import Hashes, distinct, longest_run, shingles


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

    One sorted list of all shingles tells which ones stand in more than one piece; only for the pieces whose
    bound exceeds the longest run found so far are single pairs compared.
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
            run = longest_run(lines[piece], known=held[other])
            if run > longest:
                longest, between = run, (piece, other)
    return OwnRuns(longest, between, tuple(bounds))
