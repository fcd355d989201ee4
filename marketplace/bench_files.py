"""Good and hostile files given to ``identify_audio``: ``python -m marketplace.bench_files REPORT.json``.

Composes and sells two pieces in a data folder of its own, asks for each file in a process of its own, and writes a
report of the time and memory it took, for the page of the sound.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

from generation.audio.evaluation.report import Figure, Report, Table
from marketplace.bench_sound import watched, worker

SECONDS_AT_MOST, MEBIBYTES_AT_MOST = 5.0, 300.0
HOURS = 2
SAYS = """\
Each file is given to `manage.py identify_audio` in a new process, against the works of two pieces that were composed
and sold for it. Processor time and memory are those of the process with the programs it runs, its start included.
"""


def main() -> None:
    """Measure and write the report."""
    folder = Path(__file__).parents[1]
    output = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="soloscore-bench-") as var:
        worker("prepare", folder=folder, var=var)
        ids = [
            worker("compose", "piano", seconds, 1, folder=folder, var=var)[0][0]["id"]
            for seconds in (60, 180)
        ]
        worker("deliver", *ids, folder=folder, var=var)
        owned = {path.stat().st_size: path.parent for path in Path(var).rglob("master.wav")}
        short, long = (place for _size, place in sorted(owned.items()))
        files = Path(var) / "asked"
        files.mkdir()
        rows = [
            (what, *_asked(path, folder=folder, var=var))
            for what, path in _files(files, short=short, long=long)
        ]
    _report(rows).write(output)
    for row in rows:
        sys.stdout.write(f"{row[0]:<34} {row[1]:6.2f} s {row[2]:6.2f} s {row[3]:6.0f} MiB  {row[4]}\n")


def _files(folder: Path, *, short: Path, long: Path) -> Iterator[tuple[str, Path]]:
    yield "60 s WAV, sold copy", short / "master.wav"
    yield "180 s MP3, sold copy", long / "master.mp3"
    whole = (short / "master.wav").read_bytes()
    made = {
        "truncated WAV": ("half.wav", whole[: len(whole) // 2]),
        "MP3 renamed to WAV": ("renamed.wav", (short / "master.mp3").read_bytes()),
        "0 bytes": ("empty.wav", b""),
        "text named MP3": ("text.mp3", b"This is no music.\n" * 1000),
        "1 MB of noise named FLAC": ("noise.flac", _noise(b"1")),
        "WAV header before noise": ("damaged.wav", whole[:44] + _noise(b"2")),
    }
    for what, (name, content) in made.items():
        path = folder / name
        path.write_bytes(content)
        yield what, path
    single = folder / "single.wav"
    with wave.open(str(single), "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", ""))
        file.writeframes(b"\0\1")
    yield "1 sample", single
    endless = folder / "endless.mp3"
    again = ["ffmpeg", "-loglevel", "error", "-stream_loop", str(HOURS * 60), "-i", str(short / "master.mp3")]
    subprocess.run(
        [*again, "-t", str(HOURS * 3600), "-map", "0:a", "-codec", "copy", str(endless)], check=True
    )
    yield f"{HOURS} hours of MP3", endless


def _noise(name: bytes) -> bytes:
    return hashlib.shake_256(name).digest(1 << 20)


def _asked(path: Path, *, folder: Path, var: str) -> tuple[float, float, float, str]:
    """Processor and wall seconds, largest MiB, and the first line of the answer."""
    began, spent = time.perf_counter(), sum(os.times()[2:4])
    process = subprocess.Popen(
        [sys.executable, "manage.py", "identify_audio", str(path)],
        cwd=folder,
        env={**os.environ, "SOLOSCORE_VAR_DIR": var, "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, largest = watched(process)
    if "Traceback" in said:
        raise RuntimeError(f"identify_audio crashed on {path.name}:\n{said}")
    answer = said.strip().splitlines()[-1 if process.returncode else 0]
    return sum(os.times()[2:4]) - spent, time.perf_counter() - began, largest, answer.replace("|", "/")


def _report(rows: list[tuple[str, float, float, float, str]]) -> Report:
    slowest, largest = max(row[1] for row in rows), max(row[3] for row in rows)
    return Report(
        title="Files that are given to be identified",
        says=SAYS,
        figures=[
            Figure(
                "slowest answer, processor time",
                f"{slowest:.2f} s",
                f"≤ {SECONDS_AT_MOST:g} s",
                slowest <= SECONDS_AT_MOST,
            ),
            Figure(
                "largest memory with its programs",
                f"{largest:.0f} MiB",
                f"≤ {MEBIBYTES_AT_MOST:g} MiB",
                largest <= MEBIBYTES_AT_MOST,
            ),
        ],
        tables=[
            Table(
                "By file",
                ("file", "processor time", "by the clock", "memory", "answer"),
                [
                    (what, f"{cpu:.2f} s", f"{wall:.2f} s", f"{mebibytes:.0f} MiB", answer)
                    for what, cpu, wall, mebibytes, answer in rows
                ],
            )
        ],
    )


if __name__ == "__main__":
    main()
