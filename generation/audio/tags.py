"""Spoken tags for previews: short phrases that say whose preview this is, never twice quite the same.

A tag that is always the same recording can be subtracted from a preview almost without trace; one that varies
in words, voice, speed, pitch and place cannot. espeak-ng speaks a phrase once, the plain recording is kept in
the cache, and ``colour`` varies it further.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from generation.audio.errors import StorageFull, SynthesisFailed
from generation.audio.filters import convolved, resampled
from generation.audio.process import run_program
from generation.audio.storage import replacing
from generation.audio.synthesis import RATE

Mono = npt.NDArray[np.float32]

PHRASES = (
    "{shop} preview",
    "preview only, {shop}",
    "a preview from {shop}",
    "{shop}, not for use",
    "preview, by {shop}",
    "{shop}, listening copy",
    "this is a {shop} preview",
    "only a preview, {shop}",
)
VOICES = (
    "en-us",
    "en-us+f2",
    "en-us+f4",
    "en-us+m3",
    "en-gb",
    "en-gb+f3",
    "en-gb-x-rp",
    "en-gb-x-rp+m7",
    "en-gb-scotland",
)
SPEEDS = (145, 155, 165, 175, 185)
PITCHES = (30, 38, 46, 54, 62, 70)
SPEECH_TIMEOUT_SECONDS = 20.0
SILENT = 0.01
WOBBLE = 0.02
ROOM_SECONDS = 0.12
EVENNESS = 2.0
"""Ceiling of a spoken tag against its effective level."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What espeak-ng says and how: words, voice name, words a minute, pitch from 0 to 99."""

    words: str
    voice: str
    speed: int
    pitch: int


def choose_phrase(*, random: np.random.Generator, shop: str) -> Phrase:
    """Draw one of the some 2 000 phrases that name ``shop``."""
    return Phrase(
        words=str(random.choice(PHRASES)).format(shop=shop),
        voice=str(random.choice(VOICES)),
        speed=int(random.choice(SPEEDS)),
        pitch=int(random.choice(PITCHES)),
    )


def speak(*, phrase: Phrase, cache_dir: Path) -> Mono:
    """Return ``phrase`` as float32 of shape (frames,) at 44.1 kHz, peak 1, without silence at the ends.

    The recording is kept in ``cache_dir`` and reused. Raises ``SoundUnavailable`` without espeak-ng and
    ``SynthesisFailed`` if it says nothing.
    """
    name = hashlib.sha256(repr(astuple(phrase)).encode()).hexdigest()[:24]
    recording = cache_dir / "tags" / f"{name}.wav"
    try:
        plain, rate = _read(recording.read_bytes())
    except (OSError, soundfile.LibsndfileError):
        said = bytearray()
        run_program(
            command=[
                "espeak-ng",
                *("-v", phrase.voice, "-s", str(phrase.speed), "-p", str(phrase.pitch)),
                *("--stdout", "--", phrase.words),
            ],
            timeout=SPEECH_TIMEOUT_SECONDS,
            failure=SynthesisFailed,
            on_output=said.extend,
        )
        try:
            plain, rate = _read(bytes(said))
        except soundfile.LibsndfileError as error:
            raise SynthesisFailed(f"espeak-ng gave no sound for {phrase}: {error}") from error
        # Without the cache the phrase is only spoken anew next time, 0.03 s each.
        with suppress(StorageFull, OSError), replacing(recording) as temporary:
            soundfile.write(temporary, plain, rate, subtype="PCM_16")
    loud = np.flatnonzero(np.abs(plain) > SILENT)
    if not len(loud):
        raise SynthesisFailed(f"espeak-ng gave silence for {phrase}")
    plain = plain[loud[0] : loud[-1] + 1]
    return _normalised(resampled(plain, up=RATE, down=rate))


def colour(*, speech: Mono, random: np.random.Generator) -> Mono:
    """Return ``speech`` with a slow wobble of pitch (within 2 %) and a small random room, peak 1.

    Its loudest syllables are rounded off, so that it can be plainly heard without high peaks.
    """
    seconds = np.arange(len(speech)) / RATE
    frequency, phase = random.uniform(0.6, 2.0), random.uniform(0, 2 * np.pi)
    drift = WOBBLE / (2 * np.pi * frequency) * np.sin(2 * np.pi * frequency * seconds + phase)
    drift += random.uniform(-WOBBLE, WOBBLE) * seconds
    wobbled = np.interp(seconds + drift - drift[0], seconds, speech, right=0.0)
    ceiling = EVENNESS * np.sqrt(np.mean(np.square(wobbled)))
    wobbled = ceiling * np.tanh(wobbled / ceiling)
    frames = int(ROOM_SECONDS * RATE)
    room = random.standard_normal(frames) * np.exp(-6.9 * np.arange(frames) / frames)
    room *= random.uniform(0.2, 0.4) / np.sqrt(np.sum(room**2))
    room[0] = 1.0
    return _normalised(convolved(wobbled, room))


def _read(wav: bytes) -> tuple[Mono, int]:
    # espeak-ng cannot know the length when it writes the header to a pipe, so it claims 2 GB; libsndfile copes.
    sound, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    return sound, int(rate)


def _normalised(sound: npt.NDArray[np.floating]) -> Mono:
    return np.asarray(sound / np.abs(sound).max(), dtype=np.float32)
