"""``manage.py compare_training``: the paper's network and ours, learned from the same scores for the same minutes."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from generation.management.base import OneLineCommand, add_corpus, new_file, stop
from generation.management.progress import Bar, say, say_skipped, tell


class Command(OneLineCommand):
    help = (
        "Train the paper's recipe and our network, each from nothing, for the same minutes on the scores of one "
        "instrument, and measure both on its held-out works. --work keeps the networks: a run that was stopped goes "
        "on, and one made again only measures. The last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True)
        add_corpus(parser)
        parser.add_argument(
            "--minutes", type=float, default=3.0, help="of training for each of the two networks (default 3)"
        )
        parser.add_argument(
            "--pieces", type=int, default=20, help="of the paper's recipe, to compare with real music (20)"
        )
        parser.add_argument(
            "--units", type=int, default=512, help="of the paper's layers: less only for a trial"
        )
        parser.add_argument("--output", required=True, type=new_file, metavar="FILE.json")
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")
        parser.add_argument(
            "--work", type=Path, default=Path("training/same-time"), metavar="DIR", help="keeps the networks"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("minutes", "pieces", "units"):
            if not (math.isfinite(options[name]) and options[name] > 0):
                raise CommandError(f"--{name} is {options[name]}: it must be above zero.")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from generation.composer.checkpoint import write_bytes
        from generation.composer.corpus import CorpusError, read_corpus, read_manifest

        cache = options["cache"] or options["work"] / "corpus"
        try:
            entries = read_manifest(options["corpus"], instruments=[options["instrument"]])
            say("reading the corpus")
            pieces = read_corpus(options["corpus"], entries=entries, cache=cache)
            line = json.dumps(self._compared(options, cache=cache, pieces=pieces), ensure_ascii=False)
            write_bytes(options["output"], f"{line}\n".encode())
        except (CorpusError, ValueError, OSError) as error:
            stop(error)
        self.stdout.write(line)

    def _compared(self, options: dict[str, Any], *, cache: Path, pieces: Any) -> dict[str, Any]:
        try:
            from generation.management.paper.measure import Extent
            from generation.management.paper.same_time import Race, Watch, compared
        except ImportError as error:
            raise CommandError(f"Training needs TensorFlow ({error}): install requirements.txt.") from error
        race = Race(
            instrument=options["instrument"],
            corpus=options["corpus"],
            cache=cache,
            extent=Extent(options["minutes"], pieces=options["pieces"], timed=0, units=options["units"]),
            work=options["work"],
        )
        skipped: list[str] = []
        found = compared(
            race, pieces=pieces, watch=Watch(say, paper=tell, ours=Bar(), skipped=skipped.append)
        )
        say_skipped(skipped)
        return found
