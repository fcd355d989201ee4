"""Check a certificate with public keys alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from licensing import keys
from licensing.documents import Checked, check_signed_file


class Command(BaseCommand):
    help = (
        "Checks a certificate file without database and network. Exit code 0: genuine; 1: not. "
        "Whether it was revoked meanwhile only the page of its Copyright ID can say."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="certificate.json")
        parser.add_argument(
            "--audio", type=Path, help="a file that should be one of those the certificate lists"
        )
        parser.add_argument(
            "--keys", type=Path, help="public keys as /certificates/keys/ gives them; default: our own"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            known = keys.read_public_keys(options["keys"]) if options["keys"] else keys.public_keys()
            checked = check_signed_file(options["file"].read_bytes(), public_keys=known)
        except (OSError, ValueError) as error:
            raise CommandError(f"invalid: {error}") from error
        if not checked.genuine:
            raise CommandError(f"invalid: {checked.reason}")
        lines = _summary(checked)
        if options["audio"]:
            lines.append(_matched(checked, options["audio"]))
        self.stdout.write("\n".join(lines))


def _summary(checked: Checked) -> list[str]:
    document = checked.document
    return [
        "valid: the signature is genuine (whether the certificate was revoked since cannot be known offline)",
        f"Copyright ID  {document['copyright_id']}",
        f"Piece         {document['composition']['title']}",
        f"Licensee      {document['licensee']}",
        f"Sold          {document['issued_at']}",
        f"Signed with   {document['key_id']}",
        *([f"Notice        {document['notice']}"] if document["test"] else []),
    ]


def _matched(checked: Checked, path: Path) -> str:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CommandError(f"invalid: {error}") from error
    for item in checked.document["files"]:
        if item["sha256"] == digest:
            return f"File          {path.name} is {item['name']} of this certificate"
    raise CommandError(f"invalid: {path.name} is none of the files of this certificate (SHA-256 {digest})")
