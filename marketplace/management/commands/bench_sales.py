"""Measure selling on an empty PostgreSQL: ``python -m tests.with_postgres python manage.py bench_sales``."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace import bench_shop
from marketplace.bench_sales import PARTS, sales


class Command(BaseCommand):
    """Sell to a crowd while everything dies at random. Exits with 1 when a figure does not hold."""

    help = "Measure a sale, a flood of bad webhooks and a crowd of buyers, on an empty PostgreSQL database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them by default"
        )
        parser.add_argument("--buyers", type=int, default=200, metavar="N")
        parser.add_argument("--pieces", type=int, default=50, metavar="N")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")

    def handle(self, *args: Any, **options: Any) -> None:
        parts = options["parts"] or PARTS
        unknown = sorted(set(parts) - set(PARTS))
        if unknown:
            raise CommandError(f"{unknown[0]!r} is not a part; choose from {', '.join(PARTS)}.")
        if options["pieces"] < 1 or options["buyers"] < 2 * options["pieces"]:
            raise CommandError(
                f"{options['buyers']} buyers of {options['pieces']} pieces are no crowd; "
                "there must be a piece, and twice as many buyers as pieces."
            )
        bench_shop.prepare()
        logging.disable(logging.ERROR)
        figures = []
        for figure in sales(parts=parts, buyers=options["buyers"], pieces=options["pieces"]):
            mark = "holds" if figure.holds else "FALLS SHORT"
            self.stdout.write(
                f"{figure.what:<58} {figure.value:>8.2f} {figure.unit:<4} {figure.must_hold:>6}  {mark}"
            )
            figures.append(figure)
        if options["json"]:
            rows = json.dumps([asdict(figure) for figure in figures], ensure_ascii=False)
            options["json"].write_text(rows + "\n")
        if not all(figure.holds for figure in figures):
            raise SystemExit(1)
