"""Held-out likelihood, measured with the runtime that composes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generation.composer.batches import Track
from generation.composer.runtime import Core
from generation.composer.tables import STEP_BITS

FIELDS = ("advance", "pitch", "duration")
_SIDE_BY_SIDE = 64


def runtime_bits(core: Core, *, tracks: Sequence[Track]) -> dict[str, float]:
    """Bits a note by field over whole sections."""
    sums = np.zeros(3)
    order = sorted(tracks, key=len, reverse=True)
    for first in range(0, len(order), _SIDE_BY_SIDE):
        sums += _group_nats(core, tracks=order[first : first + _SIDE_BY_SIDE])
    notes = max(1, sum(len(track) - 1 for track in tracks))
    return dict(zip(FIELDS, (sums / notes / np.log(2)).tolist(), strict=True))


def _group_nats(core: Core, *, tracks: Sequence[Track]) -> NDArray[np.float64]:
    """Nats by field over sections that are sorted by falling length, side by side."""
    states = core.start(len(tracks))
    sums = np.zeros(3)
    for time in range(len(tracks[0])):
        alive = sum(len(track) > time for track in tracks)
        tracks = tracks[:alive]
        inputs = np.stack([track.inputs[time] for track in tracks]).astype(np.intp)
        pitch_inputs = np.stack([track.pitch_inputs[time] for track in tracks]).astype(np.intp)
        duration_inputs = np.stack([track.duration_inputs[time] for track in tracks]).astype(np.intp)
        targets = np.stack([track.targets[time] for track in tracks]).astype(np.intp)
        summed, states = core.step(inputs, states=states.only(slice(alive)))
        notes = np.array([time < len(track) - 1 for track in tracks])
        sums[0] += _nats(core.advance_logits(summed), targets[:, 0]).sum()
        sums[1] += _nats(core.pitch_logits(summed, inputs=pitch_inputs), targets[:, 1])[notes].sum()
        sums[2] += _nats(core.duration_logits(summed, inputs=duration_inputs), targets[:, 2])[notes].sum()
    return sums


def _nats(logits: NDArray[np.int64], targets: NDArray[np.intp]) -> NDArray[np.float64]:
    scaled = logits / 2.0**STEP_BITS
    scaled -= scaled.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(scaled).sum(axis=1))
    nats: NDArray[np.float64] = log_sum - scaled[np.arange(len(targets)), targets]
    return nats
