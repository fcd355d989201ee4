"""``manage.py train_composer``: train one instrument's model on a folder of scores with a manifest."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from generation.management.base import OneLineCommand, existing_folder, stop

BAR_WIDTH = 30


@dataclass(frozen=True, slots=True)
class Recipe:
    """How our own models are trained: folders of the corpus, and what changes when one starts from another."""

    folders: tuple[str, ...]
    replay: tuple[str, ...] = ()
    replay_share: float = 0.0
    hyper_from_other: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "piano": Recipe(folders=("piano", "harpsichord")),
    "guitar": Recipe(
        folders=("guitar",),
        replay=("piano", "harpsichord", "organ", "choir"),
        replay_share=0.75,
        hyper_from_other={"peak_rate": 8e-4, "layer_dropout": 0.4, "input_dropout": 0.2},
    ),
}


class Command(OneLineCommand):
    help = (
        "Train one instrument. A run that was stopped goes on from the checkpoint in --output. Writes weights.npz, "
        "index.npz, ledger.json and card.json there; the last line on stdout is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", required=True)
        parser.add_argument(
            "--corpus", required=True, type=existing_folder, metavar="DIR", help="with a manifest.csv"
        )
        parser.add_argument("--output", required=True, type=Path, metavar="DIR")
        parser.add_argument("--minutes", type=float, default=40.0, help="wall time to train for (default 40)")
        parser.add_argument("--epochs", type=float, help="stop after this many rounds through the corpus")
        parser.add_argument(
            "--folder", action="append", metavar="NAME", help="learn from this part of the corpus"
        )
        parser.add_argument(
            "--start-from", type=existing_folder, metavar="DIR", help="output folder of another run"
        )
        parser.add_argument("--allow-licence", action="append", default=[], metavar="NAME")
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["minutes"] <= 0 or (options["epochs"] is not None and options["epochs"] <= 0):
            raise CommandError("--minutes and --epochs must be above zero.")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from generation.composer.corpus import CorpusError, read_manifest

        recipe = RECIPES.get(options["instrument"]) or Recipe(folders=(options["instrument"],))
        folders = tuple(options["folder"] or recipe.folders)
        try:
            # Before TensorFlow is loaded, which takes a while.
            read_manifest(options["corpus"], instruments=folders, allow_licences=options["allow_licence"])
            card = self._train(options, recipe=recipe, folders=folders)
        except (CorpusError, ValueError, OSError) as error:
            stop(error)
        keys = ("instrument", "version", "training", "held_out_bits_per_note")
        self.stdout.write(json.dumps({key: card[key] for key in keys}, ensure_ascii=False))

    def _train(self, options: dict[str, Any], *, recipe: Recipe, folders: tuple[str, ...]) -> dict[str, Any]:
        try:
            from generation.composer.network import Hyper
            from generation.composer.training import Plan, train
        except ImportError as error:
            raise CommandError(f"Training needs TensorFlow ({error}): install requirements.txt.") from error
        from_other = options["start_from"] is not None
        plan = Plan(
            instrument=options["instrument"],
            folders=folders,
            minutes=options["minutes"],
            epochs=options["epochs"],
            replay=recipe.replay if from_other else (),
            replay_share=recipe.replay_share if from_other else 0.0,
            start_from=options["start_from"],
            seed=options["seed"],
        )
        hyper = Hyper(**recipe.hyper_from_other) if from_other else Hyper()
        card: dict[str, Any] = train(
            plan,
            corpus=options["corpus"],
            output=options["output"],
            hyper=hyper,
            cache=options["cache"],
            allow_licences=options["allow_licence"],
            progress=_Bar(),
        )
        sys.stderr.write("\n")
        return card


class _Bar:
    """Draws how far training is, on one line of stderr."""

    def __init__(self) -> None:
        self._longest = 0.0

    def __call__(self, report: Any) -> None:
        self._longest = max(self._longest, report.seconds_left)
        done = 1.0 - report.seconds_left / self._longest if self._longest else 1.0
        bar = ("█" * round(done * BAR_WIDTH)).ljust(BAR_WIDTH, "░")
        sys.stderr.write(
            f"\r{bar} epoch {report.epoch:.2f} · loss {report.loss:.3f} · held-out {report.held_out:.3f} bits a note · "
            f"{report.notes_per_second:,.0f} notes/s · {report.seconds_left / 60:.1f} min left "
        )
        sys.stderr.flush()
