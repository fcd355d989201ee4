"""Make a key to sign certificates with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from licensing import keys


class Command(BaseCommand):
    help = (
        "Makes a new Ed25519 key in SIGNING_KEYS_DIR; from then on it signs, and the older ones still verify."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--test", action="store_true", help="a key for certificates without legal effect")

    def handle(self, *args: Any, **options: Any) -> None:
        purpose = keys.purpose_of(is_test=options["test"])
        try:
            path = keys.make_key(purpose, name=timezone.now().strftime("%Y%m%d-%H%M%S"))
            key = keys.signing_key(purpose)
        except OSError as error:
            raise CommandError(f"The key cannot be written: {error}") from error
        self.stdout.write(f"{key.key_id}  {path}")
