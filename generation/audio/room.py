"""A small concert room: synthetic early reflections and a decaying tail, different on the two sides."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from generation.audio.filters import as_one, filtered, gentle_low_pass

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
    hertz = np.maximum(fft.rfftfreq(frames, 1 / rate), 1e-3)
    sides = []
    for _ in range(2):
        late = np.zeros(frames)
        for low, high, decay in DECAY_SECONDS:
            noise = fft.rfft(random.standard_normal(frames))
            # The slopes of a Butterworth filter of second order at both ends.
            noise /= np.sqrt(1 + (hertz / high) ** 4) * np.sqrt(1 + (low / hertz) ** 4)
            late += fft.irfft(noise, frames) * 10 ** (-3 * seconds / decay)
        late *= np.clip((seconds - 0.02) / 0.03, 0, 1)
        late /= np.sqrt(np.sum(late**2))
        early = np.zeros(frames)
        for delay in np.sort(random.uniform(0.006, 0.055, REFLECTIONS)):
            early[int(delay * rate)] += random.choice((-1, 1)) * np.exp(-delay / 0.04)
        soft = filtered(early, sections=[gentle_low_pass(hertz=6000, rate=rate)])
        both = 0.6 * soft / np.sqrt(np.sum(np.square(soft))) + 0.8 * late
        both[-rate // 20 :] *= np.linspace(1, 0, rate // 20)
        sides.append(np.concatenate([np.zeros(int(PREDELAY_SECONDS * rate)), both]))
    return np.stack(sides, axis=1).astype(np.float32)


def convolve(*, sound: Stereo, response: Stereo) -> Stereo:
    """Return ``sound`` (frames, 2) as ``response`` answers to it, side by side, longer by the length of the tail.

    ``response`` is as long as ``impulse_response``. Overlap-add in blocks, so that memory stays at the result plus a
    few megabytes; a sound of ``whole_blocks`` gives, bit for bit, what it gives as the beginning of a longer one.

    Both sides go through one transform, as real and imaginary part: with Z the spectrum of both, the left alone is
    (Z(f) + Z*(-f)) / 2, the right alone (Z(f) - Z*(-f)) / 2i, so that both responses are in two products.
    """
    tail = len(response) - 1
    left, right = (fft.fft(side, SIZE) for side in response.T)
    straight, turned = (np.asarray(both / 2, dtype=np.complex64) for both in (left + right, left - right))
    result = np.zeros((len(sound) + tail, 2), dtype=np.float32)
    given, placed = (as_one(both) for both in (sound, result))
    for start in range(0, len(sound), BLOCK_FRAMES):
        spectrum = fft.fft(given[start : start + BLOCK_FRAMES], SIZE)
        mirrored = np.empty_like(spectrum)
        np.conj(spectrum[:1], out=mirrored[:1])
        np.conj(spectrum[:0:-1], out=mirrored[1:])
        spectrum *= straight
        mirrored *= turned
        spectrum += mirrored
        end = min(start + SIZE, len(result))
        placed[start:end] += fft.ifft(spectrum, overwrite_x=True)[: end - start]
    return result


def whole_blocks(frames: int) -> int:
    """Round ``frames`` up to what ``convolve`` takes in whole blocks."""
    return -(-frames // BLOCK_FRAMES) * BLOCK_FRAMES
