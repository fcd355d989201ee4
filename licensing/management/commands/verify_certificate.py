"""Check a certificate, and files of it, with public keys alone."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from licensing import keys
from licensing.chain import Entry, read_entries
from licensing.documents import Checked, check_signed_file
from licensing.offline import Signed, lists_files, look_at, signed_file_in, standing


class Command(BaseCommand):
    help = (
        "Checks a certificate file without database and network, and whether FILES are those it lists. With a copy of "
        "the register it also says how the certificate stood then. Exit code 0: all is as it was delivered; 1: not."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file",
            type=Path,
            help="certificate.json, the files.json of a cut or loop, or a folder or ZIP that holds one of them",
        )
        parser.add_argument(
            "files",
            type=Path,
            nargs="*",
            help="what should be among the files that it lists: files, folders, ZIPs",
        )
        parser.add_argument("--audio", type=Path, help="one more such file")
        parser.add_argument(
            "--keys", type=Path, help="public keys as /certificates/keys/ gives them; default: our own"
        )
        parser.add_argument(
            "--register", type=Path, help="the register as /certificates/register/entries.jsonl gives it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            known = keys.read_public_keys(options["keys"]) if options["keys"] else keys.public_keys()
            content = signed_file_in(path)
            checked = check_signed_file(content, public_keys=known)
            entries = _entries(options["register"])
        except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise CommandError(f"invalid: {error}") from error
        if not checked.genuine:
            raise CommandError(f"invalid: {path.name}: {checked.reason}")
        if not lists_files(checked.document):
            raise CommandError(f"invalid: {path.name} is signed, and it is no certificate")
        lines, wrong = [], []
        bundle = [] if path.suffix == ".json" else [path]
        for one in [*bundle, *options["files"], *filter(None, [options["audio"]])]:
            found = look_at(one, signed=Signed(content, checked.document), public_keys=known)
            lines += found.lines
            wrong += found.wrong
        stands = "whether the certificate was revoked since cannot be known offline"
        if entries is not None:
            status, problems = standing(checked.document, entries)
            wrong += problems
            if not problems:
                stands = f"{status} by entry {entries[-1].number} of the register"
                wrong += [] if status == "valid" else [f"the certificate is {status}"]
        if wrong:
            raise CommandError("\n".join(f"invalid: {one}" for one in wrong))
        self.stdout.write(
            "\n".join([f"valid: the signature is genuine ({stands})", *_summary(checked), *lines])
        )


def _entries(path: Path | None) -> list[Entry] | None:
    return list(read_entries(path.read_text(encoding="utf-8"))) if path else None


def _summary(checked: Checked) -> list[str]:
    document = checked.document
    return [
        f"Copyright ID  {document['copyright_id']}",
        f"Piece         {document['composition']['title']}",
        f"Licensee      {document['licensee']}",
        f"Sold          {document.get('sold_at', document['issued_at'])}",
        *([f"Transferred   {document['transferred_at']}"] if "transferred_at" in document else []),
        f"Signed with   {document['key_id']}",
        *([f"Notice        {document['notice']}"] if document["test"] else []),
    ]
