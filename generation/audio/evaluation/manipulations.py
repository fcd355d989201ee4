"""What happens to a recording after it has left the shop: encoded anew, resampled, cut, made louder, talked over.

Each takes a sound of shape (frames, channels) at 44.1 kHz and a folder for files in between, and returns a sound of
that rate, as ``read_sound`` reads what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy import signal

from generation.audio.errors import EncodingFailed
from generation.audio.hearing import read_sound
from generation.audio.levels import loudness
from generation.audio.process import run_program
from generation.audio.synthesis import RATE
from generation.audio.tags import Phrase, speak

Sound = npt.NDArray[np.float32]
Manipulation = Callable[[Sound, Path], Sound]

TIMEOUT_SECONDS = 120.0
NOISE_DB = -30.0
UNDER_SPEECH_DB = -6.0
TRIMMED_SECONDS = 3
SENTENCES = (
    "Good evening, and welcome back to our programme about the rivers of the north.",
    "Before the break we heard how the old mill was built, and who paid for it.",
    "Every spring the water rises by more than two metres, and the lower fields are under it for weeks.",
    "My grandmother used to say that one should never trust a dry April.",
    "In the second part we shall visit a school where thirty children learn to sail.",
    "They meet on Thursday afternoons, whatever the weather, and none of them has ever been late.",
    "It is hard to say what will become of the harbour once the bridge is open.",
    "Thank you for listening; please write to us if you remember those years.",
)
SPEAKERS = (("en-gb", 160, 45), ("en-us+f3", 170, 55), ("en-gb+m3", 150, 35))


def encoded(sound: Sound, folder: Path, *, codec: str, kilobits: int, suffix: str) -> Sound:
    """Encode with ffmpeg at a constant or mean rate of ``kilobits``, and decode."""
    source, target = folder / "before.wav", folder / f"after.{suffix}"
    soundfile.write(source, sound, RATE, subtype="PCM_24")
    run_program(
        command=[
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-threads", "1", "-i", str(source)),
            *("-codec:a", codec, "-b:a", f"{kilobits}k", str(target)),
        ],
        timeout=TIMEOUT_SECONDS,
        failure=EncodingFailed,
    )
    return read_sound(target, timeout=TIMEOUT_SECONDS)[0]


def resampled(sound: Sound, folder: Path) -> Sound:
    """Resample to 48 kHz, from there to 22.05 kHz, and keep that as 16-bit WAV."""
    sound = signal.resample_poly(sound, 160, 147, axis=0)
    sound = signal.resample_poly(sound, 147, 320, axis=0)
    soundfile.write(folder / "after.wav", np.clip(sound, -1, 1), RATE // 2, subtype="PCM_16")
    return read_sound(folder / "after.wav", timeout=TIMEOUT_SECONDS)[0]


def louder(sound: Sound, folder: Path, *, decibels: float) -> Sound:
    """Change the level, and keep the sound as 16-bit WAV: what goes beyond full scale is clipped."""
    soundfile.write(
        folder / "after.wav", np.clip(sound * 10 ** (decibels / 20), -1, 1), RATE, subtype="PCM_16"
    )
    return read_sound(folder / "after.wav", timeout=TIMEOUT_SECONDS)[0]


def trimmed(sound: Sound, folder: Path) -> Sound:
    """Cut off the first 3 s."""
    return sound[TRIMMED_SECONDS * RATE :]


def noisy(sound: Sound, folder: Path) -> Sound:
    """Add white noise 30 dB below the mean power of the whole sound."""
    noise = np.random.default_rng(len(sound)).standard_normal(sound.shape, dtype=np.float32)
    level = np.sqrt(np.mean(np.square(sound, dtype=np.float64))) * 10 ** (NOISE_DB / 20)
    return sound + noise * np.float32(level)


def under_speech(sound: Sound, folder: Path, *, cache_dir: Path) -> Sound:
    """Mix under a speaker who never stops; the music is 6 dB softer than the speech, both in LUFS."""
    speech = talk(seconds=len(sound) / RATE, cache_dir=cache_dir)[: len(sound)]
    gain_db = loudness(sound=sound, rate=RATE) - UNDER_SPEECH_DB - loudness(sound=speech, rate=RATE)
    # Two equal channels are 3 dB more than the one that was measured.
    mixed = sound + speech[:, None] * np.float32(10 ** ((gain_db - 10 * np.log10(sound.shape[1])) / 20))
    return louder(mixed, folder, decibels=float(-20 * np.log10(np.abs(mixed).max())))


def talk(*, seconds: float, cache_dir: Path) -> Sound:
    """Return at least ``seconds`` of speech by changing speakers, shape (frames,), with pauses of 0.2 s."""
    said: list[Sound] = []
    while sum(map(len, said)) < seconds * RATE:
        number = len(said)
        voice, speed, pitch = SPEAKERS[number % len(SPEAKERS)]
        phrase = Phrase(words=SENTENCES[number % len(SENTENCES)], voice=voice, speed=speed, pitch=pitch)
        said.append(np.pad(speak(phrase=phrase, cache_dir=cache_dir), (0, RATE // 5)))
    return np.concatenate(said)


def all_manipulations(*, cache_dir: Path) -> dict[str, Manipulation]:
    """Return every manipulation the marks must withstand, by the name it has in the tables."""
    mp3 = partial(encoded, codec="libmp3lame", suffix="mp3")
    return {
        "MP3 320": partial(mp3, kilobits=320),
        "MP3 128": partial(mp3, kilobits=128),
        "MP3 64": partial(mp3, kilobits=64),
        "AAC 128": partial(encoded, codec="aac", kilobits=128, suffix="m4a"),
        "Opus 64": partial(encoded, codec="libopus", kilobits=64, suffix="opus"),
        "44.1 → 48 → 22.05 kHz": resampled,
        "+12 dB, clipped": partial(louder, decibels=12.0),
        "−12 dB": partial(louder, decibels=-12.0),
        "first 3 s cut off": trimmed,
        "noise at 30 dB SNR": noisy,
        "under speech at −6 dB": partial(under_speech, cache_dir=cache_dir),
    }


HARDEST: Sequence[str] = ("noise at 30 dB SNR", "under speech at −6 dB")
"""Those of which fewer need be found."""
