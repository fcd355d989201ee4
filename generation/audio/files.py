"""Audio files: the 24-bit master, the copies an owner downloads, and the encoding of MP3."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from generation.audio.errors import EncodingFailed
from generation.audio.labels import Container, Labels, append_id3, tagged
from generation.audio.process import run_program
from generation.audio.storage import replacing
from generation.audio.synthesis import RATE

Sound = npt.NDArray[np.float32]
Samples = npt.NDArray[np.int32]
"""24-bit samples in the upper bits, shape (frames, 2)."""

CHANNELS = 2
BLOCK_FRAMES = 1 << 16
FULL_SCALE = 1 << 23
COMPRESSION = 0.375
"""Of FLAC, from 0 to 1: in half the time of the usual 0.625, at 4 % more bytes."""

QUICK_LEVEL = "7"
"""LAME's ``-q``: 0 is its best, 9 its quickest, which is hardly quicker than 7."""

ENCODING_TIMEOUT_SECONDS = 120.0


def dithered(*, sound: Sound, seed: int) -> Samples:
    """Round ``sound`` (frames, 2) to 24 bit with triangular dither drawn from ``seed``."""
    samples = np.empty(sound.shape, dtype=np.int32)
    start = 0
    for block in _dithered_blocks(sound=sound, seed=seed):
        samples[start : start + len(block)] = block
        start += len(block)
    return samples


def _dithered_blocks(*, sound: Sound, seed: int) -> Iterator[Samples]:
    random = np.random.default_rng(seed)
    for start in range(0, len(sound), BLOCK_FRAMES):
        block = sound[start : start + BLOCK_FRAMES].astype(np.float64)
        block *= FULL_SCALE
        block += random.random(block.shape, dtype=np.float32)
        block -= random.random(block.shape, dtype=np.float32)
        np.rint(block, out=block)
        np.clip(block, -FULL_SCALE, FULL_SCALE - 1, out=block)
        yield block.astype(np.int32) << 8


def write_master(*, sound: Sound, path: Path, seed: int = 0) -> None:
    """Write ``sound`` (frames, 2) as 24-bit FLAC with triangular dither drawn from ``seed``.

    Raises ``StorageFull`` on a full disk; then no file is left.
    """
    _write(_packed(blocks=_dithered_blocks(sound=sound, seed=seed), container="FLAC"), path=path)


def read_samples(master: Path) -> Samples:
    """Read a master sample for sample. Raises ``EncodingFailed`` for anything but 44.1 kHz stereo audio."""
    samples: Samples = _read(master, dtype="int32")
    return samples


def read_sound_of(master: Path) -> Sound:
    """Read a master as float32, shape (frames, 2), which holds 24 bit exactly; otherwise as ``read_samples``."""
    sound: Sound = _read(master, dtype="float32")
    return sound


def read_mono_of(master: Path) -> Sound:
    """Read half the sum of both sides of a master, shape (frames, 1), in half the memory of ``read_sound_of``."""
    with _opened(master) as file:
        mono = np.zeros((file.frames, 1), dtype=np.float32)
        for start in range(0, len(mono), BLOCK_FRAMES):
            block = file.read(BLOCK_FRAMES, dtype="float32")
            np.add(block[:, 0], block[:, 1], out=mono[start : start + len(block), 0])
    mono *= np.float32(0.5)
    return mono


def _read(master: Path, *, dtype: str) -> npt.NDArray[Any]:
    with _opened(master) as file:
        content: npt.NDArray[Any] = file.read(dtype=dtype)
    return content


@contextmanager
def _opened(master: Path) -> Iterator[soundfile.SoundFile]:
    try:
        with soundfile.SoundFile(master) as file:
            if (file.samplerate, file.channels) != (RATE, CHANNELS):
                raise EncodingFailed(
                    f"{master} has {file.channels} channels at {file.samplerate} Hz; a master has 2 at {RATE}"
                )
            yield file
    except soundfile.LibsndfileError as error:
        if not master.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(master)) from error
        raise EncodingFailed(f"{master} cannot be read as audio: {error}") from error


def write_wav24(*, samples: Samples, path: Path, labels: Labels) -> None:
    """Write 24-bit WAV, with ``labels`` in its INFO list as far as that has names, and all of them as ID3v2.3."""
    with replacing(path) as temporary:
        with temporary.open("w+b") as file:
            _pack(file, blocks=_blocks(samples), container="WAV", labels=labels)
        with temporary.open("r+b") as file:
            append_id3(file, labels=labels)


def write_flac24(*, samples: Samples, path: Path, labels: Labels) -> None:
    """Write 24-bit FLAC with ``labels`` as Vorbis comments."""
    _write(
        tagged(_packed(blocks=_blocks(samples), container="FLAC"), labels=labels, container="FLAC"),
        path=path,
    )


def encode_mp3(
    *,
    source: Path,
    path: Path,
    kilobits: int,
    labels: Labels,
    low_pass_hertz: int | None = None,
    is_quick: bool = False,
) -> None:
    """Encode a WAV file at 44.1 kHz as MP3 with constant bit rate and ID3v2.3; equal input gives equal bytes.

    With ``is_quick`` LAME leaves out the shaping of its noise, which takes a third of its time. Raises
    ``SoundUnavailable`` without lame, ``StorageFull`` on a full disk, ``EncodingFailed`` otherwise; then no file is
    left.
    """
    options = ["--lowpass", f"{low_pass_hertz / 1000:g}"] if low_pass_hertz else []
    options += ["-q", QUICK_LEVEL] if is_quick else []
    with replacing(path) as temporary:
        run_program(
            # The same encoder within ffmpeg gives the same sound in three times the time and ten times the memory.
            command=[
                *("lame", "--silent", "--cbr", "-b", str(kilobits), "--resample", f"{RATE / 1000:g}"),
                *("--noreplaygain", *options, str(source), str(temporary)),
            ],
            timeout=ENCODING_TIMEOUT_SECONDS,
            failure=EncodingFailed,
        )
        encoded = temporary.read_bytes()
        if not encoded:
            raise EncodingFailed(f"lame wrote nothing for {path.name}")
        temporary.write_bytes(tagged(encoded, labels=labels, container="MP3"))


def _blocks(samples: Samples) -> Iterator[Samples]:
    for start in range(0, len(samples), BLOCK_FRAMES):
        yield samples[start : start + BLOCK_FRAMES]


def _packed(*, blocks: Iterable[Samples], container: Container) -> bytes:
    packed = io.BytesIO()
    _pack(packed, blocks=blocks, container=container)
    return packed.getvalue()


def _pack(
    target: BinaryIO, *, blocks: Iterable[Samples], container: Container, labels: Labels | None = None
) -> None:
    with soundfile.SoundFile(
        target,
        "w",
        samplerate=RATE,
        channels=CHANNELS,
        format=container,
        subtype="PCM_24",
        compression_level=COMPRESSION if container == "FLAC" else None,
    ) as file:
        if labels:
            for name in ("title", "artist", "copyright", "comment"):
                if text := getattr(labels, name):
                    setattr(file, name, text)
        for block in blocks:
            file.write(block)


def _write(content: bytes, *, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
