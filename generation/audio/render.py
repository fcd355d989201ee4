"""From a score to the files of one composition."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from generation.audio.drawing import coarse_roll, waveform_peaks
from generation.audio.files import write_master
from generation.audio.master import master
from generation.audio.performance import LEAD_SECONDS, perform, performance_midi
from generation.audio.preview import SPOKEN_SHOP, write_preview
from generation.audio.storage import workplace
from generation.audio.synthesis import RATE, synthesize
from generation.composer.score import Score

Progress = Callable[[float], None]

PERFORMANCE = "performance.mid"
MASTER = "master.flac"
PREVIEW = "preview.mp3"

SYNTHESISED, MASTERED, STORED, PREVIEWED = 0.45, 0.65, 0.75, 0.95
"""Share of the work behind us after each stage, as ``progress`` reports it."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What ``render`` found out about the files it wrote.

    ``seconds`` is the length of master and preview, ``lead_seconds`` the silence before step 0 of the score,
    ``peaks`` and ``roll`` are described in ``drawing``, ``timings`` maps each stage to its seconds.
    """

    seconds: float
    lead_seconds: float
    loudness_lufs: float
    true_peak_dbtp: float
    peaks: list[int]
    roll: list[tuple[int, int, int]]
    timings: dict[str, float] = field(compare=False)


def render(
    score: Score,
    *,
    directory: Path,
    seed: int,
    preview_secret: bytes,
    cache_dir: Path,
    shop: str = SPOKEN_SHOP,
    progress: Progress | None = None,
) -> Rendering:
    """Write ``performance.mid``, ``master.flac`` (24 bit) and ``preview.mp3`` of ``score`` into ``directory``.

    Equal arguments give equal bytes on one machine. All files appear at the end or none does: ``progress`` gets
    rising fractions up to 1 and may raise to cancel, and whatever is raised leaves nothing behind. Everything
    in the preview that varies follows from ``preview_secret``, the score and ``seed``. ``shop`` is what the
    tags say. ``cache_dir`` keeps sound fonts and spoken phrases between calls.

    Raises ``ValueError`` for a score that cannot be played, ``SoundUnavailable`` when a program or font is
    missing, ``StorageFull`` on a full disk, ``SynthesisFailed`` or ``EncodingFailed`` otherwise.
    """
    report = progress or (lambda fraction: None)
    timings: dict[str, float] = {}
    report(0.0)
    with workplace(directory) as folder:
        with _timed(timings, "performance"):
            performance = perform(score=score, seed=seed)
            midi = folder / PERFORMANCE
            midi.write_bytes(performance_midi(performance=performance, score=score))
        with _timed(timings, "synthesis"):
            sound = synthesize(
                midi=midi,
                voice=performance.voice,
                seconds=performance.seconds,
                cache_dir=cache_dir,
                progress=lambda fraction: report(SYNTHESISED * fraction),
            )
        report(SYNTHESISED)
        with _timed(timings, "mastering"):
            mastered = master(
                sound=sound,
                rate=RATE,
                room=performance.voice.room,
                music_seconds=performance.seconds,
            )
            del sound
        report(MASTERED)
        with _timed(timings, "master_file"):
            write_master(sound=mastered.sound, path=folder / MASTER, seed=seed)
        report(STORED)
        with _timed(timings, "preview"):
            write_preview(
                sound=mastered.sound,
                path=folder / PREVIEW,
                secret=preview_secret,
                identity=hashlib.sha256(repr((score, seed)).encode()).digest(),
                cache_dir=cache_dir,
                shop=shop,
            )
        report(PREVIEWED)
        with _timed(timings, "drawing"):
            peaks = waveform_peaks(folder / PREVIEW)
            roll = coarse_roll(score)
        report(1.0)
        for name in (PERFORMANCE, MASTER, PREVIEW):
            (folder / name).replace(directory / name)
    return Rendering(
        seconds=len(mastered.sound) / RATE,
        lead_seconds=LEAD_SECONDS,
        loudness_lufs=mastered.loudness_lufs,
        true_peak_dbtp=mastered.true_peak_dbtp,
        peaks=peaks,
        roll=roll,
        timings=timings,
    )


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    timings[stage] = round(time.perf_counter() - began, 3)
