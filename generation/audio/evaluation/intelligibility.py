"""How well speech can be understood that something else sounds over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal

from generation.audio.synthesis import RATE

Sound = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

STOI_RATE = 10_000
FRAME = 256
HOP = 128
BINS = 512
BANDS = 15
LOWEST_HERTZ = 150.0
SEGMENT = 30
"""Frames of a segment: 384 ms."""

HEARD_DB = 40.0
"""Frames of the clean speech that lie further below its loudest are left out."""

CLIPPED_DB = -15.0


def stoi(*, clean: Sound, heard: Sound) -> float:
    """Short-time objective intelligibility of the speech ``clean`` in ``heard``, both (frames,) at 44.1 kHz.

    About from 0 to 1. Source: Taal, Hendriks, Heusdens and Jensen, IEEE Transactions on Audio, Speech and Language
    Processing 19 (2011): the correlation of the envelopes in 15 third octaves over 384 ms, of the speech alone and of
    what is heard. Raises ``ValueError`` for speech of less than that.
    """
    one, other = (signal.resample_poly(each.astype(np.float64), 100, 441) for each in (clean, heard))
    window = np.hanning(FRAME + 2)[1:-1]
    frames, other_frames = (
        np.lib.stride_tricks.sliding_window_view(each, FRAME)[::HOP] * window for each in (one, other)
    )
    energy = 20 * np.log10(np.linalg.norm(frames, axis=1) + 1e-12)
    kept = energy > energy.max() - HEARD_DB
    envelope, other_envelope = (_third_octaves(each[kept]) for each in (frames, other_frames))
    if len(envelope) < SEGMENT:
        raise ValueError(f"{len(clean) / RATE:.2f} s of speech are too short; 0.4 s are needed")
    segments, others = (
        np.lib.stride_tricks.sliding_window_view(each, SEGMENT, axis=0) for each in (envelope, other_envelope)
    )
    scale = np.linalg.norm(segments, axis=-1, keepdims=True) / (
        np.linalg.norm(others, axis=-1, keepdims=True) + 1e-12
    )
    clipped = np.minimum(others * scale, segments * (1 + 10 ** (-CLIPPED_DB / 20)))
    return float(np.mean(_correlation(segments, clipped)))


def _third_octaves(frames: Floats) -> Floats:
    """Square root of the power in each band, shape (frames, bands)."""
    spectrum = np.abs(np.fft.rfft(frames, BINS, axis=1)) ** 2
    hertz = np.fft.rfftfreq(BINS, 1 / STOI_RATE)
    centres = LOWEST_HERTZ * 2 ** (np.arange(BANDS) / 3)
    edges = np.searchsorted(hertz, [centres * 2 ** (-1 / 6), centres * 2 ** (1 / 6)])
    return np.asarray(np.sqrt(np.stack([spectrum[:, low:high].sum(axis=1) for low, high in edges.T], axis=1)))


def _correlation(one: Floats, other: Floats) -> Floats:
    one, other = (each - each.mean(axis=-1, keepdims=True) for each in (one, other))
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return np.asarray(np.sum(one * other, axis=-1) / np.maximum(norms, 1e-12))
