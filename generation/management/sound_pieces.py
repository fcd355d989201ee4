"""What the commands share that measure marks and tags: options, and the pieces they measure on, composed and kept."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, new_file, stop

if TYPE_CHECKING:
    from generation.audio.evaluation.report import Report
    from generation.audio.evaluation.studio import Piece


class SoundMeasurement(OneLineCommand):
    """A command that measures on ``pieces`` of each instrument, writes the report and prints its figures."""

    pieces: int

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--pieces",
            type=positive,
            default=self.pieces,
            help=f"of each instrument, from seed 1 on (default {self.pieces})",
        )
        parser.add_argument("--seconds", type=positive, default=50, help="length of a piece (default 50)")
        parser.add_argument(
            "--instrument", action="append", metavar="NAME", help="only this one; may be given again"
        )
        parser.add_argument(
            "--folder", type=Path, required=True, metavar="DIR", help="keep pieces and trials here"
        )
        parser.add_argument(
            "--json", type=new_file, required=True, metavar="FILE", help="write the report here"
        )

    def report(self, pieces: list[Piece], options: dict[str, Any]) -> Report:
        """Measure."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.audio.errors import AudioError
        from generation.composer.compose import InvalidOrderError, MissingModelError, NotOriginalError

        try:
            report = self.report(pieces_of(options), options)
            report.write(options["json"])
        except (
            InvalidOrderError, MissingModelError, NotOriginalError, AudioError, ValueError, OSError,
        ) as error:  # fmt: skip
            stop(error)
        for figure in report.figures:
            self.stdout.write(f"{figure.what}: {figure.measured} ({figure.must_hold})")


def positive(text: str) -> int:
    """Turn an option into a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 up")
    return number


def pieces_of(options: dict[str, Any]) -> list[Piece]:
    """Compose and synthesize what the options ask for: the first piece of each instrument, then the second of each.

    Raises ``ValueError`` for an unknown instrument, and what ``compose`` and ``rendered`` raise.
    """
    # One thread a product is faster than many at this size, and numpy reads it when it is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from generation.audio.evaluation.studio import rendered
    from generation.audio.voices import VOICES, voice_of
    from generation.composer.compose import Order, compose, load_model

    names = [voice_of(name).slug for name in options["instrument"] or VOICES]
    models = {name: load_model(name) for name in names}
    folder = options["folder"]
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for seed in range(1, options["pieces"] + 1):
        for name in names:
            composed = compose(
                Order(instrument=name, seconds=options["seconds"], seed=seed), model=models[name]
            )
            made.append(rendered(composed.score, seed=seed, folder=folder, cache_dir=cache_dir()))
            say("pieces", len(made), options["pieces"] * len(names))
    return made


def cache_dir() -> Path:
    """Where sound fonts and spoken phrases are kept."""
    return Path(settings.SOUND_CACHE_DIR)


def say(what: str, done: int, total: int) -> None:
    """Tell on stderr how far we are."""
    sys.stderr.write(f"\r{what}: {done} of {total}   ")
    if done == total:
        sys.stderr.write("\n")
