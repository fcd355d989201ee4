"""``manage.py compose``: compose and render one piece without the web, the database or a broker."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from generation.errors import InvalidOrder
from generation.management.base import OneLineCommand, stop
from generation.models import Composition
from generation.orders import (
    DEFAULT_SECONDS,
    DEFAULT_TEMPERATURE,
    OrderFields,
    check_order,
    draw_seed,
    spelled_tonic,
    tonic_label,
)
from generation.outputs import appearing_in


class Command(OneLineCommand):
    help = (
        "Compose one piece and write score.mid, score.musicxml, score.pdf, master.wav, master.flac, master.mp3, "
        "preview.mp3 and report.json. The last line on stdout is the report. Files of these names are replaced."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True, help="such as piano or guitar")
        parser.add_argument("--seconds", type=int, default=DEFAULT_SECONDS, help="length, 5 to 180")
        parser.add_argument("--seed", type=int, help="same seed and wishes, same notes; drawn if left out")
        parser.add_argument("--mood", default="", help=", ".join(Composition.Mood.values))
        parser.add_argument("--key", default="", dest="tonic", help="tonic, such as C, F# or Eb")
        parser.add_argument("--mode", default="", help="major or minor")
        parser.add_argument("--bpm", type=int, help="quarter notes a minute, 30 to 240")
        parser.add_argument("--density", default="", help=", ".join(Composition.Density.values))
        parser.add_argument("--temperature", type=_decimal, default=DEFAULT_TEMPERATURE, help="0.5 to 1.5")
        parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the files")
        parser.add_argument(
            "--score-only", action="store_true", help="no sound: score files and report.json only"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Read when NumPy is loaded. The composer's matrices are small: several threads only wait for each other.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        # Composer and sound are loaded here, so that a wrong option is answered at once.
        from generation.audio.errors import AudioError
        from generation.composer.compose import InvalidOrderError, MissingModelError, NotOriginalError

        names = ("instrument", "seconds", "seed", "mood", "tonic", "mode", "bpm", "density", "temperature")
        order = OrderFields(
            **{name: options[name] for name in names} | {"tonic": spelled_tonic(options["tonic"])}
        )
        try:
            check_order(order)
        except InvalidOrder as error:
            options_at_fault = {"tonic": "key"}
            problems = (
                f"--{options_at_fault.get(field, field)}: {text}" for field, text in error.problems.items()
            )
            raise CommandError(" ".join(problems)) from error
        try:
            with appearing_in(options["output"]) as folder:
                report = _compose(order, folder=folder, with_sound=not options["score_only"])
                text = json.dumps(report, ensure_ascii=False)
                (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        except (InvalidOrderError, MissingModelError, NotOriginalError, AudioError, OSError) as error:
            stop(error)
        self.stdout.write(text)


def _compose(order: OrderFields, *, folder: Path, with_sound: bool) -> dict[str, Any]:
    from generation.audio.engrave import write_pdf
    from generation.composer.compose import compose, load_model
    from generation.composer.write import write_midi, write_musicxml
    from generation.worker import composer_order, load_score_writer

    timings: dict[str, float] = {}
    began = time.perf_counter()
    with _timed(timings, "model"):
        model = load_model(order.instrument)
    seed = draw_seed() if order.seed is None else order.seed
    with _timed(timings, "composing"):
        composed = compose(composer_order(order, seed=seed), model=model)
    tonic, mode = composed.score.tonic, composed.score.mode
    title = f"{order.instrument.capitalize()} in {tonic_label(tonic)} {mode}"
    score = replace(composed.score, title=title)
    with _timed(timings, "originality"):
        originality = composed.originality | _nearest_work(score.notes, found=composed.originality)
    with _timed(timings, "libraries"):
        load_score_writer()
    with _timed(timings, "score_files"):
        write_midi(score, folder / "score.mid")
        write_musicxml(score, folder / "score.musicxml")
    if with_sound:
        timings |= _render(score, seed=seed, title=title, folder=folder)
    else:
        with _timed(timings, "score_pdf"):
            write_pdf(
                musicxml=folder / "score.musicxml", path=folder / "score.pdf", title=title, footer="Soloscore"
            )
    timings["total"] = round(time.perf_counter() - began, 3)
    return {
        "instrument": order.instrument,
        "seed": seed,
        "seconds": composed.seconds,
        "bpm": score.bpm,
        "key": score.tonic,
        "mode": score.mode,
        "metre": "{}/{}".format(*score.metre),
        "notes": composed.notes,
        "unique_elements": composed.unique_elements,
        "model": model.version,
        "originality": originality,
        "timings": timings,
    }


def _render(score: Any, *, seed: int, title: str, folder: Path) -> dict[str, float]:
    from generation.audio.render import PERFORMANCE, render, write_deliverables

    rendering = render(
        score,
        directory=folder,
        seed=seed,
        preview_secret=settings.PREVIEW_SECRET.encode(),
        cache_dir=Path(settings.SOUND_CACHE_DIR),
    )
    timings = dict(rendering.timings)
    with _timed(timings, "deliverables"):
        write_deliverables(
            master=folder / "master.flac", musicxml=folder / "score.musicxml", directory=folder, title=title
        )
    (folder / PERFORMANCE).unlink()
    return timings


def _nearest_work(notes: Any, *, found: dict[str, Any]) -> dict[str, Any]:
    """Compare with the works on record, where there is a database; null where there is none."""
    from generation.originality.report import check
    from generation.works import WorksOnRecord

    try:
        report = check(notes, works=WorksOnRecord())
    except DatabaseError:
        return {"longest_run_works": None}
    nearer = report.longest_run_works > found["longest_run_corpus"]
    return {"longest_run_works": report.longest_run_works} | ({"nearest": report.nearest} if nearer else {})


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    timings[stage] = round(time.perf_counter() - began, 3)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise argparse.ArgumentTypeError(f"invalid number: {text!r}")
    return number
