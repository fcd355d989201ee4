"""Make the groups of the staff as the table of roles says."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketplace.staff import roles


class Command(BaseCommand):
    """Run it after each upgrade; what was changed in the groups by hand is undone."""

    help = "Give the groups support, finance, music and admin exactly the permissions of marketplace/staff/roles.py."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--table", action="store_true", help="only print the table, as Markdown")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["table"]:
            self.stdout.write("\n".join(roles.table()))
            return
        roles.sync_roles()
        self.stdout.write(f"Roles: {', '.join(roles.ROLES)}")
