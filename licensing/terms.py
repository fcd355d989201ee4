"""The licence texts and the statements on certificates, files of one version. What was sold once is never edited.

``<version>.md`` is the licence. ``<version>.statement.txt`` and ``<version>.transfer.txt`` are what a certificate
states, in paragraphs with places for its facts: of a sale, and after a transfer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "terms_texts"
VERSION = re.compile(r"[0-9]{4}-[0-9]{2}[a-z]?")


def terms_text(version: str) -> str:
    """Return the licence text of a version. Raises ``ValueError`` if there is none."""
    return _read(version, ".md")


def terms_sha256(version: str) -> str:
    """Return the SHA-256 of the licence text of a version, byte for byte."""
    return _sha256(terms_text(version))


def statement_template(version: str, *, transferred: bool) -> str:
    """Return what certificates under a version state, with places for the facts. Raises ``ValueError``."""
    return _read(version, ".transfer.txt" if transferred else ".statement.txt")


def statement_sha256(version: str, *, transferred: bool) -> str:
    """Return the SHA-256 of the statement's text with its places, byte for byte."""
    return _sha256(statement_template(version, transferred=transferred))


def statement_of(facts: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs a certificate states: those frozen in its facts, or those of its version for old ones."""
    if "statement" in facts:
        return list(facts["statement"])
    pieces = facts.get("compared_with", {}).get("training_pieces")
    template = statement_template(facts["terms"]["version"], transferred="transferred_at" in facts)
    text = template.format(
        copyright_id=facts["copyright_id"],
        seller=facts["seller"],
        licensee=facts["licensee"],
        sold_at=_readable(facts.get("sold_at", facts["issued_at"])),
        transferred_at=_readable(facts.get("transferred_at", "")),
        compared_until=facts["compared_until"][:10],
        pieces=f"{pieces} pieces of the " if pieces else "",
    )
    return text.strip().split("\n\n")


def versions() -> list[str]:
    """Return every version there is, oldest first."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def _read(version: str, suffix: str) -> str:
    path = FOLDER / f"{version}{suffix}"
    if not VERSION.fullmatch(version) or not path.is_file():
        raise ValueError(f"There are no licence terms {version!r}; there are {', '.join(versions())}.")
    return path.read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _readable(moment: str) -> str:
    return moment.replace("T", " ").removesuffix("Z")
