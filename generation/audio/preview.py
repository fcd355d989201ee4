"""The preview: the same performance as the master, in mono, with spoken tags mixed in before it is encoded.

One preview a composition, frozen: several different previews of one piece could be averaged until the tags
are gone. So everything that varies comes from a secret and the piece, and never from chance. The opening that is
heard while the rest is in work is the beginning of that same mix, at a gain of its own: each tag draws from a stream
of its own, and nothing in the mix depends on what comes after a tag.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generation.audio import tags
from generation.audio.errors import SynthesisFailed
from generation.audio.files import encode_mp3
from generation.audio.labels import Labels
from generation.audio.levels import loudness
from generation.audio.master import limiter_gain
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

PEAK_DB = -2.0
"""Highest sample before encoding: MP3 at this rate can overshoot by about 1 dB."""

FIRST_TAG_SECONDS = (0.8, 3.2)
TAG_INTERVAL_SECONDS = (8.4, 11.6)
LARGEST_SHIFT_SECONDS = 0.4
SHORTEST_REST_SECONDS = 2.5
TAG_LEVEL_DB = (-3.5, -0.5)
"""Loudness of a tag against the music it covers, before the music is ducked."""

QUIETEST_TAG_DB = -5.0
"""Against the music so far: what a tag over a soft place has at least."""

LOUDEST_TAG_DB = 3.0
"""Against the music it covers, before that is ducked: what even a tag over a rest does not exceed."""

DUCK = 10 ** (-4.0 / 20)
DUCK_RAMP_SECONDS = 0.2
OPENING_FADE_SECONDS = 0.8
OPENING_SOFTER_DB = 0.6
"""How much softer pieces begin than they go on, as measured over 64 pieces of eleven instruments."""

LARGEST_GAIN_CHANGE_DB = 1.0
"""How far a preview may be from ``TARGET_LUFS`` so that it goes on as its opening began."""


@dataclass(frozen=True, slots=True)
class Tagging:
    """What the tags of one piece follow from; nobody can repeat them without ``secret``.

    ``identity`` stands for the piece, ``shop`` is what the tags say, ``cache_dir`` keeps plain recordings.
    """

    secret: bytes
    identity: bytes
    cache_dir: Path
    shop: str = SPOKEN_SHOP

    def stream(self, index: int) -> np.random.Generator:
        """Draws all that varies in one tag."""
        message = b"soloscore preview\0" + index.to_bytes(4, "big") + self.identity
        digest = hmac.new(self.secret, message, hashlib.sha256).digest()
        return np.random.default_rng(int.from_bytes(digest, "big"))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A tag before it has its place: about when it begins, its sound of shape (frames,), peak 1, and its level."""

    seconds: float
    level_db: float
    sound: Sound
    phrase: tags.Phrase

    @property
    def heard_by(self) -> float:
        """Second by which the tag is over, wherever it is placed."""
        return self.seconds + LARGEST_SHIFT_SECONDS + len(self.sound) / RATE


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

    def beginning(self, *, frames: int) -> Mix:
        """Return the first ``frames``, faded out at their end."""
        fade = np.ones(frames, dtype=np.float32)
        falling = min(frames, int(OPENING_FADE_SECONDS * RATE))
        fade[frames - falling :] = 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, falling))
        kept = (tag for tag in self.tags if tag.first < frames)
        return Mix(music=self.music[:frames] * fade, tags=tuple(_louder(tag, gain=fade) for tag in kept))


def spoken_tags(*, tagging: Tagging, before: float, known: Sequence[Spoken] = ()) -> list[Spoken]:
    """Return the tags of a piece that begin at about ``before`` seconds or sooner; at least one.

    Each draws from a stream of its own, so that the first ones are the same however many follow: ``known`` are those
    that were made already. Raises ``SoundUnavailable`` without espeak-ng.
    """
    spoken = list(known)
    seconds = spoken[-1].seconds if spoken else 0.0
    while True:
        random = tagging.stream(len(spoken))
        seconds += float(random.uniform(*(TAG_INTERVAL_SECONDS if spoken else FIRST_TAG_SECONDS)))
        if spoken and seconds >= before:
            return spoken
        phrase = tags.choose_phrase(random=random, shop=tagging.shop)
        sound = tags.colour(speech=tags.speak(phrase=phrase, cache_dir=tagging.cache_dir), random=random)
        level_db = float(random.uniform(*TAG_LEVEL_DB))
        spoken.append(Spoken(seconds=seconds, level_db=level_db, sound=sound, phrase=phrase))


def _beginning_before(spoken: Sequence[Spoken], *, seconds: float) -> list[Spoken]:
    """Return the tags that begin sooner than ``seconds``; the first one is kept, and begins sooner if need be."""
    first, *others = spoken
    first = replace(first, seconds=min(first.seconds, max(0.0, seconds)))
    return [first, *(tag for tag in others if tag.seconds < seconds)]


def write_preview(
    *,
    music: Sound,
    path: Path,
    tagging: Tagging,
    opening: int | None = None,
    signer: Signer | None = None,
) -> None:
    """Write the tagged preview of a whole piece, mono of shape (frames,), as MP3, 96 kbit/s, 44.1 kHz.

    It has the length of ``music``, which is changed in place. Equal arguments give equal bytes; with a ``signer`` all
    but the salt and signature of the manifest. With ``opening``, the
    frames of the opening that can be heard before, the gain is that of the opening as far as
    ``LARGEST_GAIN_CHANGE_DB`` allows, so that nobody hears the one become the other. Raises ``SoundUnavailable``
    without espeak-ng or ffmpeg, ``StorageFull`` on a full disk, ``SynthesisFailed`` for silence; then no file is left.
    """
    with workplace(path.parent) as folder:
        mixed = folder / "mix.wav"
        spoken = spoken_tags(tagging=tagging, before=len(music) / RATE)
        write_preview_mix(music=music, path=mixed, spoken=spoken, opening=opening)
        encode_preview(mixed=mixed, path=path, signer=signer)


def write_preview_mix(
    *, music: Sound, path: Path, spoken: Sequence[Spoken], opening: int | None = None
) -> None:
    """Write what ``write_preview`` encodes, as 16-bit WAV: the part of it that takes memory.

    ``spoken`` are tags for at least the length of ``music``; those that would begin at its very end are left out.
    """
    spoken = _beginning_before(spoken, seconds=len(music) / RATE - SHORTEST_REST_SECONDS)
    gain_db = _gain_db(music, target_lufs=TARGET_LUFS)
    if opening is not None:
        so_far = _gain_db(music[:opening], target_lufs=TARGET_LUFS - OPENING_SOFTER_DB)
        gain_db = float(np.clip(so_far, gain_db - LARGEST_GAIN_CHANGE_DB, gain_db + LARGEST_GAIN_CHANGE_DB))
    _write_mix(tagged_mix(music=music, spoken=spoken, gain_db=gain_db), path=path)


def encode_preview(*, mixed: Path, path: Path, signer: Signer | None = None) -> None:
    """Encode ``mixed``, a mix in a WAV file, as a preview: the part that takes a program."""
    labels = Labels(title="Preview", comment="AI-generated music. Tagged preview, not for use.")
    with workplace(path.parent) as folder:
        encoded = folder / path.name
        encode_mp3(
            source=mixed,
            path=encoded,
            kilobits=KILOBITS,
            labels=labels,
            low_pass_hertz=LOW_PASS_HERTZ,
            is_quick=True,
        )
        if signer:
            sign(path=encoded, labels=labels, signer=signer)
        encoded.replace(path)


def write_opening(
    *, music: Sound, frames: int, path: Path, spoken: Sequence[Spoken], signer: Signer | None = None
) -> None:
    """Write the first ``frames`` of what ``write_preview`` will write, faded out at their end.

    ``music`` is the beginning of the piece, long enough for the last of the ``spoken`` tags. Music and tags are those
    of the preview but for a gain. Raises as ``write_preview``.
    """
    gain_db = _gain_db(music[:frames], target_lufs=TARGET_LUFS - OPENING_SOFTER_DB)
    mix = tagged_mix(music=music, spoken=spoken, gain_db=gain_db).beginning(frames=frames)
    with workplace(path.parent) as folder:
        mixed = folder / "mix.wav"
        _write_mix(mix, path=mixed)
        encode_preview(mixed=mixed, path=path, signer=signer)


def tagged_mix(*, music: Sound, spoken: Sequence[Spoken], gain_db: float) -> Mix:
    """Place the tags over ``music`` of shape (frames,), duck it under them, and bring both to ``gain_db``.

    The first tag starts within 4 s, the others 8 to 12 s after one another, each moved a little to where the
    music is loud, because a tag over a rest could simply be cut out. Peaks are held below ``PEAK_DB``. Nothing
    depends on what comes later than a tag: the mix of a beginning is the beginning of the mix. ``music`` is changed
    in place.
    """
    placed = [_placed(tag, music=music) for tag in spoken]
    for tag in placed:
        _duck(music=music, first=tag.first, last=tag.first + len(tag.sound))
    peaks = music.copy()
    for tag in placed:
        peaks[tag.first : tag.first + len(tag.sound)] += tag.sound
    np.abs(peaks, out=peaks)
    gain = limiter_gain(peaks=peaks, gain_db=gain_db, ceiling_db=PEAK_DB, rate=RATE)
    music *= gain
    return Mix(music=music, tags=tuple(_louder(tag, gain=gain) for tag in placed))


def _gain_db(music: Sound, *, target_lufs: float) -> float:
    measured = loudness(sound=music, rate=RATE)
    if not np.isfinite(measured):
        raise SynthesisFailed("the sound is too quiet or too short for a preview")
    return target_lufs - measured


def _write_mix(mix: Mix, *, path: Path) -> None:
    mixed = _segment(mix.music)
    for tag in mix.tags:
        mixed = mixed.overlay(_segment(tag.sound), position=tag.start_ms)
    mixed.export(path, format="wav").close()


def _placed(spoken: Spoken, *, music: Sound) -> Tag:
    """Put a tag where ``music`` is loud near its time, at its level against what it covers."""
    start_ms = _loudest_start(music=music, seconds=spoken.seconds, frames=len(spoken.sound))
    first = start_ms * RATE // 1000
    speech = spoken.sound[: len(music) - first]
    last = first + len(speech)
    covered = _rms(music[first:last])
    level = max(
        covered * 10 ** (spoken.level_db / 20),
        min(_rms(music[:last]) * 10 ** (QUIETEST_TAG_DB / 20), covered * 10 ** (LOUDEST_TAG_DB / 20)),
    )
    return Tag(start_ms=start_ms, sound=speech * np.float32(level / _rms(speech)), phrase=spoken.phrase)


def _loudest_start(*, music: Sound, seconds: float, frames: int) -> int:
    """Millisecond within ``LARGEST_SHIFT_SECONDS`` of ``seconds`` at which ``frames`` cover most of the music."""
    latest = max(0, (len(music) - frames) * 1000 // RATE)
    around = range(
        int((seconds - LARGEST_SHIFT_SECONDS) * 1000), int((seconds + LARGEST_SHIFT_SECONDS) * 1000), 25
    )
    candidates = np.clip(np.array(around), 0, latest)
    first = candidates * RATE // 1000
    here = music[first[0] : first[-1] + frames]
    energy = np.concatenate([[0.0], np.cumsum(np.square(here, dtype=np.float64))])
    begins = first - first[0]
    ends = np.minimum(begins + frames, len(here))
    return int(candidates[int(np.argmax(energy[ends] - energy[begins]))])


def _duck(*, music: Sound, first: int, last: int) -> None:
    """Lower ``music`` to ``DUCK`` of what it is from ``first`` to ``last`` (frames), with ramps outside."""
    ramp = int(DUCK_RAMP_SECONDS * RATE)
    frames = np.arange(max(0, first - ramp), min(len(music), last + ramp))
    outside = np.maximum(first - frames, frames - last + 1).clip(0, ramp) / ramp
    music[frames[0] : frames[-1] + 1] *= (DUCK + (1 - DUCK) * outside).astype(np.float32)


def _louder(tag: Tag, *, gain: Sound) -> Tag:
    """Return a tag with the part of ``gain`` (frames,) on it that it covers, cut where that ends."""
    here = gain[tag.first : tag.first + len(tag.sound)]
    return replace(tag, sound=tag.sound[: len(here)] * here)


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
