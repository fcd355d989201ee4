"""Write the catalogue of events into the documentation, from the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.webhooks.catalogue import as_markdown

BEGIN, END = "<!-- events: made by manage.py describe_webhooks -->", "<!-- end of events -->"


def with_catalogue(text: str) -> str:
    """Return a page with the catalogue between its two marks. Raises ``ValueError`` if they are missing."""
    head, begin, rest = text.partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page has no {BEGIN} … {END}.")
    return f"{head}{BEGIN}\n\n{as_markdown()}\n{END}{tail}"


class Command(BaseCommand):
    help = "Write the catalogue of webhook events into a page, between its marks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("page", nargs="?", type=Path, default=Path("docs/partners/webhooks.md"))

    def handle(self, *_arguments: Any, page: Path, **_options: Any) -> None:
        try:
            page.write_text(with_catalogue(page.read_text()))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{page} is up to date.")
