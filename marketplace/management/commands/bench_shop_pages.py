"""Measure the open shop on an empty PostgreSQL: ``python -m tests.with_postgres python manage.py bench_shop_pages``."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace import bench_shop
from marketplace.bench_pages import PIECES, VISITS, pages


class Command(BaseCommand):
    """Fill the shop and time its pages. Exits with 1 when a figure does not hold."""

    name = "bench_shop_pages"
    pages = staticmethod(pages)
    visits = VISITS
    help = "Measure lists, filters and deep pages of a shop with very many pieces, on an empty PostgreSQL database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--pieces", type=int, default=PIECES, metavar="N")
        parser.add_argument(
            "--visits", type=int, default=self.visits, metavar="N", help="visits of each page"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["pieces"] < 1 or options["visits"] < 1:
            raise CommandError("There must be a piece and a visit: give --pieces and --visits of 1 or more.")
        bench_shop.prepare(for_command=self.name)
        logging.disable(logging.ERROR)
        chance = random.Random(1)  # noqa: S311 - chance, not secrecy
        figures = []
        for figure in self.pages(pieces=options["pieces"], visits=options["visits"], rng=chance):
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
