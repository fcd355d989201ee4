"""A small concert room: synthetic early reflections and a decaying tail, different on the two sides."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

Stereo = npt.NDArray[np.float32]

PREDELAY_SECONDS = 0.008
TAIL_SECONDS = 1.5
REFLECTIONS = 9
DECAY_SECONDS = ((0, 250, 1.25), (250, 1000, 1.3), (1000, 3500, 1.1), (3500, 9000, 0.7))
"""Bands in Hz with their reverberation time (fall by 60 dB); nothing above, as in a room with people."""

SIZE = 200_000
"""Frames of one Fourier transform: a length that is quick, of which the tail leaves ``BLOCK_FRAMES`` for new sound."""

BLOCK_FRAMES = SIZE - 68_000


@lru_cache(maxsize=4)
def impulse_response(rate: int) -> Stereo:
    """Return the room's answer to a click, float32 of shape (frames, 2), energy 1 on each side.

    Model: sparse reflections, then band-wise exponentially decaying Gaussian noise (J. A. Moorer, "About this
    reverberation business", Computer Music Journal 3/2, 1979).
    """
    random = np.random.default_rng(1979)
    frames = int(rate * TAIL_SECONDS)
    seconds = np.arange(frames) / rate
    sides = []
    for _ in range(2):
        late = np.zeros(frames)
        for low, high, decay in DECAY_SECONDS:
            noise = random.standard_normal(frames)
            band = (low, high) if low else high
            kind = "bandpass" if low else "lowpass"
            sections = signal.butter(2, band, kind, fs=rate, output="sos")
            late += signal.sosfilt(sections, noise) * 10 ** (-3 * seconds / decay)
        late *= np.clip((seconds - 0.02) / 0.03, 0, 1)
        late /= np.sqrt(np.sum(late**2))
        early = np.zeros(frames)
        for delay in np.sort(random.uniform(0.006, 0.055, REFLECTIONS)):
            early[int(delay * rate)] += random.choice((-1, 1)) * np.exp(-delay / 0.04)
        early = signal.sosfilt(signal.butter(1, 6000, fs=rate, output="sos"), early)
        early /= np.sqrt(np.sum(early**2))
        both = 0.6 * early + 0.8 * late
        both[-rate // 20 :] *= np.linspace(1, 0, rate // 20)
        sides.append(np.concatenate([np.zeros(int(PREDELAY_SECONDS * rate)), both]))
    return np.stack(sides, axis=1).astype(np.float32)


def convolve(*, sound: Stereo, response: Stereo) -> Stereo:
    """Return ``sound`` (frames, 2) as ``response`` answers to it, side by side, longer by the length of the tail.

    ``response`` is as long as ``impulse_response``. Overlap-add in blocks, so that memory stays at the result plus a
    few megabytes; a sound of ``whole_blocks`` gives, bit for bit, what it gives as the beginning of a longer one.
    """
    tail = len(response) - 1
    transfer = fft.rfft(response, SIZE, axis=0)
    result = np.zeros((len(sound) + tail, 2), dtype=np.float32)
    for start in range(0, len(sound), BLOCK_FRAMES):
        spectrum = fft.rfft(sound[start : start + BLOCK_FRAMES], SIZE, axis=0)
        spectrum *= transfer
        end = min(start + SIZE, len(result))
        result[start:end] += fft.irfft(spectrum, SIZE, axis=0)[: end - start]
    return result


def whole_blocks(frames: int) -> int:
    """Round ``frames`` up to what ``convolve`` takes in whole blocks."""
    return -(-frames // BLOCK_FRAMES) * BLOCK_FRAMES
