"""Read any sound file that a stranger gives, with bounds on time and memory."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from generation.audio.errors import NotAudio
from generation.audio.process import run_program
from generation.audio.synthesis import RATE

Sound = npt.NDArray[np.float32]

SHORTEST_SECONDS = 0.1
FRAME_BYTES = 4
LAYOUTS = ("mono", "stereo")
MOST_CHANNELS = len(LAYOUTS)
BLOCK_FRAMES = 1 << 18
LARGEST_ALLOCATION = 64 << 20
"""Bytes that ffmpeg may ask for at once."""

CONTAINERS = (
    "aac,aiff,amr,ape,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp3,mp4,mpeg,mpegts,ogg,opus,tta,w64,wav,wv"
)
"""Formats that hold their sound themselves. Playlists are left out: they name other files, which ffmpeg would open."""

AU_HEADER = struct.Struct(">4s5I")


def read_sound(
    path: Path, *, seconds: float = 240.0, timeout: float = 4.0, channels: int = MOST_CHANNELS
) -> tuple[Sound, int]:
    """Return the first ``seconds`` of ``path``, float32 of shape (frames, channels), and its rate, 44.1 kHz.

    The content decides, not the name. Of a damaged or truncated file, or of one that takes longer than
    ``timeout`` seconds to decode, what could be read until then is returned. More than ``channels``, 1 or 2, are mixed
    down to so many. Memory: the result, and ffmpeg beside it. Raises ``NotAudio`` if there is no sound of at least
    ``SHORTEST_SECONDS``, ``SoundUnavailable`` without ffmpeg.
    """
    if not path.is_file():
        raise NotAudio(
            f"{path.name} is not a file; name a sound file such as WAV, FLAC, MP3, M4A, OGG or Opus."
        )
    collected = _Collector(frames=int(seconds * RATE), channels=channels)
    try:
        run_program(
            command=_command(path=path, seconds=seconds, channels=channels),
            timeout=timeout,
            failure=NotAudio,
            on_output=collected,
        )
    except NotAudio:
        sound = collected.sound()
    else:
        sound = collected.sound()
    if len(sound) < SHORTEST_SECONDS * RATE:
        raise NotAudio(
            f"{path.name} holds no sound that can be read; give a WAV, FLAC, MP3, M4A, OGG or Opus file of at least "
            f"{SHORTEST_SECONDS:g} s."
        )
    return sound, RATE


class _Collector:
    """Takes an AU stream piece by piece: a header of its own length, then big-endian float32."""

    def __init__(self, *, frames: int, channels: int) -> None:
        # Pages that are never written cost nothing, and a buffer that grows would be there twice for a moment.
        self._data = np.empty(1024 + frames * channels * FRAME_BYTES, dtype=np.uint8)
        self._used = 0

    def __call__(self, data: bytes) -> None:
        piece = np.frombuffer(data, dtype=np.uint8)[: len(self._data) - self._used]
        self._data[self._used : self._used + len(piece)] = piece
        self._used += len(piece)

    def sound(self) -> Sound:
        """Return all whole frames so far, shape (frames, channels); none if not even the header has come."""
        if self._used < AU_HEADER.size:
            return np.empty((0, 1), dtype=np.float32)
        _, offset, _, _, _, channels = AU_HEADER.unpack(self._data[: AU_HEADER.size].tobytes())
        frames = max(0, self._used - offset) // (channels * FRAME_BYTES)
        samples = self._data[offset : offset + frames * channels * FRAME_BYTES].view(">f4")
        samples.byteswap(inplace=True)
        sound = samples.view("<f4").reshape(frames, channels)
        for start in range(0, frames, BLOCK_FRAMES):
            block = sound[start : start + BLOCK_FRAMES]
            block[~np.isfinite(block)] = 0.0
        return sound


def _command(*, path: Path, seconds: float, channels: int) -> list[str]:
    layouts = "|".join(LAYOUTS[:channels])
    return [
        *("ffmpeg", "-nostdin", "-loglevel", "error", "-max_alloc", str(LARGEST_ALLOCATION), "-threads", "1"),
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS),
        *("-i", f"file:{path.resolve()}", "-map", "0:a:0", "-t", f"{seconds:g}"),
        *("-af", f"aresample={RATE},aformat=sample_fmts=flt:channel_layouts={layouts}"),
        *("-codec:a", "pcm_f32be", "-f", "au", "pipe:1"),
    ]
