"""``manage.py seed_shop``: queue the house's own pieces."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.errors import GenerationError
from generation.showcase import seed_shop


class Command(BaseCommand):
    help = "Queue the shop's own demo pieces that are not there yet; a running worker composes them. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            pieces = seed_shop()
        except GenerationError as error:
            raise CommandError(error.message) from error
        if options["verbosity"]:
            self.stdout.write(f"{len(pieces)} demo pieces queued.")
