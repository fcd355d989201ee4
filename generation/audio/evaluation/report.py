"""What a measurement of the sound found, as a file: figures that must hold, tables, and how they were taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One promised figure: the value with its unit as text, what must hold, and whether it does."""

    what: str
    measured: str
    must_hold: str
    holds: bool


@dataclass(frozen=True)
class Table:
    """A table of texts; every row is as long as ``head``."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        wrong = next((row for row in self.rows if len(row) != len(self.head)), None)
        if wrong is not None:
            raise ValueError(f"The table {self.title!r} has {len(self.head)} columns, not {len(wrong)}.")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@dataclass(frozen=True)
class Report:
    """A section of the page of the sound. ``says`` is Markdown: what was measured, on how much, and how."""

    title: str
    says: str
    figures: Sequence[Figure]
    tables: Sequence[Table] = ()
    made: str = field(default_factory=_today)
    """Day of the measurement, YYYY-MM-DD."""

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        made = path.with_name(f".{path.name}.part")
        made.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        made.replace(path)

    @classmethod
    def read(cls, path: Path) -> Report:
        """The report in a file. Raises ``ValueError`` naming the file if it is none."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            date.fromisoformat(found["made"])
            return cls(
                **{
                    **found,
                    "figures": [Figure(**one) for one in found["figures"]],
                    "tables": [Table(**one) for one in found["tables"]],
                }
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path} is no report of a measurement of the sound: {error}.") from error
