"""An attack on the spoken tag by somebody who knows every recording and has ten previews, each of another piece.

The attacker is given more than anybody has: the mix before its lossy encoding, the place of each tag and what it says.
All attacks but the last estimate the tag and subtract it; the last turns down what the tag is likely to be in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import linalg, ndimage, signal

from generation.audio.evaluation.tag import power_db
from generation.audio.preview import Mix
from generation.audio.synthesis import RATE
from generation.audio.tags import Phrase, speak

Sound = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

TAPS = 32
"""Of the filter that is fitted: the room and the level of a tag."""

PIECE_FRAMES = RATE // 5
PIECE_SHIFT = RATE // 100
STRETCHES = tuple(1 + 0.005 * step for step in range(-6, 7))
MASK_FRAME = 1024
TAGS_EACH = 2
MARGIN = RATE // 50


@dataclass(frozen=True, slots=True)
class Target:
    """A tag in a mix: what is heard from frame ``first`` on, of which ``speech`` is the tag, and what that says."""

    first: int
    heard: Sound
    speech: Sound
    phrase: Phrase

    @property
    def music(self) -> Sound:
        """What the attacker wants."""
        return self.heard - self.speech


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attack leaves: the tag's power against what it was, and the ratio of the music to all that is not it."""

    residual_db: float
    music_snr_db: float


def targets(mixes: Sequence[Mix]) -> list[Target]:
    """The first ``TAGS_EACH`` tags of each preview, with a little music on both sides."""
    found = []
    for mix in mixes:
        for tag in mix.tags[:TAGS_EACH]:
            first = max(0, tag.first - MARGIN)
            heard = mix.music[first : tag.first + len(tag.sound) + MARGIN].copy()
            speech = np.zeros_like(heard)
            speech[tag.first - first : tag.first - first + len(tag.sound)] = tag.sound
            found.append(Target(first=first, heard=heard + speech, speech=speech, phrase=tag.phrase))
    return found


def attack(name: str, found: Sequence[Target], *, cache_dir: Path) -> list[Outcome]:
    """Try the attack of this name, one of ``ATTACKS``, on every target."""
    return [ATTACKS[name](index, found, cache_dir) for index in range(len(found))]


def _none(index: int, found: Sequence[Target], cache_dir: Path) -> Outcome:
    return _subtracted(found[index], np.zeros_like(found[index].heard))


def _matched(index: int, found: Sequence[Target], cache_dir: Path) -> Outcome:
    """Find the recording in what is heard, and subtract it through the best filter."""
    target = found[index]
    return _subtracted(target, _fitted(target.heard, speak(phrase=target.phrase, cache_dir=cache_dir)))


def _matched_at_speeds(index: int, found: Sequence[Target], cache_dir: Path) -> Outcome:
    """Do so at the speed that fits best."""
    target = found[index]
    recording = speak(phrase=target.phrase, cache_dir=cache_dir)
    estimates = [_fitted(target.heard, _stretched(recording, by)) for by in STRETCHES]
    return _subtracted(target, max(estimates, key=lambda estimate: float(np.sum(estimate**2))))


def _piecewise(index: int, found: Sequence[Target], cache_dir: Path) -> Outcome:
    """Follow the wobble of pitch: place and filter are found anew for each piece of the recording."""
    target = found[index]
    recording = _best_stretch(target.heard, speak(phrase=target.phrase, cache_dir=cache_dir))
    estimate = np.zeros_like(target.heard)
    for first in range(0, len(target.heard), PIECE_FRAMES):
        low, high = max(0, first - PIECE_SHIFT), min(len(target.heard), first + PIECE_FRAMES + PIECE_SHIFT)
        piece = recording[first : first + PIECE_FRAMES]
        if len(piece) > 2 * TAPS and np.any(piece):
            estimate[low:high] += _fitted(target.heard[low:high], piece)
    return _subtracted(target, estimate)


def _averaged(index: int, found: Sequence[Target], cache_dir: Path) -> Outcome:
    """Lay all other tags over this one where they fit it best, take their mean for the recording, and subtract it."""
    heard = found[index].heard
    mean = np.zeros_like(heard)
    for other, target in enumerate(found):
        if other != index:
            mean += _placed(target.heard, lag=_best_lag(heard, target.heard), frames=len(heard))
    return _subtracted(found[index], _filtered(heard, mean))


def _masked(index: int, found: Sequence[Target], cache_dir: Path) -> Outcome:
    """Turn down each part of the spectrum by the share that the recording is likely to have in it (Wiener)."""
    target = found[index]
    recording = _best_stretch(target.heard, speak(phrase=target.phrase, cache_dir=cache_dir))
    window = np.hanning(MASK_FRAME)
    transform = signal.ShortTimeFFT(window, MASK_FRAME // 4, RATE)
    heard, known = (
        np.abs(transform.stft(each.astype(np.float64))) ** 2 for each in (target.heard, recording)
    )
    # What is known only about in time and pitch is known only about in power.
    known = np.maximum(ndimage.uniform_filter(known, (3, 5)), 0)
    level = float(np.sum(np.sqrt(heard * known)) / (np.sum(known) + 1e-20))
    gain = np.clip(1 - level**2 * known / np.maximum(heard, 1e-20), 0.05, 1)

    def turned_down(sound: Sound) -> Sound:
        result = transform.istft(gain * transform.stft(sound.astype(np.float64)), k1=len(sound))
        return np.asarray(result, dtype=np.float32)

    return _outcome(target, left=turned_down(target.heard), tag=turned_down(target.speech))


def _subtracted(target: Target, estimate: Sound) -> Outcome:
    return _outcome(target, left=target.heard - estimate, tag=target.speech - estimate)


def _outcome(target: Target, *, left: Sound, tag: Sound) -> Outcome:
    return Outcome(
        residual_db=power_db(tag) - power_db(target.speech),
        music_snr_db=power_db(target.music) - power_db(left - target.music),
    )


def _best_stretch(heard: Sound, recording: Sound) -> Sound:
    """The recording at the speed and place that fit what is heard best, shape as ``heard``."""
    stretched = [_stretched(recording, by) for by in STRETCHES]
    best = max(stretched, key=lambda each: _best_match(heard, each))
    return _placed(best, lag=_best_lag(heard, best), frames=len(heard))


def _stretched(sound: Sound, by: float) -> Sound:
    at = np.arange(int(len(sound) * by)) / by
    return np.asarray(np.interp(at, np.arange(len(sound)), sound), dtype=np.float32)


def _fitted(heard: Sound, recording: Sound) -> Sound:
    """The recording where it fits best, through the filter that leaves least of what is heard."""
    lag = _best_lag(heard, recording)
    return _filtered(heard, _placed(recording, lag=lag - TAPS // 4, frames=len(heard)))


def _filtered(heard: Sound, recording: Sound) -> Sound:
    """Fit ``TAPS`` coefficients by least squares: the normal equations of the two correlations."""
    own, both = (
        signal.correlate(each, recording, "full", "fft")[len(recording) - 1 : len(recording) - 1 + TAPS]
        for each in (recording, heard)
    )
    if own[0] <= 0:
        return np.zeros_like(heard)
    own[0] *= 1 + 1e-6
    taps = linalg.solve_toeplitz(own.astype(np.float64), both.astype(np.float64))
    return np.asarray(signal.lfilter(taps, [1.0], recording), dtype=np.float32)


def _correlations(heard: Sound, recording: Sound) -> Floats:
    return np.asarray(np.abs(signal.correlate(heard, recording, "full", "fft")))


def _best_lag(heard: Sound, recording: Sound) -> int:
    return int(np.argmax(_correlations(heard, recording))) - len(recording) + 1


def _best_match(heard: Sound, recording: Sound) -> float:
    return float(_correlations(heard, recording).max() / (np.linalg.norm(recording) + 1e-12))


def _placed(sound: Sound, *, lag: int, frames: int) -> Sound:
    """Frames 0 to ``frames`` of ``sound`` begun at ``lag``."""
    result = np.zeros(frames, dtype=np.float32)
    first, last = max(0, lag), min(frames, lag + len(sound))
    if last > first:
        result[first:last] = sound[first - lag : last - lag]
    return result


ATTACKS: dict[str, Callable[[int, Sequence[Target], Path], Outcome]] = {
    "none": _none,
    "matched filter": _matched,
    "matched filter, 13 speeds": _matched_at_speeds,
    "matched filter every 0.2 s": _piecewise,
    "average of all tags": _averaged,
    "spectral mask": _masked,
}
