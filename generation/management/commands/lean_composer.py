"""``manage.py lean_composer``: find what a composer does too often or too seldom, and let it lean the other way."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from generation.management.base import OneLineCommand, add_corpus, existing_folder, stop

if TYPE_CHECKING:
    from generation.composer.model import ComposerModel
    from generation.composer.score import Score

FIRST_SEED = 2_000_000_000
"""Seeds that neither evaluations nor visitors nor a critic's lessons use."""


class Command(OneLineCommand):
    help = (
        "Draw candidates with a trained model, count what they do against the training works, and write the leanings "
        "that make up for the difference beside the model. The last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True)
        add_corpus(parser)
        parser.add_argument(
            "--models", required=True, type=existing_folder, metavar="DIR", help="folder of models"
        )
        parser.add_argument("--folder", metavar="NAME", help="part of the corpus (default: the instrument's)")
        parser.add_argument(
            "--orders", type=int, default=16, help="orders of 16 candidates in each round (default 16)"
        )
        parser.add_argument("--rounds", type=int, default=10, help="default 10")
        parser.add_argument(
            "--chosen",
            action="store_true",
            help="go on from the model's leanings, with candidates that its critic lets through (after teach_critic)",
        )
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer import leanings
        from generation.composer.compose import MissingModelError, load_model
        from generation.composer.corpus import CorpusError, read_corpus, read_manifest
        from generation.composer.evaluation.cuts import everywhere, made_windows
        from generation.composer.export import write_leanings

        for name in ("orders", "rounds"):
            if options[name] < 1:
                raise CommandError(f"--{name} is {options[name]}; choose 1 or more.")
        try:
            model = load_model(options["instrument"], options["models"])
            entries = read_manifest(
                options["corpus"], instruments=[options["folder"] or options["instrument"]]
            )
            pieces = read_corpus(options["corpus"], entries=entries, cache=options["cache"])
            training = everywhere([piece for piece in pieces if not piece.entry.held_out])
            real = leanings.counted(window.score for window in training.windows)
            if not real.any():
                raise ValueError("No training work gives an excerpt to compare with.")
            found = model.leanings if options["chosen"] else leanings.none()
            for number in range(options["rounds"]):
                model = dataclasses.replace(model, leanings=found)
                first = FIRST_SEED + number * options["orders"]
                scores = _drawn(
                    model, seeds=range(first, first + options["orders"]), chosen=options["chosen"]
                )
                made = leanings.counted(window.score for window in made_windows(scores))
                apart = leanings.divergence(real=real, made=made)
                sys.stderr.write(
                    f"\rround {number + 1}: {sum(apart):.3f} bits apart, {max(apart):.3f} at most\n"
                )
                pace = (0.5 if options["chosen"] else 1.0) / (1 + number) ** 0.7
                found = leanings.corrected(found, real=real, made=made, pace=pace)
            card = write_leanings(options["models"] / options["instrument"], leanings=found)
        except (CorpusError, MissingModelError, ValueError, OSError) as error:
            stop(error)
        facts = {
            "instrument": card["instrument"],
            "version": card["version"],
            "bits_apart": round(sum(apart), 4),
        }
        self.stdout.write(json.dumps(facts))


def _drawn(model: ComposerModel, *, seeds: range, chosen: bool) -> list[Score]:
    """Candidates of many orders without wishes."""
    from generation.composer.compose import Order, all_candidates
    from generation.composer.decode import Selection
    from generation.composer.sampling import Stream

    scores: list[Score] = []
    for seed in seeds:
        order = Order(instrument=model.instrument, seconds=60, seed=seed)
        choice = Selection(model.critic, Stream("leaning", seed)) if chosen else None
        scores += [one.score for one in all_candidates(order, model=model, selection=choice)]
    return scores
