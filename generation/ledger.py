"""The corpus ledger: every score the networks were trained on, where it is from and under which terms."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from generation.catalogue import PRETRAINED

LEDGER_FILE = PRETRAINED / "corpus" / "ledger.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One score of the corpus. ``folder`` is the kind of score, ``used_for`` is training or validation."""

    title: str
    composer: str
    source: str
    licence: str
    sha256: str
    folder: str
    used_for: str


@dataclass(frozen=True, slots=True)
class Totals:
    """How many scores there are, and how many of each licence, source and folder, most first."""

    scores: int
    composers: int
    held_out: int
    licences: Mapping[str, int]
    sources: Mapping[str, int]
    folders: Mapping[str, int]


def entries(file: Path = LEDGER_FILE) -> list[Entry]:
    """Read the ledger, by composer and title. It is not kept in memory: few ask for it, and it is large."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    found = [
        Entry(
            title=row["title"],
            composer=row["composer"],
            source=row["source"],
            licence=row["license"],
            sha256=row["sha256"],
            folder=row["file"].partition("/")[0],
            used_for=row["used_for"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda entry: (entry.composer.casefold(), entry.title.casefold(), entry.sha256))


def totals(found: Sequence[Entry]) -> Totals:
    """Count what is in a ledger."""

    def counted(values: Sequence[str]) -> dict[str, int]:
        return dict(Counter(values).most_common())

    return Totals(
        scores=len(found),
        composers=len({entry.composer for entry in found}),
        held_out=sum(entry.used_for == "validation" for entry in found),
        licences=counted([entry.licence for entry in found]),
        sources=counted([entry.source.partition(":")[0] for entry in found]),
        folders=counted([entry.folder for entry in found]),
    )


def matching(found: Sequence[Entry], *, words: str) -> list[Entry]:
    """Return the entries that have each of some words in composer, title, source or folder, whatever their case."""
    wanted = words.casefold().split()
    return [
        entry
        for entry in found
        if all(
            word in f"{entry.composer} {entry.title} {entry.source} {entry.folder}".casefold()
            for word in wanted
        )
    ]
