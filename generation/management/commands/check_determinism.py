"""``manage.py check_determinism``: the same order, composed many times in different surroundings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, existing_folder, stop


class Command(OneLineCommand):
    help = (
        "Compose one order many times, in fresh processes with different numbers of threads, hash seeds and "
        "processor code paths, and count the different results. Exits with 1 unless there is exactly one. "
        "The last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True)
        parser.add_argument("--runs", type=int, default=70, help="how often to compose (default 70)")
        parser.add_argument("--seconds", type=float, default=15.0)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--models", type=existing_folder, metavar="DIR", help="other than the installed ones"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as well")

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.composer.compose import InvalidOrderError, MissingModelError, Order, load_model
        from generation.composer.evaluation.determinism import check_determinism
        from generation.composer.model import PRETRAINED

        models = options["models"] or PRETRAINED
        try:
            if options["runs"] < 1:
                raise ValueError(f"--runs is {options['runs']}; it must be at least 1.")
            order = Order(instrument=options["instrument"], seconds=options["seconds"], seed=options["seed"])
            load_model(order.instrument, models)
            report = check_determinism(order, runs=options["runs"], models=models, progress=_say)
            line = json.dumps(report, ensure_ascii=False)
            if options["json"]:
                options["json"].write_text(line + "\n")
        except (InvalidOrderError, MissingModelError, RuntimeError, ValueError, OSError) as error:
            stop(error)
        sys.stderr.write("\n")
        self.stdout.write(line)
        if not report["identical"]:
            raise SystemExit(1)


def _say(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done} of {total} processes")
