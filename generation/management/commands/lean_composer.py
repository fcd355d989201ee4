"""``manage.py lean_composer``: find what a composer does too often or too seldom, and let it lean the other way."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, stop
from generation.management.lessons import (
    add_lessons,
    candidates_of,
    check_lessons,
    seeds_of_rounds,
    training_works,
)

FIRST_SEED = 2_000_000_000
"""Seeds that neither evaluations nor visitors nor a critic's lessons use."""


class Command(OneLineCommand):
    help = (
        "Draw candidates with a trained model, count what they do against the training works, and write the leanings "
        "that make up for the difference beside the model. The last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_lessons(parser, orders=16, rounds=10)
        parser.add_argument(
            "--chosen",
            action="store_true",
            help="go on from the model's leanings, with candidates that its critic lets through (after teach_critic)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer import leanings
        from generation.composer.compose import MissingModelError, load_model
        from generation.composer.corpus import CorpusError
        from generation.composer.evaluation.cuts import everywhere, made_windows
        from generation.composer.export import write_leanings

        check_lessons(options)
        try:
            model = load_model(options["instrument"], options["models"])
            training = everywhere(training_works(options))
            real = leanings.counted(window.score for window in training.windows)
            if not real.any():
                raise ValueError("No training work gives an excerpt to compare with.")
            found = model.leanings if options["chosen"] else leanings.none()
            for number, seeds in enumerate(seeds_of_rounds(options, first=FIRST_SEED)):
                model = dataclasses.replace(model, leanings=found)
                critic = model.critic if options["chosen"] else None
                scores = [
                    one.score
                    for drawn in candidates_of(model, seeds=seeds, critic=critic, name="leaning")
                    for one in drawn
                ]
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
