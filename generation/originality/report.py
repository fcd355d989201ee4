"""The verdict on one piece: original, or too near to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from generation.composer.score import Note
from generation.originality.index import CorpusIndex, WorkIndex
from generation.originality.runs import Hashes, distinct, longest_run, shingles

CORPUS_LIMIT = 14
"""Notes: a run this long in common with a training piece is too near."""

WORKS_LIMIT = 16
"""Notes: a run this long in common with a work on record is too near."""

Verdict = Literal["original", "too_near"]


@dataclass(frozen=True, slots=True)
class Report:
    """How near a piece is to what is known.

    Runs are counted in notes, 0 where nothing of at least ten notes is shared. ``nearest`` names the piece
    with the longest run; ``share`` is the part (0 … 1) of the piece's shingles found in that one piece.
    """

    verdict: Verdict
    longest_run_corpus: int
    longest_run_works: int
    nearest: str | None
    share: float

    @property
    def longest_run(self) -> int:
        """The longer of the two runs."""
        return max(self.longest_run_corpus, self.longest_run_works)


def check(
    notes: Sequence[Note], *, corpus: CorpusIndex | None = None, works: WorkIndex | None = None
) -> Report:
    """Compare sorted notes with the training corpus and with the works on record."""
    lines = shingles(notes)
    own = distinct(lines)
    in_corpus = longest_run(lines, known=corpus.known(own)) if corpus else 0
    near_corpus = _nearest(lines, own=own, index=corpus)
    near_work = _nearest(lines, own=own, index=works)
    in_works = near_work[0]
    _, share, nearest = max(near_corpus, near_work, key=lambda found: found[:2])
    near = in_corpus >= CORPUS_LIMIT or in_works >= WORKS_LIMIT
    return Report("too_near" if near else "original", in_corpus, in_works, nearest, share)


def _nearest(
    lines: Sequence[Hashes], *, own: Hashes, index: WorkIndex | None
) -> tuple[int, float, str | None]:
    """(longest run, share, name) of the piece with the longest run."""
    best: tuple[int, float, str | None] = (0, 0.0, None)
    for name, held in index.matches(own) if index else ():
        run = longest_run(lines, known=held)
        best = max(best, (run, len(held) / len(own), name), key=lambda found: found[:2])
    return best
