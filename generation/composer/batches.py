"""Feeding the network: sections side by side in lanes, cut into chunks with carried states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import DENSITY_FIELD, REGISTER_FIELD, rows
from generation.composer.events import END
from generation.composer.score import Score

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Track:
    """One section as arrays over its events: (time, fields) each, ``targets`` (time, 3)."""

    inputs: Bytes
    pitch_inputs: Bytes
    duration_inputs: Bytes
    targets: Bytes

    def __len__(self) -> int:
        return len(self.targets)


Part = tuple[Track, slice] | None
"""What a lane reads in one chunk."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One chunk of every lane.

    Arrays are (lanes, chunk, …); ``real`` (lanes, chunk) is 0 on padding; ``keep`` (lanes, 1) is 0 where a new
    section begins and the carried state must be cleared.
    """

    inputs: NDArray[np.int32]
    pitch_inputs: NDArray[np.int32]
    duration_inputs: NDArray[np.int32]
    targets: NDArray[np.int32]
    real: NDArray[np.float32]
    keep: NDArray[np.float32]


def tracks_of(scores: Sequence[Score]) -> list[Track]:
    """Arrays of each section."""
    return [Track(*(np.array(part, np.uint8) for part in rows(score))) for score in scores]


def without_wishes(track: Track) -> Track:
    """The same section with density and register not told."""
    inputs = track.inputs.copy()
    inputs[:, [DENSITY_FIELD, REGISTER_FIELD]] = 0
    return Track(inputs, track.pitch_inputs, track.duration_inputs, track.targets)


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
        def stacked(name: str) -> NDArray[np.int32]:
            sample: Bytes = next(getattr(part[0], name) for part in parts if part)
            out = np.zeros((len(parts), self._chunk, sample.shape[1]), np.int32)
            for lane, part in enumerate(parts):
                if part:
                    piece = getattr(part[0], name)[part[1]]
                    out[lane, : len(piece)] = piece
            return out

        real = np.zeros((len(parts), self._chunk), np.float32)
        for lane, part in enumerate(parts):
            if part:
                real[lane, : len(part[0].targets[part[1]])] = 1.0
        return Batch(
            stacked("inputs"), stacked("pitch_inputs"), stacked("duration_inputs"), stacked("targets"), real,
            np.array(keep, np.float32)[:, None],
        )  # fmt: skip


def endless(
    own: Sequence[Track],
    *,
    replay: Sequence[Track],
    replay_share: float,
    wish_dropout: float,
    rng: np.random.Generator,
) -> Iterator[Track]:
    """Sections for ever, each list in a new order every time round.

    ``replay_share`` of the *notes* come from ``replay``. Each wish is hidden from a section with probability
    ``wish_dropout``.
    """
    queues: list[list[int]] = [[], []]
    lists = (own, replay)
    drawn = [0.0, 0.0]
    while True:
        turn = int(bool(replay) and drawn[1] <= replay_share * sum(drawn) and replay_share > 0)
        if not queues[turn]:
            queues[turn] = rng.permutation(len(lists[turn])).tolist()
        track = lists[turn][queues[turn].pop()]
        drawn[turn] += len(track)
        hidden = [field for field in (DENSITY_FIELD, REGISTER_FIELD) if rng.random() < wish_dropout]
        if hidden:
            inputs = track.inputs.copy()
            inputs[:, hidden] = 0
            track = Track(inputs, track.pitch_inputs, track.duration_inputs, track.targets)
        yield track


def note_mask(batch: Batch) -> NDArray[np.float32]:
    """1 where a real event is a note and not ``END``: there pitch and duration are learned."""
    mask: NDArray[np.float32] = batch.real * (batch.targets[:, :, 0] != END)
    return mask
