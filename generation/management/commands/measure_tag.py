"""``manage.py measure_tag``: measure the spoken tag of previews."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from generation.management import sound_pieces
from generation.management.base import OneLineCommand, stop


class Command(OneLineCommand):
    help = "Measure how loud the spoken tags are against the music at their places, and how intelligible."

    def add_arguments(self, parser: CommandParser) -> None:
        sound_pieces.add_options(parser, pieces=4)

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.audio.errors import AudioError
        from generation.audio.evaluation import sections
        from generation.composer.compose import InvalidOrderError, MissingModelError, NotOriginalError

        try:
            pieces = sound_pieces.pieces_of(options)
            report = sections.tag_report(
                pieces, cache_dir=sound_pieces.cache_dir(), progress=sound_pieces.say
            )
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
