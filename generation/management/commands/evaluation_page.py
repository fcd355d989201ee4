"""``manage.py evaluation_page``: write the page of all published numbers from the reports of the measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, existing_folder, stop


class Command(OneLineCommand):
    help = (
        "Write the evaluation page from the reports of evaluate_composer and check_determinism in a folder."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--results", required=True, type=existing_folder, metavar="DIR")
        parser.add_argument("--output", required=True, type=Path, metavar="FILE.md")

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.composer.evaluation.page import page, read_results

        try:
            results = read_results(options["results"])
            options["output"].write_text(page(results), encoding="utf-8")
        except (ValueError, OSError) as error:
            stop(error)
        self.stdout.write(f"{options['output']}: {', '.join(results.evaluations)}")
