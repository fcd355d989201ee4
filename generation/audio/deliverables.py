"""What an owner downloads, made of the stored master and score: each file labelled, the sound signed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generation.audio.engrave import write_pdf
from generation.audio.files import (
    dithered,
    encode_mp3,
    read_samples,
    read_sound_of,
    write_flac24,
    write_wav24,
)
from generation.audio.labels import Labels
from generation.audio.marks import Mark
from generation.audio.notices import write_labelled_score
from generation.audio.provenance import Signer, sign
from generation.audio.storage import workplace
from generation.audio.timing import cpu_timed

KILOBITS = 320
WAV, FLAC, MP3, PDF = "master.wav", "master.flac", "master.mp3", "score.pdf"


@dataclass(frozen=True, slots=True)
class Deliverables:
    """The files written, and the processor time each stage took, in seconds, that of ffmpeg included."""

    paths: list[Path]
    timings: dict[str, float] = field(compare=False)


def write_deliverables(
    *,
    master: Path,
    musicxml: Path,
    midi: Sequence[Path] = (),
    directory: Path,
    labels: Labels,
    signer: Signer | None = None,
    mark: Mark | None = None,
) -> Deliverables:
    """Write ``master.wav``, ``.flac`` and ``.mp3``, ``score.pdf`` and labelled copies of the scores.

    ``master`` is the FLAC of ``render``, ``musicxml`` and ``midi`` are the scores; any of them may lie in
    ``directory``, where the labelled copy replaces it. Without ``mark`` WAV and FLAC hold the master sample for
    sample. With it, the master is marked (float32, shape (frames, 2), in and out), dithered once to 24 bit, and all
    three come from those samples; equal labels give equal samples. With a ``signer`` the three carry a manifest,
    in which salt and signature differ from call to call. All files appear at the end or none does.

    Raises ``EncodingFailed`` for input that cannot be read, ``CredentialsUnusable``, ``SoundUnavailable`` or
    ``StorageFull``.
    """
    timings: dict[str, float] = {}
    footer = " · ".join(part for part in (labels.artist, labels.copyright, labels.comment) if part)
    with workplace(directory) as folder:
        wav, flac, mp3, pdf = (folder / name for name in (WAV, FLAC, MP3, PDF))
        if mark:
            with cpu_timed(timings, "decode"):
                sound = read_sound_of(master)
            with cpu_timed(timings, "mark"):
                sound = mark(sound)
                samples = dithered(sound=sound, seed=_seed_of(labels))
                del sound
        else:
            with cpu_timed(timings, "decode"):
                samples = read_samples(master)
        with cpu_timed(timings, "wav"):
            write_wav24(samples=samples, path=wav, labels=labels)
        with cpu_timed(timings, "flac"):
            write_flac24(samples=samples, path=flac, labels=labels)
        del samples
        with cpu_timed(timings, "mp3"):
            encode_mp3(source=wav, path=mp3, kilobits=KILOBITS, labels=labels)
        if signer:
            with cpu_timed(timings, "sign"):
                for path in (wav, flac, mp3):
                    sign(path=path, labels=labels, signer=signer)
        with cpu_timed(timings, "score_pdf"):
            write_pdf(musicxml=musicxml, path=pdf, title=labels.title, footer=footer)
        with cpu_timed(timings, "scores"):
            for source in (musicxml, *midi):
                write_labelled_score(source=source, path=folder / source.name, labels=labels)
        names = [WAV, FLAC, MP3, PDF, *(source.name for source in (musicxml, *midi))]
        paths = [(folder / name).replace(directory / name) for name in names]
    return Deliverables(paths=paths, timings=timings)


def _seed_of(labels: Labels) -> int:
    return int.from_bytes(hashlib.sha256(labels.copyright_id.encode()).digest()[:8])
