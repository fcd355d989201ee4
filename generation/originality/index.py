"""Indexes of the shingles of many pieces: the training corpus that ships with a model, and works on record."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from generation.originality.runs import Hashes


class WorkIndex(Protocol):
    """Anything that can say which pieces share some shingles."""

    def matches(self, hashes: Hashes) -> Iterable[tuple[str, Hashes]]:
        """For every piece that holds some of ``hashes`` (sorted, distinct): its name and those it holds, sorted."""


class MemoryIndex:
    """Pieces held in memory, by name."""

    def __init__(self, pieces: Mapping[str, Hashes] | None = None) -> None:
        self._pieces = dict(pieces or {})

    def add(self, name: str, hashes: Hashes) -> None:
        """Put a piece's distinct hashes on record."""
        self._pieces[name] = hashes

    def matches(self, hashes: Hashes) -> Iterable[tuple[str, Hashes]]:
        """See :class:`WorkIndex`."""
        for name, held in self._pieces.items():
            shared = np.intersect1d(hashes, held, assume_unique=True)
            if len(shared):
                yield name, shared


class CorpusIndex:
    """The shingles of a training corpus as one sorted array, each with the number of a piece that holds it.

    Of a shingle that several pieces hold only one is named: enough to refuse, and to point at a source.
    """

    def __init__(self, *, hashes: Hashes, pieces: NDArray[np.uint16], names: Sequence[str]) -> None:
        self._hashes = hashes
        self._pieces = pieces
        self._names = names

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def hashes(self):
        """Top 32 bits, sorted."""
        return np.unique((self._hashes >> np.uint64(32)).astype(np.uint32))

    @classmethod
    def build(cls, pieces: Mapping[str, Hashes]) -> CorpusIndex:
        """Index of pieces' distinct hashes by name."""
        hashes = np.concatenate([np.zeros(0, np.uint64), *pieces.values()])
        numbers = np.repeat(np.arange(len(pieces), dtype=np.uint16), [len(held) for held in pieces.values()])
        found, first = np.unique(hashes, return_index=True)
        return cls(hashes=found, pieces=numbers[first], names=tuple(pieces))

    @classmethod
    def load(cls, path: Path) -> CorpusIndex:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(hashes=stored["hashes"], pieces=stored["pieces"], names=stored["names"].tolist())

    def save(self, path: Path) -> None:
        """Write the index as one ``.npz`` file, as a whole or not at all."""
        partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
        np.savez_compressed(partial, hashes=self._hashes, pieces=self._pieces, names=np.array(self._names))
        partial.replace(path)

    def known(self, hashes: Hashes) -> Hashes:
        """Those of ``hashes`` (sorted, distinct) that some piece of the corpus holds, sorted."""
        found: Hashes = hashes[self._hit(hashes)]
        return found

    def matches(self, hashes: Hashes) -> Iterable[tuple[str, Hashes]]:
        """See :class:`WorkIndex`."""
        hit = self._hit(hashes)
        owners = self._pieces[np.searchsorted(self._hashes, hashes[hit])]
        for piece in np.unique(owners).tolist():
            yield self._names[piece], hashes[hit][owners == piece]

    def _hit(self, hashes: Hashes) -> NDArray[np.bool_]:
        if not len(self._hashes):
            return np.zeros(len(hashes), np.bool_)
        place = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        hit: NDArray[np.bool_] = self._hashes[place] == hashes
        return hit
