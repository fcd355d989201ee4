"""Indexes of what many pieces hold: the training corpus that ships with the composer, and works on record."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generation.composer.score import Note
from generation.originality.lines import lines_of, reduced
from generation.originality.record import (
    ALIGNED_AT_MOST,
    CANDIDATES,
    GRAMS_SHARED,
    Candidate,
    Lines,
    Prints,
    grams_of,
    prints_of,
)
from generation.originality.runs import Hashes, distinct, shingles

Tops = NDArray[np.uint32]
"""Top 32 bits of hashes: among two million of them one in two thousand strangers is taken for known."""

Owners = NDArray[np.uint16]

CORPUS_INDEX = Path(__file__).resolve().parent.parent / "pretrained" / "corpus" / "index.npz"
"""Where the index of the whole corpus lies, for all instruments."""

OWNERS_SUFFIX = ".owners.npz"
GRAMS_SUFFIX = ".grams.npz"
_LOW = 2**32


class WorkIndex(Protocol):
    """Anything that can say which works on record may be near to a piece."""

    def candidates(self, prints: Prints) -> Iterable[Candidate]:
        """Works that share fingerprints with a piece."""


class MemoryIndex:
    """Works held in memory, by name; found by their fingerprints, as the database finds them."""

    def __init__(self, works: Mapping[str, Lines] | None = None) -> None:
        self._works: dict[str, Lines] = {}
        self._holding: defaultdict[int, list[str]] = defaultdict(list)
        for name, lines in (works or {}).items():
            self.add(name, lines)

    def add(self, name: str, lines: Lines) -> None:
        """Put a work on record."""
        self._works[name] = lines
        prints = prints_of(lines)
        for value in prints.runs | prints.grams:
            self._holding[value].append(name)

    def candidates(self, prints: Prints) -> Iterable[Candidate]:
        """See :class:`WorkIndex`."""
        runs, grams = self._votes(prints.runs), self._votes(prints.grams)
        aligning = {name for name, votes in grams.most_common(ALIGNED_AT_MOST) if votes >= GRAMS_SHARED}
        for name in sorted(aligning | {name for name, _ in runs.most_common(CANDIDATES)}):
            yield Candidate(name, self._works[name], aligning=name in aligning)

    def _votes(self, hashes: Iterable[int]) -> Counter[str]:
        return Counter(name for value in hashes for name in self._holding.get(value, ()))


class CorpusIndex:
    """What a training corpus holds: shingles of its lines and grams of its reduced lines, each with a piece.

    Of a shingle that several pieces hold only one is named: enough to refuse, and to point at a source. A gram is
    there once for every piece that holds it, so that the grams two pieces share can be counted.
    """

    def __init__(
        self, *, hashes: Tops, owners: Owners, grams: Tops, gram_owners: Owners, names: Sequence[str]
    ) -> None:
        self._hashes = hashes
        self._owners = owners
        self._grams = grams
        self._gram_owners = gram_owners
        self._names = names

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def hashes(self) -> Tops:
        """Top 32 bits of the shingles' hashes, sorted and distinct: what the decoder looks its next notes up in."""
        return self._hashes

    @classmethod
    def build(
        cls, pieces: Mapping[str, Hashes], *, grams: Mapping[str, Iterable[int]] | None = None
    ) -> CorpusIndex:
        """Index of pieces' distinct hashes by name, and of the grams of their reduced lines."""
        numbers = {name: number for number, name in enumerate(pieces)}
        hashes, owners = _with_owners({numbers[name]: tops(held) for name, held in pieces.items()})
        found, first = np.unique(hashes, return_index=True)
        known = found > 0
        all_grams, gram_owners = _with_owners(
            {numbers[name]: np.unique(gram_tops(held)) for name, held in (grams or {}).items()}
        )
        order = np.lexsort((gram_owners, all_grams))
        return cls(
            hashes=found[known],
            owners=owners[first][known],
            grams=all_grams[order],
            gram_owners=gram_owners[order],
            names=tuple(pieces),
        )

    @classmethod
    def load(cls, path: Path) -> CorpusIndex:
        """Read what :meth:`save` wrote. Without its owners it names no piece, without its grams it misses ornaments."""
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            hashes, names = _joined(stored["hashes"]), stored["names"].tolist()
        owners = np.full(len(hashes), len(names), np.uint16)
        if (beside := path.with_suffix(OWNERS_SUFFIX)).is_file():
            with beside.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                owners = _merged(stored["owners"])
        grams, gram_owners = np.zeros(0, np.uint32), np.zeros(0, np.uint16)
        if (beside := path.with_suffix(GRAMS_SUFFIX)).is_file():
            with beside.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                grams, gram_owners = _joined(stored["grams"]), _merged(stored["owners"])
        return cls(hashes=hashes, owners=owners, grams=grams, gram_owners=gram_owners, names=(*names, ""))

    def save(self, path: Path) -> None:
        """Write the index in three files, each as a whole or not at all: hashes, who holds them, and grams."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path.with_suffix(OWNERS_SUFFIX), owners=_planes(self._owners))
        _write(path.with_suffix(GRAMS_SUFFIX), grams=_gaps(self._grams), owners=_planes(self._gram_owners))
        _write(
            path, hashes=_gaps(self._hashes), names=np.array([name for name in self._names if name], np.str_)
        )

    def known(self, hashes: Hashes) -> Hashes:
        """Those of ``hashes`` (sorted, distinct) that some piece of the corpus holds, sorted."""
        found: Hashes = hashes[self._hit(hashes)]
        return found

    def matches(self, hashes: Hashes) -> Iterable[tuple[str, Hashes]]:
        """For every piece named for some of ``hashes`` (sorted, distinct): its name and those, sorted."""
        hit = self._hit(hashes)
        owners = self._owners[np.searchsorted(self._hashes, tops(hashes)[hit])]
        for piece in np.unique(owners).tolist():
            yield self._names[piece], hashes[hit][owners == piece]

    def sharing_most(self, grams: Iterable[int]) -> tuple[str | None, int]:
        """Name the piece that holds most of some grams, and say how many."""
        asked = np.unique(gram_tops(grams))
        begin, end = (np.searchsorted(self._grams, asked, side) for side in ("left", "right"))
        places = [np.arange(a, b) for a, b in zip(begin.tolist(), end.tolist(), strict=True) if b > a]
        if not places:
            return None, 0
        votes = np.bincount(self._gram_owners[np.concatenate(places)])
        return self._names[int(votes.argmax())], int(votes.max())

    def _hit(self, hashes: Hashes) -> NDArray[np.bool_]:
        if not len(self._hashes):
            return np.zeros(len(hashes), np.bool_)
        asked = tops(hashes)
        place = np.minimum(np.searchsorted(self._hashes, asked), len(self._hashes) - 1)
        hit: NDArray[np.bool_] = self._hashes[place] == asked
        return hit


def build_corpus_index(pieces: Mapping[str, Sequence[Sequence[Note]]]) -> CorpusIndex:
    """Index a corpus: by name, the sorted notes of each section of a piece."""
    hashes = {
        name: distinct([line for notes in sections for line in shingles(notes)])
        for name, sections in pieces.items()
    }
    grams = {
        name: {gram for notes in sections for line in lines_of(notes) for gram in grams_of(reduced(line))}
        for name, sections in pieces.items()
    }
    return CorpusIndex.build(hashes, grams=grams)


def tops(hashes: Hashes) -> Tops:
    """Top 32 bits of 64-bit hashes."""
    return (hashes >> np.uint64(32)).astype(np.uint32)


def gram_tops(grams: Iterable[int]) -> Tops:
    """Top 32 bits of grams, which are signed 64-bit numbers."""
    return np.array([gram // _LOW % _LOW for gram in grams], np.uint32)


def _with_owners(held: Mapping[int, Tops]) -> tuple[Tops, Owners]:
    values = np.concatenate([np.zeros(0, np.uint32), *held.values()])
    counts = [len(part) for part in held.values()]
    return values, np.repeat(np.array(list(held), np.uint16), counts)


def _gaps(values: Tops) -> NDArray[np.uint8]:
    """Sorted numbers as the gaps between them, byte by byte: the high bytes are nearly all alike."""
    return _planes(np.diff(values, prepend=np.uint32(0)))


def _joined(planes: NDArray[np.uint8]) -> Tops:
    return np.cumsum(_merged(planes), dtype=np.uint32)


def _planes(values: NDArray[Any]) -> NDArray[np.uint8]:
    as_bytes = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).view(np.uint8)
    return np.ascontiguousarray(as_bytes.reshape(len(values), values.dtype.itemsize).T)


def _merged(planes: NDArray[np.uint8]) -> NDArray[Any]:
    return np.ascontiguousarray(planes.T).view(f"<u{len(planes)}").reshape(-1)


def _write(path: Path, **arrays: NDArray[Any]) -> None:
    partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(partial, allow_pickle=False, **arrays)
    partial.replace(path)
