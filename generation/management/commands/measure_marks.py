"""``manage.py measure_marks``: try the inaudible marks after what may happen to a recording."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from generation.management import sound_pieces
from generation.management.base import OneLineCommand, stop


class Command(OneLineCommand):
    help = "Measure how often the inaudible marks are found, and how transparent they are."

    def add_arguments(self, parser: CommandParser) -> None:
        sound_pieces.add_options(parser, pieces=4)
        parser.add_argument(
            "--unmarked",
            type=sound_pieces.positive,
            default=2000,
            help="excerpts without mark to listen to (default 2000)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.audio.errors import AudioError
        from generation.audio.evaluation import marks, sections
        from generation.composer.compose import InvalidOrderError, MissingModelError, NotOriginalError

        try:
            pieces = sound_pieces.pieces_of(options)
            rows = marks.try_all(
                pieces,
                folder=options["folder"],
                cache_dir=sound_pieces.cache_dir(),
                excerpts=options["unmarked"],
                progress=sound_pieces.say,
            )
            report = sections.marks_report(rows, pieces=pieces, progress=sound_pieces.say)
            report.write(options["json"])
        except (
            InvalidOrderError,
            MissingModelError,
            NotOriginalError,
            AudioError,
            ValueError,
            OSError,
        ) as error:
            stop(error)
        for figure in report.figures:
            self.stdout.write(f"{figure.what}: {figure.measured} ({figure.must_hold})")
