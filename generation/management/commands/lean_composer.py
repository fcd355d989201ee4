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

FREE_CANDIDATES = 4
"""Candidates of an order that no critic chooses among: pieces of many styles tell more than many of one style."""

PACE, SLOWER = 0.4, 0.3
"""Part of the correction made in the first round, and how fast it falls: classes drive each other, and overshoot."""


class Command(OneLineCommand):
    help = (
        "Draw candidates with a trained model, count what they do against the training works, and write the leanings "
        "that make up for the difference beside the model: the mean of those after the later half of the rounds. The "
        "last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_lessons(parser, orders=32, rounds=8)
        parser.add_argument(
            "--chosen",
            action="store_true",
            help="go on from the model's leanings, with candidates that its critic lets through (after teach_critic)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        import numpy as np

        from generation.composer import leanings
        from generation.composer.compose import MissingModelError, is_flawed, load_model
        from generation.composer.corpus import CorpusError
        from generation.composer.evaluation.cuts import everywhere, made_windows
        from generation.composer.export import write_leanings

        check_lessons(options)
        try:
            model = load_model(options["instrument"], options["models"])
            training = everywhere(training_works(options), instrument=options["instrument"])
            real = leanings.frequencies(window.score for window in training.windows)
            if not real.any():
                raise ValueError("No training work gives an excerpt to compare with.")
            found = model.leanings if options["chosen"] else leanings.none()
            rounds = []
            for number, seeds in enumerate(seeds_of_rounds(options, first=FIRST_SEED)):
                model = dataclasses.replace(model, leanings=found)
                critic, count = (model.critic, None) if options["chosen"] else (None, FREE_CANDIDATES)
                drawn = [
                    made_windows([one.score for one in candidates if not is_flawed(one.score)])
                    for candidates in candidates_of(
                        model, seeds=seeds, critic=critic, name="leaning", count=count
                    )
                ]
                made = np.array(
                    [leanings.frequencies(one.score for one in windows) for windows in drawn if windows]
                )
                apart = leanings.divergence(real=real, made=made)
                sys.stderr.write(
                    f"\rround {number + 1}: {sum(apart):.3f} bits apart, {max(apart):.3f} at most\n"
                )
                found = leanings.corrected(found, real=real, made=made, pace=PACE / (1 + number) ** SLOWER)
                rounds.append(found)
            settled = np.rint(np.mean(rounds[len(rounds) // 2 :], axis=0)).astype(np.int32)
            card = write_leanings(options["models"] / options["instrument"], leanings=settled)
        except (CorpusError, MissingModelError, ValueError, OSError) as error:
            stop(error)
        facts = {
            "instrument": card["instrument"],
            "version": card["version"],
            "bits_apart": round(sum(apart), 4),
        }
        self.stdout.write(json.dumps(facts))
