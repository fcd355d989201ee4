"""``manage.py teach_critic``: let a model's critic hear what the network draws, beside real music."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from generation.management.base import OneLineCommand, existing_folder, stop

FIRST_SEED = 10**9
"""Seeds that neither evaluations nor visitors use."""


class Command(OneLineCommand):
    help = (
        "Draw candidates with a trained model, compare them with the training scores, and write the critic that tells "
        "them apart into the model's card. The last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True)
        parser.add_argument("--corpus", required=True, type=existing_folder, metavar="DIR")
        parser.add_argument(
            "--models", required=True, type=existing_folder, metavar="DIR", help="folder of models"
        )
        parser.add_argument("--folder", metavar="NAME", help="part of the corpus (default: the instrument's)")
        parser.add_argument(
            "--orders", type=int, default=40, help="orders of 16 candidates each (default 40)"
        )
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer.compose import MissingModelError, load_model
        from generation.composer.corpus import CorpusError, read_corpus, read_manifest
        from generation.composer.critic import EXCERPT_BARS, trained
        from generation.composer.export import write_critic
        from generation.composer.measures import excerpts

        if options["orders"] < 1:
            raise CommandError(f"--orders is {options['orders']}; choose 1 or more.")
        try:
            model = load_model(options["instrument"], options["models"])
            entries = read_manifest(
                options["corpus"], instruments=[options["folder"] or options["instrument"]]
            )
            pieces = read_corpus(options["corpus"], entries=entries, cache=options["cache"])
            training = [score for piece in pieces if not piece.entry.held_out for score in piece.sections]
            real = [part for score in training for part in excerpts(score, bars=EXCERPT_BARS)]
            made = list(_drawn(model, orders=options["orders"]))
            critic = trained(model.critic, real=real, made=made)
            card = write_critic(options["models"] / options["instrument"], critic=critic)
        except (CorpusError, MissingModelError, ValueError, OSError) as error:
            stop(error)
        sys.stderr.write("\n")
        facts = {
            "instrument": card["instrument"],
            "version": card["version"],
            "real": len(real),
            "drawn": len(made),
        }
        self.stdout.write(json.dumps(facts))


def _drawn(model: Any, *, orders: int) -> Any:
    """Candidates of many orders without wishes, as they were drawn, and long enough to be compared."""
    from generation.composer.compose import Order, all_candidates
    from generation.composer.critic import EXCERPT_BARS

    for number in range(orders):
        order = Order(instrument=model.instrument, seconds=60, seed=FIRST_SEED + number)
        for score in all_candidates(order, model=model):
            if score.bars > EXCERPT_BARS * 3 // 4:
                yield score
        sys.stderr.write(f"\rdrew {number + 1} of {orders}")
