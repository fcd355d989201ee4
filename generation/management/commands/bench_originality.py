"""``manage.py bench_originality``: how long the works on record take to answer, the more there are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from generation.management.base import OneLineCommand, stop
from generation.models import Composition

LIMIT_MS = 10.0


class Command(OneLineCommand):
    help = (
        "Fill an empty PostgreSQL database with made-up works and time the question whether a new piece is near "
        "to one. Run it with a throw-away server: python -m tests.with_postgres python manage.py bench_originality"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--works", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(
                "It fills the database, so give it a throw-away one: "
                "python -m tests.with_postgres python manage.py bench_originality"
            )
        call_command("migrate", verbosity=0, interactive=False)
        if Composition.objects.exists():
            raise CommandError("This database holds compositions; the benchmark needs an empty one.")
        from generation.filled_register import FilledRegister

        register = FilledRegister()
        rows = []
        for works in sorted(options["works"]):
            register.fill(works)
            self.stderr.write(f"filled with {works:,} works")
            answered = register.ask()
            rows.append(asdict(answered) | {"holds": answered.median_ms <= LIMIT_MS})
            self.stdout.write(
                f"{answered.works:>9,} works {answered.fingerprints:>12,} fingerprints "
                f"{answered.table_mib:>9,.1f} MiB   median {answered.median_ms:>6.2f} ms   "
                f"p99 {answered.p99_ms:>6.2f} ms"
            )
        if options["json"]:
            try:
                options["json"].write_text(json.dumps({"limit_ms": LIMIT_MS, "rows": rows}, indent=2) + "\n")
            except OSError as error:
                stop(error)
