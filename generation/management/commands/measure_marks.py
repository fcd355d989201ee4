"""``manage.py measure_marks``: try the inaudible marks after what may happen to a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from generation.management.sound_pieces import SoundMeasurement, cache_dir, positive, say

if TYPE_CHECKING:
    from generation.audio.evaluation.report import Report
    from generation.audio.evaluation.studio import Piece


class Command(SoundMeasurement):
    help = "Measure how often the inaudible marks are found, and how transparent they are."
    pieces = 4

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--unmarked",
            type=positive,
            default=2000,
            help="excerpts without mark to listen to (default 2000)",
        )

    def report(self, pieces: list[Piece], options: dict[str, Any]) -> Report:
        from generation.audio.evaluation import marks, sections

        rows = marks.try_all(
            pieces,
            folder=options["folder"],
            cache_dir=cache_dir(),
            excerpts=options["unmarked"],
            progress=say,
        )
        return sections.marks_report(rows, pieces=pieces, progress=say)
