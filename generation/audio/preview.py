"""The preview: the same performance as the master, in mono, with spoken tags mixed in before it is encoded.

One preview a composition, frozen: several different previews of one piece could be averaged until the tags
are gone. So everything that varies comes from a secret and the piece, and never from chance.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generation.audio import tags
from generation.audio.files import encode_mp3
from generation.audio.labels import Labels
from generation.audio.master import loudness
from generation.audio.provenance import Signer, sign
from generation.audio.storage import workplace
from generation.audio.synthesis import RATE

if TYPE_CHECKING:
    from pydub import AudioSegment

Sound = npt.NDArray[np.float32]

SPOKEN_SHOP = "solo score"
"""The shop's name as two words, or espeak-ng puts the stress on the wrong one."""

KILOBITS = 96
LOW_PASS_HERTZ = 11_000
TARGET_LUFS = -19.0
"""As a meter reads a mono file; played on two loudspeakers it is 3 dB more."""

PEAK = 10 ** (-2.0 / 20)
"""Highest sample before encoding: MP3 at this rate can overshoot by about 1 dB."""

FIRST_TAG_SECONDS = (0.8, 3.2)
TAG_INTERVAL_SECONDS = (8.4, 11.6)
LARGEST_SHIFT_SECONDS = 0.4
SHORTEST_REST_SECONDS = 2.5
TAG_LEVEL_DB = (-3.5, -0.5)
"""Loudness of a tag against the music it covers, before the music is ducked."""

QUIETEST_TAG = 10 ** (-24 / 20)
DUCK = 10 ** (-4.0 / 20)
DUCK_RAMP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Tag:
    """One spoken tag in its place: start in whole milliseconds, sound of shape (frames,) at its final level."""

    start_ms: int
    sound: Sound
    phrase: tags.Phrase

    @property
    def first(self) -> int:
        """Frame at which the tag begins."""
        return self.start_ms * RATE // 1000


@dataclass(frozen=True, slots=True)
class Mix:
    """A preview before encoding: the ducked music, shape (frames,), and the tags to lay over it."""

    music: Sound
    tags: tuple[Tag, ...]


def preview_random(*, secret: bytes, identity: bytes) -> np.random.Generator:
    """Draws all that varies in the preview of the piece ``identity``; nobody can repeat it without ``secret``."""
    key = hmac.new(secret, b"soloscore preview\0" + identity, hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(key))


def write_preview(
    *,
    sound: Sound,
    path: Path,
    secret: bytes,
    identity: bytes,
    cache_dir: Path,
    shop: str = SPOKEN_SHOP,
    signer: Signer | None = None,
) -> None:
    """Write the tagged preview of a master (frames, 2) as mono MP3, 96 kbit/s, 44.1 kHz, of the same length.

    Equal arguments give equal bytes; with a ``signer`` all but the salt and signature of the manifest. Raises
    ``SoundUnavailable`` without espeak-ng or ffmpeg, ``StorageFull`` on a full disk; then no file is left.
    """
    mix = tagged_mix(
        sound=sound, random=preview_random(secret=secret, identity=identity), cache_dir=cache_dir, shop=shop
    )
    mixed = _segment(mix.music)
    for tag in mix.tags:
        mixed = mixed.overlay(_segment(tag.sound), position=tag.start_ms)
    labels = Labels(title="Preview", comment="AI-generated music. Tagged preview, not for use.")
    with workplace(path.parent) as folder:
        mixed.export(folder / "mix.wav", format="wav").close()
        encoded = folder / path.name
        encode_mp3(
            source=folder / "mix.wav",
            path=encoded,
            kilobits=KILOBITS,
            labels=labels,
            low_pass_hertz=LOW_PASS_HERTZ,
        )
        if signer:
            sign(path=encoded, labels=labels, signer=signer)
        encoded.replace(path)


def tagged_mix(*, sound: Sound, random: np.random.Generator, cache_dir: Path, shop: str) -> Mix:
    """Choose and place the tags for ``sound`` (frames, 2) and duck the music under them.

    The first tag starts within 4 s, the others 8 to 12 s after one another, each moved a little to where the
    music is loud, because a tag over a rest could simply be cut out. The sum of music and tags stays below
    ``PEAK``.
    """
    music = sound.mean(axis=1)
    music *= np.float32(10 ** ((TARGET_LUFS - loudness(sound=music, rate=RATE)) / 20))
    gain = np.ones_like(music)
    placed: list[Tag] = []
    total = np.zeros_like(music)
    for seconds in _starts(random=random, seconds=len(music) / RATE):
        phrase = tags.choose_phrase(random=random, shop=shop)
        speech = tags.colour(speech=tags.speak(phrase=phrase, cache_dir=cache_dir), random=random)
        level_db = random.uniform(*TAG_LEVEL_DB)
        start_ms = _loudest_start(music=music, seconds=seconds, frames=len(speech))
        first = start_ms * RATE // 1000
        speech = speech[: len(music) - first]
        under = music[first : first + len(speech)]
        level = max(QUIETEST_TAG, _rms(under) * 10 ** (level_db / 20))
        placed.append(Tag(start_ms=start_ms, sound=speech * np.float32(level / _rms(speech)), phrase=phrase))
        total[first : first + len(speech)] += placed[-1].sound
        _duck(gain=gain, first=first, last=first + len(speech))
    music *= gain
    total += music
    scale = np.float32(min(1.0, PEAK / float(np.abs(total).max())))
    return Mix(
        music=music * scale,
        tags=tuple(Tag(start_ms=tag.start_ms, sound=tag.sound * scale, phrase=tag.phrase) for tag in placed),
    )


def _starts(*, random: np.random.Generator, seconds: float) -> list[float]:
    """Rough starting times of the tags; at least one, however short the piece."""
    start = min(float(random.uniform(*FIRST_TAG_SECONDS)), max(0.0, seconds - SHORTEST_REST_SECONDS))
    starts = [start]
    while (start := start + float(random.uniform(*TAG_INTERVAL_SECONDS))) < seconds - SHORTEST_REST_SECONDS:
        starts.append(start)
    return starts


def _loudest_start(*, music: Sound, seconds: float, frames: int) -> int:
    """Millisecond within ``LARGEST_SHIFT_SECONDS`` of ``seconds`` at which ``frames`` cover most of the music."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(music, dtype=np.float64))])
    latest = max(0, (len(music) - frames) * 1000 // RATE)
    around = range(
        int((seconds - LARGEST_SHIFT_SECONDS) * 1000), int((seconds + LARGEST_SHIFT_SECONDS) * 1000), 25
    )
    candidates = np.clip(np.array(around), 0, latest)
    first = candidates * RATE // 1000
    last = np.minimum(first + frames, len(music))
    return int(candidates[int(np.argmax(energy[last] - energy[first]))])


def _duck(*, gain: Sound, first: int, last: int) -> None:
    """Lower ``gain`` to ``DUCK`` from ``first`` to ``last`` (frames), with ramps outside."""
    ramp = int(DUCK_RAMP_SECONDS * RATE)
    frames = np.arange(max(0, first - ramp), min(len(gain), last + ramp))
    outside = np.maximum(first - frames, frames - last + 1).clip(0, ramp) / ramp
    here = gain[frames[0] : frames[-1] + 1]
    np.minimum(here, (DUCK + (1 - DUCK) * outside).astype(np.float32), out=here)


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) or 1e-9


def _segment(sound: Sound) -> AudioSegment:
    """Return 16-bit mono audio for pydub."""
    with warnings.catch_warnings():
        # pydub 0.25.1 is the newest and imports a module that Python deprecates.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment

    samples = np.rint(sound * 32767).astype("<i2").tobytes()
    return AudioSegment(data=samples, sample_width=2, frame_rate=RATE, channels=1)
