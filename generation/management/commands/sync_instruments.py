"""``manage.py sync_instruments``: offer what the trained models on disk can play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.catalogue import PRETRAINED, DamagedModel, sync_instruments


class Command(BaseCommand):
    help = (
        "Offer an instrument for every trained model on disk; what ships anew is put to use. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--models", type=Path, default=PRETRAINED, metavar="DIR", help="folder of trained models"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            models = sync_instruments(options["models"])
        except DamagedModel as error:
            raise CommandError(error.message) from error
        if not models:
            self.stderr.write(f"No trained model in {options['models']}: nothing can be composed.")
        for model in models:
            if options["verbosity"]:
                self.stdout.write(f"{model.instrument}: {model.version}")
