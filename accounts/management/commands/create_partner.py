"""``manage.py create_partner NAME``: let a partner use the API."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.services import create_partner


class Command(BaseCommand):
    help = "Create an API client for a partner and print its id and secret. The secret is shown only now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the partner is called")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if not 1 <= len(name) <= 100:
            raise CommandError("A partner's name has 1 to 100 characters.")
        client_id, secret = create_partner(name=name)
        self.stdout.write(f"client_id: {client_id}\nclient_secret: {secret}")
