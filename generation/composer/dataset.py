"""The corpus as the training loop takes it: folders of tracks, split by work, near-duplicates kept apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generation.composer.batches import Track, track_of, untold
from generation.composer.corpus import CorpusError, Entry, Piece, read_corpus, read_manifest
from generation.composer.score import Score
from generation.composer.traits import edges_of
from generation.originality.runs import Hashes, distinct, longest_run, shingles

DUPLICATE = 26
"""Notes: a held-out section that shares a run this long with a training piece is a variant of it, and left out."""

HELD_OUT_NOTES = 4_000
"""Held-out notes a folder that are measured while training."""

HELD_OUT_EVENTS = 500
"""Events of one held-out section that are measured while training: lanes of like length are quick to read."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """``training`` tracks and ``edges`` of the trait classes by folder; ``validation`` are held-out sections.

    ``pieces`` are all pieces read, ``duplicates`` counts held-out sections that were left out, ``known`` are the
    shingles of everything in training, sorted.
    """

    pieces: Sequence[Piece]
    training: Mapping[str, Sequence[Track]]
    validation: Mapping[str, Sequence[Score]]
    edges: Mapping[str, Mapping[str, Sequence[float]]]
    duplicates: int
    known: Hashes

    def scores(self, folder: str) -> list[Score]:
        """The training sections of a folder."""
        return _scores(self.pieces, folder=folder, held_out=False)

    def notes(self, folder: str) -> int:
        """Events in the training tracks of a folder."""
        return sum(len(track) for track in self.training[folder])

    def held_out(self, folders: Collection[str]) -> list[Track]:
        """Held-out tracks without wishes to be measured while training: a fixed sample of each folder."""
        tracks = []
        for folder in folders:
            # Numbers only, so the order is the same in every process; neighbours of one work are torn apart.
            scores = sorted(self.validation[folder], key=lambda score: hash(score.notes[:24]))
            counts = np.cumsum([min(HELD_OUT_EVENTS, len(score.notes)) for score in scores])
            sample = scores[: int(np.searchsorted(counts, HELD_OUT_NOTES)) + 1]
            edges = self.edges[folder]
            tracks += [untold(track_of(score, edges=edges)).first(HELD_OUT_EVENTS) for score in sample]
        return tracks


def load_dataset(
    corpus: Path,
    *,
    folders: Collection[str],
    cache: Path | None = None,
    allow_licences: Collection[str] = (),
    skipped: Callable[[str], None] | None = None,
) -> Dataset:
    """Read some folders of a corpus and split them by work. Raises ``CorpusError`` if one side would be empty."""

    def tell(entry: Entry, reason: str) -> None:
        if skipped:
            skipped(f"{entry.path} skipped: {reason}")

    entries = read_manifest(corpus, instruments=folders, allow_licences=allow_licences)
    pieces = read_corpus(corpus, entries=entries, cache=cache, skipped=tell)
    training = {folder: _scores(pieces, folder=folder, held_out=False) for folder in folders}
    validation = {folder: _scores(pieces, folder=folder, held_out=True) for folder in folders}
    for folder in folders:
        if not training[folder] or not validation[folder]:
            works = len({piece.entry.work for piece in pieces if piece.entry.instrument == folder})
            raise CorpusError(
                f"{corpus} has {works} work(s) for {folder}: too few to keep some for validation; add works (about "
                "one in ten is kept)."
            )
    known = distinct(
        [line for scores in training.values() for score in scores for line in shingles(score.notes)]
    )
    kept = {
        folder: [score for score in scores if longest_run(shingles(score.notes), known=known) < DUPLICATE]
        for folder, scores in validation.items()
    }
    edges = {folder: edges_of(scores) for folder, scores in training.items()}
    return Dataset(
        pieces=pieces,
        training={
            folder: [track_of(score, edges=edges[folder]) for score in scores]
            for folder, scores in training.items()
        },
        validation={folder: kept[folder] or validation[folder] for folder in folders},
        edges=edges,
        duplicates=sum(len(validation[folder]) - len(kept[folder]) for folder in folders),
        known=known,
    )


def _scores(pieces: Sequence[Piece], *, folder: str, held_out: bool) -> list[Score]:
    return [
        score
        for piece in pieces
        if piece.entry.instrument == folder and piece.entry.held_out == held_out
        for score in piece.sections
    ]
