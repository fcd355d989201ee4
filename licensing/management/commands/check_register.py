"""Check the register of certificates from its first entry to its head."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from licensing.register_check import check


class Command(BaseCommand):
    help = (
        "Recomputes the chain of the register and compares it with every certificate and right. Exit code 0: all of "
        "it fits; 1: something was altered, and what."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", default="", metavar="HASH", help="an earlier head, which must still be in the register"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = check(since=options["since"].strip().lower())
        if report.faults:
            raise CommandError("\n".join(["The register does not fit:", *map(str, report.faults)]))
        self.stdout.write(
            f"ok: {report.head.number} entries, {report.certificates} certificates, head {report.head.hash}"
        )
        if options["since"]:
            self.stdout.write(f"ok: {options['since']} is still in the register")
