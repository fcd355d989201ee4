"""``manage.py paper_report``: the paper's tables and figures, made again with our data."""

from __future__ import annotations

import json
import math
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from generation.management.base import OneLineCommand, add_corpus, stop
from generation.management.progress import say, tell
from generation.outputs import appearing_in

EXTENT = ("minutes", "pieces", "timed", "units")


class Command(OneLineCommand):
    help = (
        "Train the paper's recipe on a corpus, measure it and our composer, and write README.md, results.json and the "
        "drawings into --output. What is measured is kept in --work: a run that was stopped goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_corpus(parser)
        parser.add_argument("--instrument", default="piano", help="of our composer (default piano)")
        parser.add_argument(
            "--folder", action="append", metavar="NAME", help="learn from this part of the corpus"
        )
        parser.add_argument(
            "--minutes", type=float, default=25.0, help="of training for each of two networks (25)"
        )
        parser.add_argument("--pieces", type=int, default=5, help="pieces for each average (default 5)")
        parser.add_argument(
            "--timed", type=int, default=20, help="elements timed in the paper's loop (default 20)"
        )
        parser.add_argument("--units", type=int, default=512, help="width of a layer: less only for a trial")
        parser.add_argument("--allow-licence", action="append", default=[], metavar="NAME")
        parser.add_argument("--output", type=Path, default=Path("docs/paper"), metavar="DIR")
        parser.add_argument(
            "--work", type=Path, default=Path("training/paper"), metavar="DIR", help="keeps what is measured"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for name in EXTENT:
            if not (math.isfinite(options[name]) and options[name] > 0):
                raise CommandError(f"--{name} is {options[name]}: it must be above zero.")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from generation.composer.compose import MissingModelError, load_model
        from generation.composer.corpus import CorpusError, read_corpus, read_manifest

        options["folder"] = options["folder"] or [options["instrument"]]
        try:
            composer = load_model(options["instrument"])
            entries = read_manifest(
                options["corpus"], instruments=options["folder"], allow_licences=options["allow_licence"]
            )
            say("reading the corpus")
            pieces = read_corpus(options["corpus"], entries=entries, cache=options["work"] / "corpus")
            results = self._measure(options, pieces=pieces, composer=composer)
            self._write(results, output=options["output"])
        except (CorpusError, MissingModelError, ValueError, OSError) as error:
            stop(error)
        self.stdout.write(f"{options['output'] / 'README.md'} is written.")

    def _measure(self, options: dict[str, Any], *, pieces: Any, composer: Any) -> dict[str, Any]:
        try:
            from generation.management.paper import measure, report
            from generation.management.paper.kept import Kept
        except ImportError as error:
            raise CommandError(f"The report needs TensorFlow ({error}): install requirements.txt.") from error
        facts = {
            "command": _command(options),
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                "cores": os.cpu_count(),
                "processor": platform.processor() or platform.machine(),
                "python": platform.python_version(),
                "load": os.getloadavg()[0],
            },
            "instrument": options["instrument"],
            "folders": options["folder"],
            "extent": {name: options[name] for name in EXTENT},
        }
        data = measure.data_of(pieces)
        found = report.results_of(
            composer=composer,
            data=data,
            extent=measure.Extent(*(options[name] for name in EXTENT)),
            kept=Kept(options["work"] / f"{options['instrument']}-{data.key}"),
            say=say,
            progress=tell,
        )
        return {**facts, **found, "ratings": self._ratings()}

    def _ratings(self) -> dict[str, tuple[int, ...]]:
        from generation.selectors import ratings_by_model

        try:
            return ratings_by_model()
        except DatabaseError as error:
            self.stderr.write(f"The ratings could not be asked ({error}): the page says there are none yet.")
            return {}

    def _write(self, results: dict[str, Any], *, output: Path) -> None:
        from generation.management.paper.page import write_page

        with appearing_in(output) as folder:
            write_page(results, folder=folder)
            text = json.dumps(results, indent=1, ensure_ascii=False)
            (folder / "results.json").write_text(text + "\n", encoding="utf-8")


def _command(options: dict[str, Any]) -> str:
    """Write the command as somebody elsewhere would give it."""
    folders = "".join(f" --folder {name}" for name in options["folder"])
    extent = "".join(f" --{name} {options[name]:g}" for name in EXTENT)
    return f"python manage.py paper_report --corpus DIR --instrument {options['instrument']}{folders}{extent}"
