"""``manage.py evaluate_composer``: compare what a model composes with real music."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from generation.management.base import OneLineCommand, existing_folder, stop


class Command(OneLineCommand):
    help = (
        "Compose pieces with an installed model and compare them with a corpus: held-out loss, quality measures, "
        "longest passage shared. The last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True)
        parser.add_argument(
            "--corpus", required=True, type=existing_folder, metavar="DIR", help="with a manifest.csv"
        )
        parser.add_argument(
            "--folder", action="append", metavar="NAME", help="compare with this part of the corpus"
        )
        parser.add_argument("--pieces", type=int, default=50, help="how many to compose (default 50)")
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as well")

    def handle(self, *args: Any, **options: Any) -> None:
        # One thread a product is faster than many at this size, and numpy reads it when it is loaded.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer.compose import MissingModelError, load_model
        from generation.composer.corpus import CorpusError, read_corpus, read_manifest
        from generation.composer.evaluation import evaluate

        folders = tuple(options["folder"] or [options["instrument"]])
        try:
            model = load_model(options["instrument"])
            entries = read_manifest(options["corpus"], instruments=folders, allow_licences=())
            pieces = read_corpus(options["corpus"], entries=entries, cache=options["cache"])
            report = evaluate(
                model,
                real=[score for piece in pieces for score in piece.sections],
                held_out=[score for piece in pieces if piece.entry.held_out for score in piece.sections],
                pieces=options["pieces"],
                progress=_say,
            )
        except (CorpusError, MissingModelError, ValueError) as error:
            stop(error)
        sys.stderr.write("\n")
        line = json.dumps(report, ensure_ascii=False)
        if options["json"]:
            try:
                options["json"].write_text(line + "\n")
            except OSError as error:
                raise CommandError(f"{options['json']} cannot be written: {error.strerror}.") from error
        self.stdout.write(line)


def _say(done: int, total: int) -> None:
    sys.stderr.write(f"\rcomposed {done} of {total}")
