"""Every instrument against the gates: pieces recorded as the worker records them, measured, one of them twice."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from generation.audio.evaluation import gates
from generation.audio.evaluation.gates import Measured, Sound
from generation.audio.evaluation.report import Figure, Report, Table
from generation.audio.files import read_samples, read_sound_of, write_master
from generation.audio.marks import house
from generation.audio.performance import Performance, perform
from generation.audio.recording import recorded
from generation.audio.render import MASTER, render
from generation.audio.synthesis import RATE
from generation.composer.score import Score

PLANTED = 20
PLANTED_DBFS = (-30.0, -20.0)
PLANTED_FOUND_FRAMES = 100
SECRET = b"measurement"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """A score to be recorded with ``seed``; ``ordered`` is the length wished in seconds."""

    score: Score
    seed: int
    ordered: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One instrument: its pieces as measured, whether a master came out the same bits again, planted clicks found.

    ``found`` counts, for each level of ``PLANTED_DBFS``, those of ``PLANTED`` single samples put into a master that the
    test for clicks finds.
    """

    instrument: str
    measured: tuple[Measured, ...]
    repeated: bool
    found: tuple[int, ...]


def measure_instrument(pieces: Sequence[Piece], *, cache_dir: Path, progress: Progress) -> Outcome:
    """Record and measure pieces of one instrument, at least one; ``progress`` is told the name of each gate failed.

    Raises what ``perform``, ``played`` and ``master`` raise.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        measured = []
        for number, piece in enumerate(pieces, start=1):
            performance = _record(piece, path=folder / MASTER, cache_dir=cache_dir)
            one = _measured(piece, path=folder / MASTER, performance=performance)
            measured.append(one)
            failed = ", ".join(one.failures()) or "all hold"
            progress(f"{piece.score.instrument} {number} of {len(pieces)} ({piece.ordered:g} s): {failed}")
        found = _planted(read_sound_of(folder / MASTER), performance=performance)
        # The last piece again, by the very code of the worker and in a new process, where nothing is left of the first.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(_render_again, piece, folder=folder / "again", cache_dir=cache_dir).result()
        repeated = np.array_equal(read_samples(folder / MASTER), read_samples(folder / "again" / MASTER))
    return Outcome(pieces[0].score.instrument, tuple(measured), repeated, found)


def report(outcomes: Sequence[Outcome]) -> Report:
    """The section of the page of the sound."""
    every = [one for outcome in outcomes for one in outcome.measured]
    count = f"{len(every)} pieces"

    def holds(gate: str) -> bool:
        return not any(gate in one.failures() for one in every)

    figures = [
        Figure(
            f"loudness, {count}",
            f"{_range(one.lufs for one in every)} LUFS",
            "−14 ± 0.3 LUFS",
            holds("loudness"),
        ),
        Figure(
            "highest true peak", f"{max(one.dbtp for one in every):.1f} dBTP", "≤ −1 dBTP", holds("true peak")
        ),
        Figure("clipped samples", f"{sum(one.clipped for one in every)}", "none", holds("clipping")),
        Figure("clicks", f"{sum(len(one.clicks) for one in every)}", "none", holds("clicks")),
        Figure(
            "latest start", f"{1000 * max(one.start for one in every):.0f} ms", "≤ 150 ms", holds("start")
        ),
        Figure("longest silence", f"{max(one.silence for one in every):.2f} s", "≤ 2 s", holds("silence")),
        Figure(
            "last 50 ms against the loudest; steepest fall after the last key",
            f"{max(one.end_db for one in every):.0f} dB; {max(one.fall_db for one in every):.0f} dB in 20 ms",
            f"≤ {gates.QUIETEST_END_DB:.0f} dB; ≤ {gates.STEEPEST_FALL_DB:.0f} dB",
            holds("tail"),
        ),
        Figure(
            "length against the order; tail",
            f"{_range(one.off_length for one in every)} s; {_range(one.tail for one in every)} s",
            f"± 0.5 s; ≤ {gates.LONGEST_TAIL_SECONDS} s",
            holds("length"),
        ),
        Figure(
            "a master made again, bit by bit",
            f"{sum(outcome.repeated for outcome in outcomes)} of {len(outcomes)} the same",
            "all",
            all(outcome.repeated for outcome in outcomes),
        ),
    ]
    return Report(title="Every instrument", says=_SAYS, figures=figures, tables=[_by_instrument(outcomes)])


_SAYS = """\
Pieces of 6 to 60 s, most of 30 s, composed with and without wishes and recorded as the worker does it, house
mark included; what is measured is the 24-bit FLAC file. Loudness is read by pyloudnorm and by FFmpeg's
`ebur128` (the reading further off counts), the true peak by FFmpeg. A clipped sample is one at full scale, or
of three that stand level at the highest peak. A click is a second difference more than 12 dB above anything
from 2 to 25 ms before and after it, in the whole band everywhere and above 12 kHz outside attacks (from 3 ms
before to 22 ms after a note is struck); how sensitive that is stands in the last column: how many of 20
single samples of −30 and −20 dBFS that were added to a master it finds. Silence is what lies below −60 dBFS
between the first sound and the notated end. A master of each instrument was made again in another process.
"""


def _by_instrument(outcomes: Sequence[Outcome]) -> Table:
    head = (
        *("instrument", "pieces", "LUFS", "dBTP", "clipped", "clicks", "start ms", "silence s", "end dB"),
        *("fall dB", "length s", "tail s", "failed", "same bits", "planted clicks found"),
    )
    rows = []
    for outcome in outcomes:
        all_of = outcome.measured
        rows.append(
            (
                outcome.instrument,
                f"{len(all_of)}",
                _range(one.lufs for one in all_of),
                f"{max(one.dbtp for one in all_of):.1f}",
                f"{sum(one.clipped for one in all_of)}",
                f"{sum(len(one.clicks) for one in all_of)}",
                f"{1000 * max(one.start for one in all_of):.0f}",
                f"{max(one.silence for one in all_of):.2f}",
                f"{max(one.end_db for one in all_of):.0f}",
                f"{max(one.fall_db for one in all_of):.0f}",
                _range(one.off_length for one in all_of),
                _range(one.tail for one in all_of),
                f"{sum(bool(one.failures()) for one in all_of)}",
                "yes" if outcome.repeated else "no",
                ", ".join(str(count) for count in outcome.found),
            )
        )
    return Table("By instrument: the worst of its pieces", head, rows)


def _range(values: Iterator[float]) -> str:
    found = sorted(values)
    return f"{found[0]:.2f} to {found[-1]:.2f}".replace("-", "−")


def _mark(piece: Piece) -> partial[Sound]:
    return partial(house.embed, secret=SECRET, work=str(piece.seed).encode())


def _record(piece: Piece, *, path: Path, cache_dir: Path) -> Performance:
    """Write the master as ``render`` does, without the preview."""
    performance = perform(score=piece.score, seed=piece.seed)
    sound = recorded(performance, score=piece.score, mark=_mark(piece), cache_dir=cache_dir)
    write_master(sound=sound, path=path, seed=piece.seed)
    return performance


def _render_again(piece: Piece, *, folder: Path, cache_dir: Path) -> None:
    render(
        piece.score,
        directory=folder,
        seed=piece.seed,
        preview_secret=SECRET,
        cache_dir=cache_dir,
        mark=_mark(piece),
    )


def _measured(piece: Piece, *, path: Path, performance: Performance) -> Measured:
    return gates.measure(
        sound=read_sound_of(path),
        levels=gates.ffmpeg_levels(path),
        onsets=(note.start for note in performance.notes),
        music_ends=performance.seconds,
        ordered=piece.ordered,
    )


def _planted(sound: Sound, *, performance: Performance) -> tuple[int, ...]:
    """Of single samples put into a master at even distances, how many are found as clicks."""
    onsets = [note.start for note in performance.notes]
    places = np.linspace(0.05, 0.95, PLANTED) * performance.seconds * RATE
    found = []
    for level in PLANTED_DBFS:
        damaged = sound.copy()
        damaged[places.astype(int)] += np.float32(10 ** (level / 20))
        heard = np.array(gates.clicks(damaged, onsets=onsets)) * RATE
        near = [np.abs(heard - place).min(initial=np.inf) < PLANTED_FOUND_FRAMES for place in places]
        found.append(sum(map(bool, near)))
    return tuple(found)
