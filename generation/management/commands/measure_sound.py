"""``manage.py measure_sound``: every instrument against the gates of a finished recording."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, new_file, stop
from generation.management.sound_pieces import cache_dir, positive

LENGTHS = (30.0, 6.0, 30.0, 15.0, 30.0, 30.0, 60.0, 30.0, 30.0, 30.0)
"""Seconds of the pieces, in turn."""

WISHES: tuple[dict[str, Any], ...] = (
    {},
    {"mood": "calm"},
    {"mood": "happy"},
    {"mood": "sad"},
    {"mood": "tense"},
    {"density": "sparse"},
    {"mood": "solemn"},
    {"mood": "playful"},
    {"density": "busy"},
)
"""Wishes in turn: long dying tones are as hard as many short ones."""


class Command(OneLineCommand):
    help = (
        "Compose and record pieces of every instrument and measure loudness, true peak, clipping, clicks, start, "
        "silence, ending and length; make one master of each again and compare the bits."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--pieces", type=positive, default=20, help="of each instrument (default 20)")
        parser.add_argument(
            "--instrument", action="append", metavar="NAME", help="only this one; may be repeated"
        )
        parser.add_argument("--seconds", type=float, help="one length for all (default: 6 to 60, most 30)")
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the composed pieces here")
        parser.add_argument(
            "--json", type=new_file, metavar="FILE", help="write the report here, anew after each instrument"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # One thread a product is faster than many at this size, and numpy reads it when it is loaded.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.audio.errors import AudioError
        from generation.audio.evaluation.instruments import Piece, measure_instrument, report
        from generation.composer.compose import InvalidOrderError, MissingModelError, Order, load_model
        from generation.composer.evaluation.pieces import Studio
        from generation.composer.players import PLAYERS

        lengths = (options["seconds"],) if options["seconds"] else LENGTHS
        try:
            outcomes = []
            for name in options["instrument"] or PLAYERS:
                orders = [
                    Order(
                        name,
                        seconds=lengths[seed % len(lengths)],
                        seed=seed,
                        **WISHES[seed % len(WISHES)],
                    )
                    for seed in range(options["pieces"])
                ]
                made = Studio(load_model(name), cache=options["cache"]).compose_all(orders).made
                pieces = [Piece(one.score, one.order.seed, one.order.seconds) for one in made]
                if not pieces:
                    raise ValueError(
                        f"no original piece for {name} came of {len(orders)} orders; ask for more"
                    )
                outcomes.append(measure_instrument(pieces, cache_dir=cache_dir(), progress=_say))
                # A long measurement that is stopped leaves what it has.
                found = report(outcomes)
                if options["json"]:
                    found.write(options["json"])
        except (AudioError, InvalidOrderError, MissingModelError, ValueError, OSError) as error:
            stop(error)
        sys.stderr.write("\n")
        for row in (found.tables[0].head, *found.tables[0].rows):
            self.stdout.write(" | ".join(row))
        for figure in found.figures:
            verdict = "holds" if figure.holds else "FALLS SHORT"
            self.stdout.write(f"{figure.what}: {figure.measured} ({figure.must_hold}): {verdict}")


def _say(what: str) -> None:
    sys.stderr.write(f"\r{what}".ljust(70))
    sys.stderr.flush()
