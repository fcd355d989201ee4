"""Make a pair that signs where our files come from."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.audio.certificates import expiry_of
from generation.audio.errors import CredentialsUnusable
from generation.content_credentials import credentials, make_own


class Command(BaseCommand):
    help = (
        "Makes a C2PA certificate (a root of your own and one under it) and its key in SIGNING_KEYS_DIR/c2pa, once. "
        "Readers elsewhere will call it untrusted; for a trusted one set SOLOSCORE_C2PA_CERT and SOLOSCORE_C2PA_KEY."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            folder = make_own()
            expiry = expiry_of(credentials())
        except OSError as error:
            raise CommandError(f"The key cannot be written: {error}") from error
        except CredentialsUnusable as error:
            raise CommandError(f"The pair in use does not work: {error}") from error
        self.stdout.write(f"{folder}  valid until {expiry:%Y-%m-%d}")
