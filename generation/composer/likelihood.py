"""Held-out likelihood, measured with the runtime that composes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generation.composer.batches import ADVANCE_TARGET, PLAYERS_COLUMN, TABLES, Track, track_of, untold
from generation.composer.context import FIELDS
from generation.composer.events import END
from generation.composer.runtime import HEADS, Core
from generation.composer.score import Score
from generation.composer.tables import STEP_BITS
from generation.composer.traits import Edges

_SIDE_BY_SIDE = 64


def untold_bits(core: Core, *, scores: Sequence[Score], edges: Edges) -> dict[str, float]:
    """Bits a note by field, and their ``total``, of whole scores of which nothing is told; three decimals."""
    bits = runtime_bits(core, tracks=[untold(track_of(score, edges=edges)) for score in scores])
    return {name: round(value, 3) for name, value in (*bits.items(), ("total", sum(bits.values())))}


def runtime_bits(core: Core, *, tracks: Sequence[Track]) -> dict[str, float]:
    """Bits a note by field over whole sections."""
    sums = np.zeros(len(HEADS))
    order = sorted(tracks, key=len, reverse=True)
    for first in range(0, len(order), _SIDE_BY_SIDE):
        sums += _group_nats(core, tracks=order[first : first + _SIDE_BY_SIDE])
    notes = max(1, sum(len(track) - 1 for track in tracks))
    return dict(zip(HEADS, (sums / notes / np.log(2)).tolist(), strict=True))


def _group_nats(core: Core, *, tracks: Sequence[Track]) -> NDArray[np.float64]:
    """Nats by field over sections that are sorted by falling length, side by side."""
    states = core.start(len(tracks))
    sums = np.zeros(len(HEADS))
    for time in range(len(tracks[0])):
        alive = sum(len(track) > time for track in tracks)
        tracks = tracks[:alive]
        now = {
            name: np.stack([track.tables[name][time] for track in tracks]).astype(np.int32) for name in TABLES
        }
        states = states.only(slice(alive))
        summed = core.step(now["inputs"], states=states)
        notes = now["targets"][:, ADVANCE_TARGET] != END
        several = notes & (now["inputs"][:, PLAYERS_COLUMN] > 0)
        for head, name in enumerate(HEADS):
            mask = {"advance": np.ones(alive, np.bool_), "part": several}.get(name, notes)
            given = now[name] if name in FIELDS else None
            sums[head] += _nats(core.logits(name, summed, given=given), now["targets"][:, head])[mask].sum()
    return sums


def _nats(logits: NDArray[np.int64], targets: NDArray[np.int32]) -> NDArray[np.float64]:
    scaled = logits / 2.0**STEP_BITS
    scaled -= scaled.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(scaled).sum(axis=1))
    nats: NDArray[np.float64] = log_sum - scaled[np.arange(len(targets)), targets]
    return nats
