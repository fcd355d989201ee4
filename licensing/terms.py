"""The licence texts, one file a version. A version that was sold once is never edited."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "terms_texts"
VERSION = re.compile(r"[0-9]{4}-[0-9]{2}[a-z]?")


def terms_text(version: str) -> str:
    """Return the licence text of a version. Raises ``ValueError`` if there is none."""
    path = FOLDER / f"{version}.md"
    if not VERSION.fullmatch(version) or not path.is_file():
        raise ValueError(f"There are no licence terms {version!r}; there are {', '.join(versions())}.")
    return path.read_text(encoding="utf-8")


def terms_sha256(version: str) -> str:
    """Return the SHA-256 of the licence text of a version, byte for byte."""
    return hashlib.sha256(terms_text(version).encode()).hexdigest()


def versions() -> list[str]:
    """Return every version there is, oldest first."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))
