"""``manage.py evaluate_composer``: compare what a model composes with real music."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, add_corpus, existing_folder, new_file, stop


class Command(OneLineCommand):
    help = (
        "Compose pieces with a model and compare them with a corpus: held-out loss, likeness to real music, passages "
        "shared, lengths, endings and the effects of wishes. The last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True)
        add_corpus(parser)
        parser.add_argument(
            "--folder", action="append", metavar="NAME", help="compare with this part of the corpus"
        )
        parser.add_argument(
            "--models", type=existing_folder, metavar="DIR", help="other models than the installed ones"
        )
        parser.add_argument(
            "--pieces", type=_count, default=100, help="to compare with real music (default 100)"
        )
        parser.add_argument("--seconds", type=float, default=60.0, help="length of those pieces (default 60)")
        parser.add_argument(
            "--sample",
            type=_count,
            default=0,
            help="pieces in which passages are looked for (at least --pieces)",
        )
        parser.add_argument(
            "--lengths", type=_count, default=10, help="pieces for each ordered length (default 10)"
        )
        parser.add_argument("--wishes", type=_count, default=10, help="pieces for each wish (default 10)")
        parser.add_argument(
            "--rival",
            type=existing_folder,
            metavar="DIR",
            help="measure the MIDI files of another composer too",
        )
        parser.add_argument(
            "--cache", type=Path, metavar="DIR", help="keep the parsed corpus and the composed pieces here"
        )
        parser.add_argument("--jobs", type=int, choices=(1, 2, 4), default=1, help="processes that compose")
        parser.add_argument("--json", type=new_file, metavar="FILE", help="write the report here as well")

    def handle(self, *args: Any, **options: Any) -> None:
        # One thread a product is faster than many at this size, and numpy reads it when it is loaded.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer.compose import InvalidOrderError, MissingModelError, load_model
        from generation.composer.corpus import CorpusError, read_corpus, read_manifest
        from generation.composer.evaluation.pieces import Studio
        from generation.composer.evaluation.report import Plan, evaluate
        from generation.composer.evaluation.rivals import read_rival
        from generation.composer.model import PRETRAINED
        from generation.composer.write import UnreadableMidiError

        models = options["models"] or PRETRAINED
        folders = tuple(options["folder"] or [options["instrument"]])
        plan = Plan(
            pieces=options["pieces"], sample=options["sample"], seconds=options["seconds"],
            lengths=options["lengths"], wishes=options["wishes"],
        )  # fmt: skip
        try:
            model = load_model(options["instrument"], models)
            entries = read_manifest(options["corpus"], instruments=folders, allow_licences=())
            corpus = read_corpus(options["corpus"], entries=entries, cache=options["cache"])
            rival = read_rival(options["rival"]) if options["rival"] else None
            studio = Studio(model, models=models, cache=options["cache"], jobs=options["jobs"])
            report = evaluate(studio, corpus=corpus, plan=plan, rival=rival, progress=_say)
            line = json.dumps(report, ensure_ascii=False)
            if options["json"]:
                options["json"].write_text(line + "\n")
        except (
            CorpusError, InvalidOrderError, MissingModelError, UnreadableMidiError, ValueError, OSError,
        ) as error:  # fmt: skip
            stop(error)
        sys.stderr.write("\n")
        self.stdout.write(line)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of pieces")
    return number


def _say(what: str, done: int, total: int) -> None:
    sys.stderr.write(f"\rcomposed {done} of {total} ({what})  ")
