"""Print the figures the product promises, measured on the running product."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from marketplace import bench
from marketplace.bench_browser import seeing
from marketplace.bench_composing import composing
from marketplace.bench_pages import browsing
from marketplace.bench_sales import selling
from marketplace.bench_sound import sounding
from marketplace.bench_staff import staffing

PARTS = {
    "composing": composing,
    "sounding": sounding,
    "visiting": bench.visit,
    "seeing": seeing,
    "selling": selling,
    "browsing": browsing,
    "staffing": staffing,
    "clone": bench.fresh_clone,
}
"""The parts of the report, in its order."""


class Command(BaseCommand):
    """Measure, print a table, write bench/results.json. Exits with 1 when a figure does not hold."""

    help = (
        "Measure composing, rendering, start-up, clicks and memory on the product; writes bench/results.json."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md as well")
        parser.add_argument(
            "--only", action="append", choices=sorted(PARTS), help="only this part; nothing is written"
        )
        parser.add_argument(
            "--skip-clone", action="store_true", help="leave out make run on a fresh clone (minutes)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        figures = []
        wanted = options["only"] or [
            name for name in PARTS if not (name == "clone" and options["skip_clone"])
        ]
        for name in wanted:
            for figure in PARTS[name](settings.BASE_DIR):
                mark = "holds" if figure.holds else "FALLS SHORT"
                self.stdout.write(
                    f"{figure.what:<58} {figure.value:>8.2f} {figure.unit:<4} {figure.must_hold:>6}  {mark}"
                )
                figures.append(figure)
        if options["only"]:
            return
        folder = settings.BASE_DIR / "bench"
        folder.mkdir(exist_ok=True)
        report = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "figures": [asdict(figure) for figure in figures],
        }
        (folder / "results.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
        if options["docs"]:
            (settings.BASE_DIR / "docs" / "benchmarks.md").write_text(_page(report))
        if not all(figure.holds for figure in figures):
            raise SystemExit(1)


def _page(report: dict[str, Any]) -> str:
    rows = [
        f"| {row['what']} | {row['value']:.2f} {row['unit']} | {row['must_hold']} {row['unit']} | "
        f"{'holds' if row['holds'] else '**falls short**'} |"
        for row in report["figures"]
    ]
    made = (
        "Made by `make bench`, which starts the real servers and visits them; run it to see the figures of your\n"
        f"machine. These are of {report['measured_at'][:10]}, Python {report['python']}, {report['cores']} cores."
    )
    lines = [
        "# What it measures",
        "",
        made,
        "",
        "| what | measured | must hold | |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *rows, ""])
