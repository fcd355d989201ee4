"""Compare payments at Stripe with purchases here, and say what differed."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments import gateway
from payments.sweeper import RECONCILE_DAYS, differences


class Command(BaseCommand):
    """Settle what differs and print each difference. Exits with an error if one is left that nobody can explain."""

    help = "Compare the last days' payments at Stripe with the purchases here, settle what differs, and print it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how far back to look."""
        parser.add_argument(
            "--days", type=int, default=RECONCILE_DAYS.days, help="how many days back (%(default)s)"
        )

    def handle(self, *_args: Any, days: int, **_options: Any) -> None:
        """Print the differences, then their number."""
        if days < 1:
            raise CommandError(f"--days is {days}; give 1 or more.")
        repaired = unexplained = 0
        try:
            for difference in differences(days=timedelta(days=days)):
                repaired += difference.is_repaired
                unexplained += not difference.is_repaired
                self.stdout.write(
                    ("repaired     " if difference.is_repaired else "unexplained  ") + difference.text
                )
        except gateway.GatewayError as error:
            raise CommandError(f"Stripe cannot be asked: {error}") from error
        self.stdout.write(f"{repaired} repaired, {unexplained} unexplained")
        if unexplained:
            raise CommandError(f"{unexplained} differences need a person; see the incidents in the admin.")
