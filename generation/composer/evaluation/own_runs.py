"""Runs of notes that our own pieces share with each other: what two buyers might hear in both their works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from generation.composer.score import Score
from generation.originality.record import EXTRA_NOTES, SHINGLE, Comparison, Lines, is_plain, slices
from generation.originality.runs import lines_on_record


@dataclass(frozen=True, slots=True)
class OwnRuns:
    """Longest run (notes) that any two of ``pieces`` share, the two, and how long each piece's longest run may be.

    ``bounds`` are upper bounds, piece by piece: there, passages shared with different pieces may join.
    """

    longest: int
    between: tuple[int, int] | None
    bounds: tuple[int, ...]


def own_runs(scores: Sequence[Score]) -> OwnRuns:
    """Compare every piece with every other, and count runs as the register of works does when it refuses a piece.

    Only the pieces whose bound exceeds the longest run found so far are compared, each with those that share a telling
    shingle with it.
    """
    lines = [lines_on_record(score.notes) for score in scores]
    owners: defaultdict[str, list[int]] = defaultdict(list)
    for number, piece in enumerate(lines):
        for shingle in {one for line in piece for one in slices(line.tokens, length=SHINGLE)}:
            owners[shingle].append(number)
    common = {shingle: held for shingle, held in owners.items() if len(held) > 1}
    telling = {shingle for shingle in common if not is_plain(shingle)}
    bounds = [_bound(piece, common=common.keys(), telling=telling) for piece in lines]
    longest, between = 0, None
    for number in sorted(range(len(scores)), key=lambda index: -bounds[index]):
        if bounds[number] <= longest:
            break
        own = {one for line in lines[number] for one in slices(line.tokens, length=SHINGLE)} & telling
        comparison = Comparison(lines[number])
        for other in sorted({held for shingle in own for held in common[shingle]} - {number}):
            run = comparison.to(lines[other], beyond=longest).run
            if run > longest:
                longest, between = run, (number, other)
    return OwnRuns(longest, between, tuple(bounds))


def _bound(piece: Lines, *, common: Collection[str], telling: Collection[str]) -> int:
    """Notes in the longest passage of which every shingle stands in another piece, and one of them tells something."""
    longest = 0
    for line in piece:
        running, tells = 0, False
        for shingle in slices(line.tokens, length=SHINGLE):
            running, tells = (running + 1, tells or shingle in telling) if shingle in common else (0, False)
            longest = max(longest, running if tells else 0)
    return longest + SHINGLE - 1 + EXTRA_NOTES if longest else 0
