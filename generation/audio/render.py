"""From a score to the files of one composition."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from generation.audio import memory
from generation.audio.drawing import coarse_roll, waveform_peaks
from generation.audio.files import write_master
from generation.audio.marks import Mark
from generation.audio.master import LONGEST_TAIL_SECONDS, Sound, ended, in_room, master
from generation.audio.opening import opening_frames
from generation.audio.performance import LEAD_SECONDS, perform, performance_midi
from generation.audio.preview import (
    LARGEST_SHIFT_SECONDS,
    SPOKEN_SHOP,
    Spoken,
    Tagging,
    encode_preview,
    spoken_tags,
    write_opening,
    write_preview_mix,
)
from generation.audio.provenance import Signer
from generation.audio.room import whole_blocks
from generation.audio.storage import workplace
from generation.audio.synthesis import RATE, Synthesis
from generation.audio.timing import timed
from generation.audio.voices import Voice
from generation.composer.score import Score

Progress = Callable[[float], None]

PERFORMANCE = "performance.mid"
MASTER = "master.flac"
PREVIEW = "preview.mp3"
OPENING = "opening.mp3"
MIX = "mix.wav"

SETTLED_FRAMES = RATE // 5
"""How far from its end a beginning may differ in its mark from the whole piece."""

SYNTHESISED, PLACED, MASTERED, STORED = 0.6, 0.7, 0.8, 0.9
"""Share of the work behind us after each stage, as ``progress`` reports it."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What ``render`` found out about the files it wrote.

    ``seconds`` is the length of master and preview, ``lead_seconds`` the silence before its first note,
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
    mark: Mark | None = None,
    signer: Signer | None = None,
    on_opening: Callable[[], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
    progress: Progress | None = None,
) -> Rendering:
    """Write ``performance.mid``, ``master.flac`` (24 bit) and ``preview.mp3`` of ``score`` into ``directory``.

    Equal arguments give equal bytes on one machine, but for the manifest that a ``signer`` puts into opening and
    preview, with its salt and signature. All files appear at the end or none does: ``progress`` gets
    rising fractions up to 1 and may raise to cancel, and whatever is raised leaves nothing behind. Everything
    in the preview that varies follows from ``preview_secret``, the score and ``seed``. ``shop`` is what the
    tags say. ``cache_dir`` keeps sound fonts and spoken phrases between calls.

    With ``on_opening``, a piece of 20 s or more gets an ``opening.mp3`` too, the first bars of the preview to be. It
    appears as soon as it is done, before ``on_opening`` is called, and goes again on failure. ``meanwhile`` is called
    once, while the synthesizer works. ``mark`` puts the house mark into the sound (frames, 2), ahead of loudness and
    limiter; what it makes of a beginning must be the beginning of what it makes of the whole.

    Raises ``ValueError`` for a score that cannot be played, ``SoundUnavailable`` when a program or font is
    missing, ``StorageFull`` on a full disk, ``SynthesisFailed`` or ``EncodingFailed`` otherwise.
    """
    report = progress or (lambda fraction: None)
    timings: dict[str, float] = {}
    report(0.0)
    with workplace(directory) as folder, _gone_on_failure(directory / OPENING):
        with timed(timings, "performance"):
            performance = perform(score=score, seed=seed)
            midi = folder / PERFORMANCE
            midi.write_bytes(performance_midi(performance=performance, score=score))
        opening = opening_frames(score)
        tagging = Tagging(
            secret=preview_secret,
            identity=hashlib.sha256(repr((score, seed)).encode()).digest(),
            cache_dir=cache_dir,
            shop=shop,
        )
        with Synthesis(
            midi=midi,
            voice=performance.voice,
            seconds=performance.seconds,
            cache_dir=cache_dir,
            progress=lambda fraction: report(SYNTHESISED * fraction),
        ) as synthesis:
            spoken: list[Spoken] = []
            if on_opening and opening:
                with timed(timings, "opening"):
                    spoken = _render_opening(
                        synthesis,
                        frames=opening,
                        voice=performance.voice,
                        mark=mark,
                        tagging=tagging,
                        path=folder / OPENING,
                        signer=signer,
                    )
                (folder / OPENING).replace(directory / OPENING)
                on_opening()
            if meanwhile:
                meanwhile()
            with timed(timings, "tags"):
                latest = performance.seconds + LONGEST_TAIL_SECONDS
                spoken = spoken_tags(tagging=tagging, before=latest, known=spoken)
            with timed(timings, "synthesis"):
                sound = synthesis.whole()
        report(SYNTHESISED)
        # Each step takes the place of the one before: two whole sounds at once are the most that is in memory.
        with timed(timings, "room"):
            sound = in_room(sound=sound, rate=RATE, voice=performance.voice)
        if mark:
            with timed(timings, "mark"):
                sound = mark(sound)
        sound = ended(sound=sound, rate=RATE, music_seconds=performance.seconds)
        report(PLACED)
        with timed(timings, "preview_mix"):
            write_preview_mix(music=_mono(sound), path=folder / MIX, spoken=spoken, opening=opening)
        memory.give_back()
        with ThreadPoolExecutor(1, thread_name_prefix="preview") as beside:
            preview = beside.submit(_encode_preview, folder=folder, signer=signer, timings=timings)
            with timed(timings, "mastering"):
                mastered = master(sound=sound, rate=RATE)
            report(MASTERED)
            with timed(timings, "master_file"):
                write_master(sound=mastered.sound, path=folder / MASTER, seed=seed)
            report(STORED)
            peaks = preview.result()
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


def _mono(sound: Sound) -> Sound:
    """Half the sum of both sides, shape (frames,)."""
    mono: Sound = sound[:, 0] + sound[:, 1]
    mono *= np.float32(0.5)
    return mono


def _render_opening(
    synthesis: Synthesis,
    *,
    frames: int,
    voice: Voice,
    mark: Mark | None,
    tagging: Tagging,
    path: Path,
    signer: Signer | None,
) -> list[Spoken]:
    """Write the opening as soon as enough has been synthesized for it and its tags, and return those."""
    spoken = spoken_tags(tagging=tagging, before=frames / RATE + LARGEST_SHIFT_SECONDS)
    needed = max(frames, *(int(tag.heard_by * RATE) for tag in spoken)) + SETTLED_FRAMES
    dry = synthesis.beginning(frames=whole_blocks(needed))
    placed = in_room(sound=dry, rate=RATE, voice=voice)
    if mark:
        placed = mark(placed)
    write_opening(music=_mono(placed[: len(dry)]), frames=frames, path=path, spoken=spoken, signer=signer)
    return spoken


def _encode_preview(*, folder: Path, signer: Signer | None, timings: dict[str, float]) -> list[int]:
    """Encode the mixed preview and return its peaks."""
    with timed(timings, "preview"):
        encode_preview(mixed=folder / MIX, path=folder / PREVIEW, signer=signer)
    with timed(timings, "drawing"):
        return waveform_peaks(folder / PREVIEW)


@contextmanager
def _gone_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
