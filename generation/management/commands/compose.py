"""``manage.py compose``: compose and render one piece without the web, the database or a broker."""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from generation.audio.timing import timed
from generation.errors import InvalidOrder
from generation.management import earlier
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

if TYPE_CHECKING:
    from generation.composer.plan import Source

OPTIONS = {"tonic": "key", "from_bar": "from-bar"}
"""Fields whose options have another name."""


class Command(OneLineCommand):
    help = (
        "Compose one piece and write score.json, score.mid, score.musicxml, score.pdf, master.wav, master.flac, "
        "master.mp3, preview.mp3 and report.json. The last line on stdout is the report. Files of these names are "
        "replaced. With --vary, --extend or --cut the piece is made from an earlier one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", help="such as piano or guitar; an earlier piece brings its own")
        parser.add_argument("--seconds", type=int, help=f"length, 5 to 180 (default {DEFAULT_SECONDS})")
        parser.add_argument("--seed", type=int, help="same seed and wishes, same notes; drawn if left out")
        parser.add_argument("--mood", default="", help=", ".join(Composition.Mood.values))
        parser.add_argument("--key", default="", dest="tonic", help="tonic, such as C, F# or Eb")
        parser.add_argument("--mode", default="", help="major or minor")
        parser.add_argument("--bpm", type=int, help="quarter notes a minute, 30 to 240")
        parser.add_argument("--density", default="", help=", ".join(Composition.Density.values))
        parser.add_argument("--register", default="", help=", ".join(Composition.Register.values))
        parser.add_argument("--temperature", type=_decimal, default=DEFAULT_TEMPERATURE, help="0.5 to 1.5")
        parser.add_argument(
            "--variant", type=int, choices=(0, 1), default=0, help="which of an order's two unlike pieces"
        )
        earlier.add_options(parser)
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

        try:
            begun = earlier.piece_of(options)
            order = _order(options, begun=begun)
            check_order(order)
        except InvalidOrder as error:
            problems = (f"--{OPTIONS.get(field, field)}: {text}" for field, text in error.problems.items())
            raise CommandError(" ".join(" ".join(problems).split())) from error
        try:
            source = earlier.source_of(begun) if begun else None
            with appearing_in(options["output"]) as folder:
                report = _compose(
                    order,
                    variant=options["variant"],
                    source=source,
                    folder=folder,
                    with_sound=not options["score_only"],
                )
                text = json.dumps(report, ensure_ascii=False)
                (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        except (InvalidOrderError, MissingModelError, NotOriginalError, AudioError, OSError) as error:
            stop(error)
        self.stdout.write(text)


def _order(options: dict[str, Any], *, begun: earlier.Piece | None) -> OrderFields:
    if not begun and not options["instrument"]:
        raise CommandError("--instrument is required where no earlier piece is named.", returncode=2)
    wished = DEFAULT_SECONDS if options["seconds"] is None else options["seconds"]
    names = ("seed", "mood", "mode", "bpm", "density", "register", "temperature")
    return OrderFields(
        instrument=begun.score.instrument if begun else options["instrument"],
        seconds=begun.seconds if begun else wished,
        tonic=spelled_tonic(options["tonic"]),
        **{name: options[name] for name in names},
    )


def _compose(
    order: OrderFields, *, variant: int, source: Source | None, folder: Path, with_sound: bool
) -> dict[str, Any]:
    from generation.audio.engrave import write_pdf
    from generation.audio.labels import Labels
    from generation.audio.notices import write_labelled_score
    from generation.composer.compose import compose, load_model
    from generation.production import write_score_files
    from generation.worker import composer_order, load_score_writer

    timings: dict[str, float] = {}
    began = time.perf_counter()
    with timed(timings, "model"):
        model = load_model(order.instrument)
    seed = draw_seed() if order.seed is None else order.seed
    with timed(timings, "composing"):
        composed = compose(composer_order(order, seed=seed, variant=variant), model=model, source=source)
    tonic, mode = composed.score.tonic, composed.score.mode
    title = f"{order.instrument.capitalize()} in {tonic_label(tonic)} {mode}"
    score = replace(composed.score, title=title)
    with timed(timings, "originality"):
        originality = composed.originality | _nearest_work(score.notes, found=composed.originality)
    with timed(timings, "libraries"):
        load_score_writer()
    if with_sound:
        timings |= _render(score, seed=seed, composer=model.version, folder=folder)
    else:
        timings["score_files"] = write_score_files(score, folder=folder)
        with timed(timings, "score_pdf"):
            write_pdf(
                musicxml=folder / "score.musicxml", path=folder / "score.pdf", title=title, footer="Soloscore"
            )
        for name in ("score.mid", "score.musicxml"):
            write_labelled_score(source=folder / name, path=folder / name, labels=Labels(title=title))
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
        "form": composed.form,
        "model": model.version,
        "originality": originality,
        "timings": timings,
    }


def _render(score: Any, *, seed: int, composer: str, folder: Path) -> dict[str, float]:
    from generation.audio.deliverables import write_deliverables
    from generation.audio.labels import Labels
    from generation.audio.provenance import Signer
    from generation.audio.render import PERFORMANCE
    from generation.content_credentials import credentials
    from generation.production import produce

    timings = dict(produce(score, folder=folder, seed=seed, work=str(seed).encode()).timings)
    with timed(timings, "deliverables"):
        written = write_deliverables(
            master=folder / "master.flac",
            musicxml=folder / "score.musicxml",
            midi=[folder / "score.mid"],
            directory=folder,
            labels=Labels(title=score.title),
            signer=Signer(credentials=credentials(), composer=composer),
        )
    (folder / PERFORMANCE).unlink()
    return timings | {f"deliverables_{stage}": seconds for stage, seconds in written.timings.items()}


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


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise argparse.ArgumentTypeError(f"invalid number: {text!r}")
    return number
