"""``manage.py train_composer``: train one instrument's model on a folder of scores with a manifest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from generation.management.base import OneLineCommand, existing_folder, stop
from generation.management.progress import Bar, say_skipped


class Command(OneLineCommand):
    help = (
        "Train the base (--instrument base) or one instrument. A run that was stopped goes on from the checkpoint in "
        "--output. Writes weights.npz, styles.npz, critic.npz, ledger.json and card.json there; the last line on "
        "stdout is a JSON object. Files of the corpus that cannot be used are named, skipped and counted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True)
        parser.add_argument("--corpus", type=existing_folder, metavar="DIR", help="with a manifest.csv")
        parser.add_argument("--output", required=True, type=Path, metavar="DIR")
        parser.add_argument("--minutes", type=float, help="wall time to train for (default: the recipe's)")
        parser.add_argument(
            "--epochs", type=float, help="stop after this many rounds through the instrument's folder"
        )
        parser.add_argument(
            "--folder",
            action="append",
            metavar="NAME",
            help="learn from this part of the corpus, in equal shares",
        )
        parser.add_argument(
            "--start-from", type=existing_folder, metavar="DIR", help="output folder of another run"
        )
        parser.add_argument(
            "--transfer-from", type=existing_folder, metavar="DIR",
            help="learn nothing: let the network in DIR compose for this instrument, under its own range and idiom",
        )  # fmt: skip
        parser.add_argument("--allow-licence", action="append", default=[], metavar="NAME")
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")
        parser.add_argument(
            "--tensorboard", type=Path, metavar="DIR", help="write losses for TensorBoard here"
        )
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        if any(options[name] is not None and options[name] <= 0 for name in ("minutes", "epochs")):
            raise CommandError("--minutes and --epochs must be above zero.")
        if options["corpus"] is None and options["transfer_from"] is None:
            raise CommandError("--corpus is missing: name the folder of scores to learn from.")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from generation.composer.corpus import CorpusError
        from generation.composer.model import MissingModelError

        try:
            card = self._transfer(options) if options["transfer_from"] else self._train(options)
        except (CorpusError, MissingModelError, ValueError, OSError) as error:
            stop(error)
        keys = ("instrument", "version", "training", "held_out_bits_per_note")
        self.stdout.write(json.dumps({key: card[key] for key in keys}, ensure_ascii=False))

    def _transfer(self, options: dict[str, Any]) -> dict[str, Any]:
        from generation.composer.export import write_transfer
        from generation.composer.players import PLAYERS

        if options["instrument"] not in PLAYERS:
            known = ", ".join(PLAYERS)
            raise CommandError(
                f"--instrument {options['instrument']!r} has no range and idiom; choose one of {known}."
            )
        return write_transfer(
            options["instrument"], source=options["transfer_from"], output=options["output"]
        )

    def _train(self, options: dict[str, Any]) -> dict[str, Any]:
        from generation.composer.corpus import read_manifest
        from generation.composer.recipes import RECIPES, Recipe

        recipe = RECIPES.get(options["instrument"]) or Recipe({options["instrument"]: 1.0})
        shares = (
            dict.fromkeys(options["folder"], 1.0 / len(options["folder"]))
            if options["folder"]
            else recipe.shares
        )
        # Before TensorFlow is loaded, which takes a while.
        read_manifest(options["corpus"], instruments=shares, allow_licences=options["allow_licence"])
        try:
            from generation.composer.network import Hyper
            from generation.composer.training import Plan, train
        except ImportError as error:
            raise CommandError(f"Training needs TensorFlow ({error}): install requirements.txt.") from error
        plan = Plan(
            instrument=options["instrument"],
            shares=shares,
            minutes=options["minutes"] or (None if options["epochs"] else recipe.minutes),
            epochs=options["epochs"],
            start_from=options["start_from"],
            seed=options["seed"],
        )
        skipped: list[str] = []
        bar = Bar(options["tensorboard"])
        card: dict[str, Any] = train(
            plan,
            corpus=options["corpus"],
            output=options["output"],
            hyper=Hyper(**recipe.hyper) if options["start_from"] else Hyper(),
            cache=options["cache"],
            allow_licences=options["allow_licence"],
            progress=bar,
            skipped=skipped.append,
        )
        say_skipped(skipped)
        return card
