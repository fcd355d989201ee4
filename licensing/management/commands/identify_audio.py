"""``manage.py identify_audio FILE``: which piece an audio file is, which sold copy, and what counts now."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from generation.audio.errors import AudioError
from generation.management.base import OneLineCommand, existing_file, stop
from licensing.recognition import Identified, identify
from licensing.services import status_of

DIGITS = 4


class Command(OneLineCommand):
    """It stands with the licences, since a copy mark is read by asking for the sales of a piece."""

    help = (
        "Recognise an audio file and read the inaudible marks in it: which composition, and which sold copy."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=existing_file, metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = identify(options["file"])
        except (AudioError, OSError) as error:
            stop(error)
        self.stdout.write(json.dumps(_facts(found)) if options["json"] else _words(found))


def _facts(found: Identified) -> dict[str, Any]:
    return {
        "composition": str(found.composition.pk) if found.composition else None,
        "copy": found.certificate.pk if found.certificate else None,
        "certificate": found.current.pk if found.current else None,
        "status": status_of(found.current) if found.current else None,
        "made_here": found.is_ours,
        "confidence": round(found.confidence, DIGITS),
    }


def _words(found: Identified) -> str:
    if not found.is_ours:
        return "no mark"
    facts = _facts(found)
    title = f" ({found.composition})" if found.composition else ""
    return "\n".join(
        [
            f"composition: {facts['composition'] or 'made here, but not known'}{title}",
            f"copy: {facts['copy'] or 'none that was sold'}",
            *([f"certificate: {facts['certificate']} ({facts['status']})"] if found.current else []),
            f"confidence: {facts['confidence']}",
        ]
    )
