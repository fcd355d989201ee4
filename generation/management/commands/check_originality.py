"""``manage.py check_originality FILE.mid``: how near a piece is to the training corpus and to the works on record."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError

from generation.management.base import OneLineCommand, existing_file, stop


class Command(OneLineCommand):
    help = "Compare a MIDI file with the training corpus and with all works on record."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=existing_file, metavar="FILE.mid")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        from generation.composer.model import MissingModelError
        from generation.composer.write import UnreadableMidiError, read_midi

        try:
            notes = read_midi(options["file"]).notes
            report = self._compare(notes)
        except (UnreadableMidiError, MissingModelError, OSError) as error:
            stop(error)
        facts = {
            "verdict": report.verdict,
            "nearest": report.nearest,
            "longest_run": report.longest_run,
            "share": round(report.share, 4),
        }
        if options["json"]:
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(f"{name}: {value}" for name, value in facts.items()))

    def _compare(self, notes: Any) -> Any:
        """The nearest of the reports on the corpus, or on each model's part of it, and on the works on record."""
        from generation.composer.model import INDEX, PRETRAINED, available_instruments
        from generation.originality.index import CORPUS_INDEX, CorpusIndex
        from generation.originality.report import check
        from generation.works import WorksOnRecord

        each = [PRETRAINED / instrument / INDEX for instrument in available_instruments()]
        paths = [CORPUS_INDEX] if CORPUS_INDEX.is_file() else each
        reports = [check(notes, corpus=CorpusIndex.load(path)) for path in paths]
        if not reports:
            self.stderr.write("No trained model is installed: compared with the works on record only.")
        try:
            reports.append(check(notes, works=WorksOnRecord()))
        except DatabaseError as error:
            self.stderr.write(
                f"The works on record could not be asked ({error}): compared with the corpora only."
            )
        return max(
            reports, key=lambda report: (report.verdict == "too_near", report.longest_run, report.share)
        )
