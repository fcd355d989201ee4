"""The verdict on one piece: original, or too near to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from generation.composer.score import Note
from generation.originality.index import CorpusIndex, WorkIndex
from generation.originality.lines import lines_of, reduced
from generation.originality.record import (
    DISTINCTIVE_BITS,
    EXTRA_NOTES,
    SHINGLE,
    WORKS_LIMIT,
    Comparison,
    grams_of,
    is_too_near,
    prints_of,
    surprise,
)
from generation.originality.runs import (
    NOTES_IN_SHINGLE,
    Hashes,
    distinct,
    hashes_of,
    lines_on_record,
    longest_run,
    tokens,
)

__all__ = ["CORPUS_LIMIT", "WORKS_LIMIT", "Report", "Verdict", "check"]

CORPUS_LIMIT = 14
"""Notes: a run this long in common with one training piece is too near."""

GRAMS_LIMIT = 5
"""Grams of reduced lines in common with one training piece from which a piece may be an ornamented copy …"""

GRAMS_SHARE = 0.1
"""… if they are this part of its own."""

BEATS = ((12, 0), (12, 6), (24, 0), (24, 12), (6, 0), (18, 0), (18, 6))
"""(length, start) in steps of what may have been a beat before a copy was cut out, or made faster or slower."""

Verdict = Literal["original", "too_near"]


@dataclass(frozen=True, slots=True)
class Report:
    """How near a piece is to what is known.

    Runs are counted in notes, 0 where nothing of at least eleven notes is shared. ``longest_run_corpus`` is never
    underrated: its parts may come from several pieces; ``longest_run_one_piece`` is one piece's alone. ``nearest``
    names the training piece, or the work on record, with the longest run; ``share`` is the part (0 … 1) of the
    piece's phrases found in that one. ``reduced_share`` is the part of its reduced lines' grams that one training
    piece holds, ``aligned`` the best alignment (pitches) of its reduced lines with those of a work on record.
    """

    verdict: Verdict
    longest_run_corpus: int
    longest_run_works: int
    nearest: str | None
    share: float
    nearest_corpus: str | None = None
    nearest_work: str | None = None
    longest_run_one_piece: int = 0
    reduced_share: float = 0.0
    aligned: int = 0

    @property
    def may_be_offered(self) -> bool:
        """Whether a piece of ours may go on offer: we keep to the limits even where a run tells little."""
        return (
            self.verdict == "original"
            and self.longest_run_one_piece < CORPUS_LIMIT
            and self.longest_run_works < WORKS_LIMIT
        )

    @property
    def longest_run(self) -> int:
        """The longer of the two runs."""
        return max(self.longest_run_corpus, self.longest_run_works)


@dataclass(frozen=True, slots=True)
class _Found:
    near: bool = False
    run: int = 0
    name: str | None = None
    share: float = 0.0
    extra: float = 0.0
    one_piece: int = 0


def check(
    notes: Sequence[Note], *, corpus: CorpusIndex | None = None, works: WorkIndex | None = None
) -> Report:
    """Compare sorted notes with the training corpus and with the works on record."""
    in_corpus = _in_corpus(notes, corpus=corpus) if corpus else _Found()
    in_works = _in_works(notes, works=works) if works else _Found()
    nearest = max(in_corpus, in_works, key=lambda found: (found.near, found.run, found.share))
    return Report(
        verdict="too_near" if in_corpus.near or in_works.near else "original",
        longest_run_corpus=in_corpus.run,
        longest_run_works=in_works.run,
        nearest=nearest.name,
        share=nearest.share,
        nearest_corpus=in_corpus.name,
        nearest_work=in_works.name,
        longest_run_one_piece=in_corpus.one_piece,
        reduced_share=in_corpus.extra,
        aligned=int(in_works.extra),
    )


def _in_corpus(notes: Sequence[Note], *, corpus: CorpusIndex) -> _Found:
    texts = [tokens(line) for line in lines_of(notes)]
    lines = [hashes_of(text) for text in texts]
    own = distinct(lines)
    run = longest_run(lines, known=corpus.known(own))
    named = [
        (longest_run(lines, known=held), len(held) / len(own), name, held)
        for name, held in corpus.matches(own)
    ]
    one_piece, share, name, _ = max(named, key=lambda found: found[:2], default=(0, 0.0, None, own))
    copied, likely = _ornamented(notes, corpus=corpus)
    long = [(name, held) for length, _, name, held in named if length >= CORPUS_LIMIT]
    telling = max(
        ((_surprise(texts, lines=lines, known=held), name) for name, held in long), default=(0.0, None)
    )
    passage = telling[0] >= DISTINCTIVE_BITS or _is_whole(lines, run=run)
    nearest = (telling[1] or name) if passage else likely or name
    return _Found(passage or likely is not None, run, nearest, share, copied, one_piece)


def _surprise(texts: Sequence[NDArray[np.int64]], *, lines: Sequence[Hashes], known: Hashes) -> float:
    """Bits of the most telling run of ``CORPUS_LIMIT`` notes or more of which every shingle is known."""
    most = 0.0
    for text, line in zip(texts, lines, strict=True):
        hits = np.concatenate([[False], np.isin(line, known) & (line != 0), [False]])
        edges = np.flatnonzero(hits[1:] != hits[:-1])
        for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            run = text[first : after + SHINGLE - 1]
            if len(run) + EXTRA_NOTES >= CORPUS_LIMIT:
                most = max(most, surprise("".join(map(chr, run.tolist()))))
    return most


def _is_whole(lines: Sequence[Hashes], *, run: int) -> bool:
    """Whether a top line too short to reach the limit is known from end to end."""
    notes = len(lines[0]) + NOTES_IN_SHINGLE - 1
    return NOTES_IN_SHINGLE <= notes < CORPUS_LIMIT and run >= notes


def _ornamented(notes: Sequence[Note], *, corpus: CorpusIndex) -> tuple[float, str | None]:
    """(share, name): the largest share of grams that one training piece has, and its name if that is too much."""
    largest, suspect = 0.0, None
    lines = lines_of(notes)
    for beat, start in BEATS:
        grams = {gram for line in lines for gram in grams_of(reduced(line, beat=beat, start=start))}
        name, held = corpus.sharing_most(grams)
        share = held / len(grams) if grams else 0.0
        if share > largest:
            largest = share
            if held >= GRAMS_LIMIT and share >= GRAMS_SHARE:
                suspect = name
    return largest, suspect


def _in_works(notes: Sequence[Note], *, works: WorkIndex) -> _Found:
    lines = lines_on_record(notes)
    comparison = Comparison(lines)
    best, aligned = _Found(), 0
    for work in works.candidates(prints_of(lines)):
        found = comparison.to(work.lines, beyond=best.run, aligning=work.aligning)
        near = is_too_near(found)
        aligned = max(aligned, found.aligned)
        if (near, found.run, found.share) > (best.near, best.run, best.share):
            best = _Found(near, max(found.run, best.run), work.name, found.share)
    return _Found(best.near, best.run, best.name, best.share, aligned)
