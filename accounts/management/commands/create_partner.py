"""``manage.py create_partner NAME [--sandbox] [--invoice LIMIT]``: let a partner use the API."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Partner
from accounts.services import create_partner


class Command(BaseCommand):
    help = "Create an API client for a partner and print its id and secret. The secret is shown only now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the partner is called")
        parser.add_argument("--sandbox", action="store_true", help="test money and test pieces only")
        parser.add_argument(
            "--invoice",
            metavar="LIMIT",
            help="may buy on invoice, up to this much unpaid (such as 5000 or 99.50)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if not 1 <= len(name) <= 100:
            raise CommandError("A partner's name has 1 to 100 characters.")
        client_id, secret = create_partner(
            name=name,
            kind=Partner.Kind.SANDBOX if options["sandbox"] else Partner.Kind.LIVE,
            credit_limit_minor=_cents(options["invoice"]) if options["invoice"] else None,
        )
        self.stdout.write(f"client_id: {client_id}\nclient_secret: {secret}")


def _cents(text: str) -> int:
    try:
        cents = Decimal(text) * 100
    except InvalidOperation:
        cents = Decimal(-1)
    if not cents.is_finite() or not 0 < cents <= 2_000_000_000 or cents != int(cents):
        raise CommandError(f"--invoice {text} is no amount of money: give it like 5000 or 99.50.")
    return int(cents)
