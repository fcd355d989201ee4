"""``manage.py teach_critic``: let a model's critic hear what the network draws, beside real music."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from generation.management.base import OneLineCommand, add_corpus, existing_folder, stop

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
        parser.add_argument("--instrument", required=True)
        add_corpus(parser)
        parser.add_argument(
            "--models", required=True, type=existing_folder, metavar="DIR", help="folder of models"
        )
        parser.add_argument("--folder", metavar="NAME", help="part of the corpus (default: the instrument's)")
        parser.add_argument(
            "--orders", type=int, default=40, help="orders of 16 candidates in each round (default 40)"
        )
        parser.add_argument("--rounds", type=int, default=3, help="default 3")
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer.compose import MissingModelError, load_model
        from generation.composer.corpus import CorpusError, read_corpus, read_manifest
        from generation.composer.critic import Critic
        from generation.composer.export import write_critic
        from generation.composer.teaching import heard_in, taught

        for name in ("orders", "rounds"):
            if options[name] < 1:
                raise CommandError(f"--{name} is {options[name]}; choose 1 or more.")
        try:
            model = load_model(options["instrument"], options["models"])
            entries = read_manifest(
                options["corpus"], instruments=[options["folder"] or options["instrument"]]
            )
            pieces = read_corpus(options["corpus"], entries=entries, cache=options["cache"])
            training = [score for piece in pieces if not piece.entry.held_out for score in piece.sections]
            real = heard_in(model.core, scores=training, edges=model.card["edges"])
            critic = Critic.deaf(model.core.units)
            for number in range(options["rounds"]):
                first = FIRST_SEED + number * options["orders"]
                made = _drawn(model, critic=critic, seeds=range(first, first + options["orders"]))
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
    from generation.composer.compose import Order, all_candidates
    from generation.composer.decode import Selection
    from generation.composer.sampling import Stream
    from generation.composer.teaching import without_ending

    heard: list[Heard] = []
    for number, seed in enumerate(seeds, start=1):
        order = Order(instrument=model.instrument, seconds=60, seed=seed)
        choice = Selection(critic, Stream("teaching", seed))
        candidates = all_candidates(order, model=model, selection=choice)
        heard += [without_ending(one.heard, score=one.score) for one in candidates]
        sys.stderr.write(f"\rdrew {number} of {len(seeds)}")
    return heard
