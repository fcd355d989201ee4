"""``manage.py teach_critic``: let a model's critic hear what the network draws, beside real music."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, stop
from generation.management.lessons import (
    add_lessons,
    candidates_of,
    check_lessons,
    seeds_of_rounds,
    training_works,
)

if TYPE_CHECKING:
    from generation.composer.compose import ComposerModel
    from generation.composer.critic import Critic, Heard

FIRST_SEED = 10**9
"""Seeds that neither evaluations nor visitors use."""


class Command(OneLineCommand):
    help = (
        "Draw candidates with a trained model, compare them with the training scores, and write the critic that tells "
        "them apart beside the model. It is taught in rounds, each on candidates that the critic of the one before "
        "let through. The last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_lessons(parser, orders=40, rounds=3)

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer.compose import MissingModelError, load_model
        from generation.composer.corpus import CorpusError
        from generation.composer.critic import Critic
        from generation.composer.export import write_critic
        from generation.composer.teaching import heard_in, taught

        check_lessons(options)
        try:
            model = load_model(options["instrument"], options["models"])
            training = [score for piece in training_works(options) for score in piece.sections]
            real = heard_in(model.core, scores=training, edges=model.card["edges"])
            critic = Critic.deaf(model.core.units)
            for seeds in seeds_of_rounds(options, first=FIRST_SEED):
                made = _drawn(model, critic=critic, seeds=seeds)
                critic = taught(critic, real=real, made=made)
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


def _drawn(model: ComposerModel, *, critic: Critic, seeds: range) -> list[Heard]:
    """Candidates of many orders without wishes, as the critic lets them through."""
    from generation.composer.teaching import without_ending

    heard: list[Heard] = []
    drawn = candidates_of(model, seeds=seeds, critic=critic, name="teaching")
    for number, candidates in enumerate(drawn, start=1):
        heard += [without_ending(one.heard, score=one.score) for one in candidates]
        sys.stderr.write(f"\rdrew {number} of {len(seeds)}")
    return heard
