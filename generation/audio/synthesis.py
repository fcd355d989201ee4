"""Turn a performance into sound with FluidSynth and a sampled instrument."""

from __future__ import annotations

import logging
import math
import re
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from generation.audio.errors import StorageFull, SynthesisFailed
from generation.audio.expression import EXPRESSIONS
from generation.audio.performance import Performance, performance_midi
from generation.audio.process import run_program
from generation.audio.soundfont import cut_out
from generation.audio.voices import Voice, trusted_font
from generation.composer.score import Score

logger = logging.getLogger(__name__)

RATE = 44_100
"""Frames a second of everything this package makes."""

FRAME_BYTES = 8
GAIN = 0.6
POLYPHONY = 256
PERIOD_FRAMES = 2048
"""What FluidSynth writes at a time. Up to here it gives the same samples as with its usual 64, in fewer writes."""

LOOKS_APART = 0.1
"""Seconds between two reports of progress while nothing else happens."""

SILENT = 1e-5
CUT_LAYOUT = 2
"""Part of the name of cached cut-outs; raise it when ``soundfont.cut_out`` writes another content."""

Stereo = npt.NDArray[np.float32]


def prepare_font(*, voice: Voice, cache_dir: Path, spare: Path) -> Path:
    """Return a small font with the samples of ``voice``, made once a machine and kept in ``cache_dir``.

    The first call for the piano takes about 2 s and leaves 53 MB; other instruments are far below. A changed
    source font gives a new name. Where the cache cannot be written the font is made anew in the folder ``spare``.
    Raises ``SoundUnavailable`` without a font that may be rendered with, ``StorageFull`` on a full disk.
    """
    source = trusted_font(voice.font).resolve()
    state = source.stat()
    manner = EXPRESSIONS[voice.slug]
    velocities = (manner.softest, manner.loudest)
    parts = (f"{state.st_size:x}", f"{state.st_mtime_ns:x}", voice.program, *velocities, f"v{CUT_LAYOUT}")
    name = "-".join(map(str, (source.stem, *parts))) + ".sf2"
    cut = cache_dir / "fonts" / name
    if not cut.is_file():
        cut_to = partial(cut_out, source=source, bank=0, program=voice.program, velocities=velocities)
        try:
            cut_to(target=cut)
        except (StorageFull, OSError) as error:
            logger.warning(
                "No cut-out of %s in %s, rendering will be slower: %s", source.name, cache_dir, error
            )
            cut = spare / name
            cut_to(target=cut)
    return cut


class Synthesis:
    """FluidSynth at work on ``midi``; its sound is to be had as far as it has come.

    ``seconds`` is when the last key is left; it sets the time limit and is checked against what came out. While
    something is waited for, ``progress`` gets rising fractions up to 1 and may raise to stop. Leaving the context ends
    the program. Raises ``SoundUnavailable`` without font or program.
    """

    def __init__(
        self,
        *,
        midi: Path,
        voice: Voice,
        seconds: float,
        cache_dir: Path,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self._progress = progress
        self._midi = midi
        self._voice = voice
        self._seconds = seconds
        self._font = prepare_font(voice=voice, cache_dir=cache_dir, spare=midi.parent)
        self._sound = bytearray()
        self._grown = threading.Condition()
        self._wanted = math.inf
        self._stopped = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="synthesis")
        self._said: Future[str] | None = None

    def __enter__(self) -> Self:
        self._said = self._thread.submit(self._run)
        self._said.add_done_callback(lambda _: self._notify())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._thread.shutdown()
        # Whoever has the sound keeps it; this object may live longer.
        self._sound = bytearray()

    def beginning(self, *, frames: int) -> Stereo:
        """Wait for the first ``frames`` of dry sound and return them, float32 of shape (frames, 2) at 44.1 kHz.

        Raises ``SynthesisFailed``.
        """
        size = frames * FRAME_BYTES
        self._wait(size=size)
        if len(self._sound) < size:
            return self.whole()[:frames]
        with self._grown:
            return np.frombuffer(self._sound[:size], dtype="<f4").reshape(-1, 2)

    def whole(self) -> Stereo:
        """Wait for the end and return the dry sound with the whole last decay; otherwise as ``beginning``."""
        said = self._wait()
        # FluidSynth ends with status 0 although it could not read the font, or played another sound.
        if re.search(rf"error:|not a SoundFont|\[bank=0 prog={self._voice.program}\]", said):
            raise SynthesisFailed(
                f"fluidsynth could not play {self._midi.name} with {self._font.name}: {said.strip()}"
            )
        frames = len(self._sound) / FRAME_BYTES
        if frames % 1 or frames < RATE * (self._seconds - 0.5):
            raise SynthesisFailed(
                f"fluidsynth gave {frames / RATE:.1f} s of sound for a piece of {self._seconds:.1f} s"
            )
        sound = np.frombuffer(self._sound, dtype="<f4").reshape(-1, 2)
        lowest, highest = float(sound.min(initial=0.0)), float(sound.max(initial=0.0))
        if not math.isfinite(lowest - highest) or highest - lowest < SILENT:
            raise SynthesisFailed(f"fluidsynth gave silence for {self._midi.name}")
        return sound

    def _wait(self, *, size: float = math.inf) -> str:
        """Wait for ``size`` bytes or the end; return what the program said if it is at its end."""
        if self._said is None:
            raise RuntimeError("use the synthesis as a context")
        said = self._said
        while True:
            with self._grown:
                self._wanted = size
                self._grown.wait_for(
                    lambda: said.done() or len(self._sound) >= size,
                    timeout=LOOKS_APART,
                )
                come = len(self._sound)
            if self._progress is not None:
                self._progress(min(1.0, come / (self._seconds * RATE * FRAME_BYTES)))
            if said.done():
                return said.result()
            if come >= size:
                return ""

    def _collect(self, data: bytes) -> None:
        if self._stopped:
            raise InterruptedError
        with self._grown:
            self._sound += data
            if len(self._sound) >= self._wanted:
                self._grown.notify_all()

    def _notify(self) -> None:
        with self._grown:
            self._grown.notify_all()

    def _run(self) -> str:
        settings = {
            "synth.dynamic-sample-loading": 1,
            "synth.default-soundfont": "/dev/null",
            "synth.polyphony": POLYPHONY,
            "synth.reverb.active": 0,
            "synth.chorus.active": 0,
            "synth.gain": GAIN,
            "synth.sample-rate": RATE,
            "audio.period-size": PERIOD_FRAMES,
            "audio.file.type": "raw",
            "audio.file.format": "float",
            "audio.file.endian": "little",
            "audio.file.name": "/dev/stdout",
        }
        options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
        return run_program(
            command=[
                *("fluidsynth", "-niq", "-f", "/dev/null", *options, "-F", "/dev/stdout"),
                *(str(self._font), str(self._midi)),
            ],
            timeout=60 + 4 * self._seconds,
            failure=SynthesisFailed,
            on_output=self._collect,
        )


def played(*, performance: Performance, score: Score, cache_dir: Path) -> Stereo:
    """Return the whole dry sound of a performance of ``score``, float32 of shape (frames, 2) at 44.1 kHz.

    Raises what ``Synthesis`` raises.
    """
    with tempfile.TemporaryDirectory() as folder:
        midi = Path(folder) / "performance.mid"
        midi.write_bytes(performance_midi(performance=performance, score=score))
        with Synthesis(
            midi=midi, voice=performance.voice, seconds=performance.seconds, cache_dir=cache_dir
        ) as synthesis:
            return synthesis.whole()
