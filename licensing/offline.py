"""What a signed certificate proves by itself: which files are its own, and how it stands in a copy of the register."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from licensing.canonical import canonical, sha256_of
from licensing.chain import Entry, faults_of, lives_in
from licensing.documents import WITHOUT_ANCHOR, facts_of

CERTIFICATE, EXTRA = "soloscore-certificate/", "soloscore-extra/"


def lists_files(document: Mapping[str, Any]) -> bool:
    """Whether a signed document is a certificate, or the list of the files of a cut or loop."""
    return str(document.get("schema")).startswith((CERTIFICATE, EXTRA))


class AlteredFile(ValueError):
    """A file has the name of a delivered one and other content."""


class UnknownFile(ValueError):
    """A file has neither name nor content of a delivered one."""


def matched(document: Mapping[str, Any], path: Path) -> str:
    """Return which of a document's files ``path`` is, by content. Raises ``AlteredFile``, ``UnknownFile``, ``OSError``.

    A download has the Copyright ID before its name.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    for item in document["files"]:
        if item["sha256"] == digest:
            return str(item["name"])
    called = path.name.removeprefix(f"{document['copyright_id']}-")
    for item in document["files"]:
        if item["name"] == called:
            raise AlteredFile(
                f"{path.name} is not the {called} that was delivered: it was altered "
                f"(SHA-256 {digest} instead of {item['sha256']})"
            )
    raise UnknownFile(f"{path.name} is none of the files of this certificate (SHA-256 {digest})")


def standing(document: Mapping[str, Any], entries: Sequence[Entry]) -> tuple[str, list[str]]:
    """Return how a genuine document stands in a register that begins at its first entry, and what does not fit."""
    wrong = [f"register: {fault}" for fault in faults_of(entries)]
    life = lives_in(entries).get(document["copyright_id"])
    if life is None or life.issued is None:
        return "unknown", [*wrong, f"the register knows no {document['copyright_id']}"]
    wrong += [f"register: {fault}" for fault in life.faults]
    if document["schema"].startswith(CERTIFICATE):
        if life.issued.digest != sha256_of(canonical(facts_of(document))):
            wrong.append(
                f"entry {life.issued.number} of the register is about other facts than this document"
            )
        if life.signed is None or life.signed.digest != sha256_of(canonical(document)):
            wrong.append("the document that the register knows of this certificate is another one")
        anchor = document.get("register")
        issued = {"number": life.issued.number, "hash": life.issued.hash}
        if anchor != issued and not (anchor is None and document["schema"] == WITHOUT_ANCHOR):
            wrong.append("the register is not the one this document was issued into")
    status = f"{life.status} ({life.successor} took its place)" if life.successor else life.status
    return status, wrong
