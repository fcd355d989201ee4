"""Turn a performance into sound with FluidSynth and a sampled instrument."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from generation.audio.errors import StorageFull, SynthesisFailed
from generation.audio.process import run_program
from generation.audio.soundfont import cut_out
from generation.audio.voices import Voice, trusted_font

logger = logging.getLogger(__name__)

RATE = 44_100
"""Frames a second of everything this package makes."""

FRAME_BYTES = 8
GAIN = 0.6
POLYPHONY = 256
CUT_LAYOUT = 1
"""Part of the name of cached cut-outs; raise it when ``soundfont.cut_out`` writes another content."""

Stereo = npt.NDArray[np.float32]


def prepare_font(*, voice: Voice, cache_dir: Path) -> Path:
    """Return a small font with the samples of ``voice``, made once a machine and kept in ``cache_dir``.

    The first call for the piano takes about 3 s and leaves 100 MB; other instruments are far below. A changed
    source font gives a new name. Where the cache cannot be written the source font itself is returned, which
    sounds the same and costs 2 s a render. Raises ``SoundUnavailable`` without a font that may be rendered with.
    """
    source = trusted_font(voice.font).resolve()
    state = source.stat()
    name = f"{source.stem}-{state.st_size:x}-{state.st_mtime_ns:x}-{voice.program}-v{CUT_LAYOUT}.sf2"
    cut = cache_dir / "fonts" / name
    if not cut.is_file():
        try:
            cut_out(source=source, bank=0, program=voice.program, target=cut)
        except (StorageFull, OSError) as error:
            logger.warning(
                "No cut-out of %s in %s, rendering will be slower: %s", source.name, cache_dir, error
            )
            return source
    return cut


def synthesize(
    *,
    midi: Path,
    voice: Voice,
    seconds: float,
    cache_dir: Path,
    progress: Callable[[float], None] | None = None,
) -> Stereo:
    """Return the dry sound of ``midi``, float32 of shape (frames, 2) at 44.1 kHz, with the whole last decay.

    ``seconds`` is when the last key is left; it sets the time limit and is checked against what came out.
    ``progress`` gets rising fractions up to 1 and may raise to stop. Raises ``SynthesisFailed`` or
    ``SoundUnavailable``.
    """
    font = prepare_font(voice=voice, cache_dir=cache_dir)
    sound = bytearray()

    def collect(data: bytes) -> None:
        sound.extend(data)
        if progress is not None:
            progress(min(1.0, len(sound) / (seconds * RATE * FRAME_BYTES)))

    settings = {
        "synth.dynamic-sample-loading": 1,
        "synth.polyphony": POLYPHONY,
        "synth.reverb.active": 0,
        "synth.chorus.active": 0,
        "synth.gain": GAIN,
        "synth.sample-rate": RATE,
        "audio.file.type": "raw",
        "audio.file.format": "float",
        "audio.file.endian": "little",
        "audio.file.name": "/dev/stdout",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    said = run_program(
        command=[
            "fluidsynth",
            "-niq",
            "-f",
            "/dev/null",
            *options,
            "-F",
            "/dev/stdout",
            str(font),
            str(midi),
        ],
        timeout=60 + 4 * seconds,
        failure=SynthesisFailed,
        on_output=collect,
    )
    # FluidSynth carries on with the system's default font when ours cannot be read, and ends with status 0.
    if re.search(rf"error:|not a SoundFont|\[bank=0 prog={voice.program}\]", said):
        raise SynthesisFailed(f"fluidsynth could not play {midi.name} with {font.name}: {said.strip()}")
    frames = np.frombuffer(sound, dtype="<f4")
    if len(frames) % 2 or len(frames) < 2 * RATE * (seconds - 0.5):
        raise SynthesisFailed(
            f"fluidsynth gave {len(frames) / 2 / RATE:.1f} s of sound for a piece of {seconds:.1f} s"
        )
    if not np.isfinite(frames).all() or float(np.abs(frames).max()) < 1e-5:
        raise SynthesisFailed(f"fluidsynth gave silence for {midi.name}")
    return frames.reshape(-1, 2)
