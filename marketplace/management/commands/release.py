"""What an installation needs before its first start and after every upgrade. Safe to run again."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from marketplace.staff.roles import sync_roles

UNUSED_STATIC = ["redoc"]
"""The API's page shows Swagger; nothing here uses the Redoc that comes in the same package."""


class Command(BaseCommand):
    """Check the settings, migrate, collect static files, register composer models, roles and the works on record."""

    help = "Bring database, static files, instruments and roles up to this version; safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("check", deploy=True, fail_level="ERROR")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", ignore_patterns=UNUSED_STATIC, verbosity=0, interactive=False)
        call_command("sync_instruments", verbosity=0)
        sync_roles()
        call_command("record_works")
        self.stdout.write("This version is ready to be served.")
