"""Prepare and serve, in one process: what `make run` does once everything is installed."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command

from marketplace.management.commands import serve


class Command(serve.Command):
    """`prepare`, then `serve` with the same options."""

    help = "Prepare (database, static files, instruments, staff log-in) and serve until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("prepare")
        super().handle(*args, **options)
