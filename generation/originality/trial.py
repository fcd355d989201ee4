"""How many planted copies are caught, and how many independent works are taken for copies."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from generation.composer.score import Note, Score
from generation.originality.index import CorpusIndex, MemoryIndex, build_corpus_index
from generation.originality.planted import COPYISTS
from generation.originality.report import Report, check
from generation.originality.runs import lines_on_record

EXCERPT_BARS = 16
FEWEST_NOTES = 60
NEAR_DUPLICATE = 25
"""Notes in one run: what shares so many, or has the same title, is the same tune by another name. It is left out."""

_TRIES = 8


def planted_copies_report(
    *,
    known: Mapping[str, Sequence[Score]],
    strangers: Mapping[str, Sequence[Score]],
    copies: int,
    index: CorpusIndex | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Plant ``copies`` copies of each kind and try as many independent works, against corpus and works on record.

    ``known`` are the sections of pieces by name, ``strangers`` those of works by other composers; an excerpt of
    sixteen bars is taken of each. ``index`` is made of all of ``known`` unless it is given. The works on record are
    the excerpts that are copied. Rates are shares (0 … 1). Raises ``ValueError`` if no excerpt is long enough.
    """
    chance = random.Random(seed)  # noqa: S311 (a sample, not a secret)
    corpus = index or build_corpus_index(
        {name: [score.notes for score in sections] for name, sections in known.items()}
    )
    originals = _excerpts(known, count=copies, chance=chance)
    others = _excerpts(strangers, count=copies, chance=chance)
    works = MemoryIndex({name: lines_on_record(notes) for name, notes in originals.items()})
    total, done = len(COPYISTS) * len(originals) + len(others), 0
    caught: dict[str, Any] = {}
    for kind, copyist in COPYISTS.items():
        reports = []
        for name, notes in originals.items():
            copy = copyist(notes, chance.choice(list(others.values())), chance)
            reports.append((name, *_both(copy, corpus=corpus, works=works)))
            done += 1
            if progress:
                progress(done, total)
        caught[kind] = _rates(reports)
    titles = {_title(name) for name in known} - {""}
    independent: list[tuple[str, Report, Report]] = []
    duplicates: list[str] = []
    for name, notes in others.items():
        by_corpus, by_works = _both(notes, corpus=corpus, works=works)
        done += 1
        if progress:
            progress(done, total)
        if _title(name) in titles or by_corpus.longest_run_one_piece >= NEAR_DUPLICATE:
            duplicates.append(name)
        else:
            independent.append((name, by_corpus, by_works))
    return {
        "pieces_known": len(known),
        "shingles": len(corpus),
        "caught": caught,
        "false_alarms": _rates(independent),
        "taken_for_copies": [
            {
                "piece": name,
                "nearest": report.nearest,
                "run": report.longest_run_one_piece,
                "reduced_share": round(report.reduced_share, 3),
            }
            for name, report, _ in independent
            if report.verdict == "too_near"
        ],
        "near_duplicates_left_out": duplicates,
    }


def _title(name: str) -> str:
    """What a piece is called, without its composer and what stands in brackets: tunes are known by many composers."""
    return re.sub(r"\(.*?\)|[^\w]+", " ", name.partition(": ")[2].casefold()).strip()


def _both(notes: Sequence[Note], *, corpus: CorpusIndex, works: MemoryIndex) -> tuple[Report, Report]:
    return check(notes, corpus=corpus), check(notes, works=works)


def _rates(reports: Sequence[tuple[str, Report, Report]]) -> dict[str, Any]:
    """Shares of the reports that say too near."""
    by_corpus = [name for name, report, _ in reports if report.verdict == "too_near"]
    by_works = [name for name, _, report in reports if report.verdict == "too_near"]
    of = max(1, len(reports))
    return {
        "sample": len(reports),
        "corpus": round(len(by_corpus) / of, 4),
        "works": round(len(by_works) / of, 4),
    }


def _excerpts(
    pieces: Mapping[str, Sequence[Score]], *, count: int, chance: random.Random
) -> dict[str, tuple[Note, ...]]:
    """Excerpts of ``count`` pieces drawn by chance, by name. Raises ``ValueError`` if there is none."""
    names = list(pieces)
    chance.shuffle(names)
    found: dict[str, tuple[Note, ...]] = {}
    for name in names:
        if len(found) == count:
            break
        for _ in range(_TRIES if pieces[name] else 0):
            notes = _excerpt(chance.choice(pieces[name]), chance=chance)
            if len(notes) >= FEWEST_NOTES:
                found[name] = notes
                break
    if not found:
        raise ValueError(f"None of {len(names)} pieces has {EXCERPT_BARS} bars with {FEWEST_NOTES} notes.")
    return found


def _excerpt(score: Score, *, chance: random.Random) -> tuple[Note, ...]:
    bar = score.steps_per_bar
    first = score.pickup + chance.randrange(max(1, score.bars - EXCERPT_BARS + 1)) * bar
    last = first + EXCERPT_BARS * bar
    return tuple(
        Note(note.onset - first, note.pitch, note.duration, note.part)
        for note in score.notes
        if first <= note.onset < last
    )
