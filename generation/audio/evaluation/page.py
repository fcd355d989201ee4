"""The page of the sound: every published figure, from the reports of the measurements alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from generation.audio.evaluation.report import Report

_INTRODUCTION = """\
# How it sounds, and what its marks withstand

Made by `python manage.py sound_page` from the reports of the measurements; no figure is written by hand.
"""


def read_reports(folder: Path) -> list[Report]:
    """The reports of a folder in the order of their names. Raises ``ValueError`` if there is none, or a bad one."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ValueError(f"{folder} holds no report (*.json); measure first.")
    return [Report.read(path) for path in paths]


def page(reports: Iterable[Report]) -> str:
    """The page in Markdown: what must hold, then a section for each report."""
    reports = list(reports)
    figures = [
        (report.title, one.what, one.measured, one.must_hold, "holds" if one.holds else "**falls short**")
        for report in reports
        for one in report.figures
    ]
    parts = [
        _INTRODUCTION,
        "## What must hold\n",
        _table(("of", "what", "measured", "must hold", ""), figures),
    ]
    for report in reports:
        parts += [f"## {report.title}\n", f"{report.says.strip()}\n\nMeasured {report.made}.\n"]
        for table in report.tables:
            parts += [f"### {table.title}\n", _table(table.head, table.rows)]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
