"""Feeding the network: sections side by side in lanes, cut into chunks with carried states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import FIELDS, REPEAT_COLUMNS, TRAIT_COLUMNS, frame_of, rows
from generation.composer.events import END
from generation.composer.score import Score
from generation.composer.traits import Edges

TABLES = (*FIELDS, "targets")
ADVANCE_TARGET = 0
PLAYERS_COLUMN = [name for name, _ in FIELDS["inputs"]].index("parts")


@dataclass(frozen=True, slots=True)
class Track:
    """One section as arrays of uint8 over its events, by the names of ``TABLES``: (time, fields) each."""

    tables: Mapping[str, NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.tables["targets"])

    def first(self, events: int) -> Track:
        """The beginning of the section."""
        return Track({name: table[:events] for name, table in self.tables.items()})

    def without(self, *, traits: Sequence[str] = (), repeats: bool = False) -> Track:
        """The same section with some traits, or what its bars repeat, not told."""
        told = {name: table.copy() for name, table in self.tables.items()}
        for name in traits:
            told["inputs"][:, TRAIT_COLUMNS[name]] = 0
        if repeats:
            for table, columns in REPEAT_COLUMNS.items():
                for column, nothing in columns.items():
                    told[table][:, column] = nothing
        return Track(told)


@dataclass(frozen=True, slots=True)
class Batch:
    """One chunk of every lane.

    ``tables`` (lanes, chunk, fields) are int32; ``masks`` (lanes, chunk, 4) is 1 where a target's field is learned:
    the advance of every event, pitch and duration of every note, the part only where there are several;
    ``keep`` (lanes, 1) is 0 where a new section begins and the carried state must be cleared.
    """

    tables: Mapping[str, NDArray[np.int32]]
    masks: NDArray[np.float32]
    keep: NDArray[np.float32]


Part = tuple[Track, slice] | None
"""What a lane reads in one chunk."""


def track_of(score: Score, *, edges: Edges) -> Track:
    """Arrays of one section."""
    tables = rows(score, frame=frame_of(score, edges=edges))
    return Track({name: table.astype(np.uint8) for name, table in tables.items()})


def untold(track: Track) -> Track:
    """The section as the likelihood is measured on it: nothing told that only the finished piece could show."""
    return track.without(traits=tuple(TRAIT_COLUMNS), repeats=True)


class Lanes:
    """``lanes`` sections read side by side, ``chunk`` events at a time."""

    def __init__(self, *, lanes: int, chunk: int, source: Iterator[Track]) -> None:
        self._chunk = chunk
        self._source = source
        self._reading: list[tuple[Track, int] | None] = [None] * lanes

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """The next batch; the end comes when the source is exhausted and every lane has read its last section."""
        parts: list[Part] = []
        keep: list[bool] = []
        for lane, reading in enumerate(self._reading):
            keep.append(reading is not None)
            track, start = reading or (next(self._source, None), 0)
            if track is None:
                parts.append(None)
                continue
            stop = start + self._chunk
            parts.append((track, slice(start, stop)))
            self._reading[lane] = (track, stop) if stop < len(track) else None
        if not any(parts):
            raise StopIteration
        return self._batch(parts, keep=keep)

    def _batch(self, parts: Sequence[Part], *, keep: Sequence[bool]) -> Batch:
        shape = (len(parts), self._chunk)
        tables = {name: np.zeros((*shape, len(fields)), np.int32) for name, fields in FIELDS.items()}
        tables["targets"] = np.zeros((*shape, 4), np.int32)
        real = np.zeros(shape, np.float32)
        several = np.zeros((len(parts), 1), np.float32)
        for lane, part in enumerate(parts):
            if part is None:
                continue
            track, chunk = part
            count = len(track.tables["targets"][chunk])
            real[lane, :count] = 1.0
            several[lane] = track.tables["inputs"][0, PLAYERS_COLUMN] > 0
            for name, table in tables.items():
                table[lane, :count] = track.tables[name][chunk]
        notes = real * (tables["targets"][:, :, ADVANCE_TARGET] != END)
        masks = np.stack([real, notes * several, notes, notes], axis=2)
        return Batch(tables, masks, np.array(keep, np.float32)[:, None])


def endless(
    folders: Mapping[str, Sequence[Track]],
    *,
    shares: Mapping[str, float],
    wish_dropout: float,
    rng: np.random.Generator,
) -> Iterator[Track]:
    """Sections for ever: of each folder its share of the *notes*, each folder in a new order every time round.

    Each trait is hidden from a section with probability ``wish_dropout``, and so is what its bars repeat.
    """
    names = [name for name in folders if folders[name] and shares.get(name, 0.0) > 0.0]
    queues: dict[str, list[int]] = {name: [] for name in names}
    drawn = dict.fromkeys(names, 0.0)
    while True:
        name = min(names, key=lambda one: drawn[one] / shares[one])
        if not queues[name]:
            queues[name] = rng.permutation(len(folders[name])).tolist()
        track = folders[name][queues[name].pop()]
        drawn[name] += len(track)
        hidden = [trait for trait in TRAIT_COLUMNS if rng.random() < wish_dropout]
        plain = bool(rng.random() < wish_dropout)
        yield track.without(traits=hidden, repeats=plain) if hidden or plain else track
