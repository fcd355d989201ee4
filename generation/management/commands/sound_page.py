"""``manage.py sound_page``: write the page of the sound from the reports of its measurements."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, existing_folder, new_file, stop


class Command(OneLineCommand):
    help = "Write the page of the sound from the reports in a folder, in the order of their names."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--results", required=True, type=existing_folder, metavar="DIR")
        parser.add_argument("--output", required=True, type=new_file, metavar="FILE.md")

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.audio.evaluation.page import page, read_reports

        try:
            reports = read_reports(options["results"])
            options["output"].write_text(page(reports), encoding="utf-8")
        except (ValueError, OSError) as error:
            stop(error)
        self.stdout.write(f"{options['output']}: {', '.join(report.title for report in reports)}")
