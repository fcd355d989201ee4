"""Bring a fresh clone to the point where it can be served. Safe to run again."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User
from marketplace.management.commands.release import UNUSED_STATIC
from marketplace.staff.roles import sync_roles

STAFF_EMAIL = "staff@soloscore.example"


class Command(BaseCommand):
    """Migrate, collect static files, register the composer models and make a staff log-in."""

    help = "Prepare database, static files, instruments and a development staff log-in; safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("prepare is for development; production runs release (deploy/README.md).")
        quiet = {"verbosity": 0, "interactive": False}
        call_command("migrate", **quiet)
        call_command("createcachetable", verbosity=0)
        if not static_is_current():
            call_command("collectstatic", ignore_patterns=UNUSED_STATIC, **quiet)
        call_command("sync_instruments", verbosity=0)
        sync_roles()
        call_command("record_works")
        call_command("seed_shop", verbosity=0)
        email, password = staff_login()
        self.stdout.write(f"Staff log-in: {email} / {password}   ({settings.SITE_URL}/admin/)")


def static_is_current() -> bool:
    """Say whether no static file is younger than the last collection: collecting takes seconds of every start."""
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if not manifest.exists():
        return False
    collected = manifest.stat().st_mtime
    return all(
        Path(storage.path(name)).stat().st_mtime < collected
        for finder in get_finders()
        for name, storage in finder.list(UNUSED_STATIC)
    )


def staff_login() -> tuple[str, str]:
    """Return the development staff account's e-mail and password, making both at the first call."""
    note = settings.VAR_DIR / "staff-login"
    if note.exists():
        email, password = note.read_text().split()
        return email, password
    password = secrets.token_urlsafe(9)
    with transaction.atomic():
        user = User.objects.filter(email=STAFF_EMAIL).first()
        if user is None:
            user = User.objects.create_superuser(STAFF_EMAIL, password, name="Staff")
            EmailAddress.objects.create(user=user, email=STAFF_EMAIL, verified=True, primary=True)
        else:
            user.set_password(password)
            user.save(update_fields=["password"])
    note.touch(mode=0o600)
    note.write_text(f"{STAFF_EMAIL} {password}\n")
    return STAFF_EMAIL, password
