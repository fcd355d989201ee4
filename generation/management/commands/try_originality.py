"""``manage.py try_originality``: plant copies of the corpus's pieces and count how many are caught."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, add_corpus, stop
from generation.management.corpus_options import (
    ENSEMBLES_FIRST,
    family_name,
    read_folders,
    sections_by_name,
    without_single_voices,
)

if TYPE_CHECKING:
    from generation.composer.corpus import Piece

STRANGERS = 0.1
"""Share of the composers whose works are kept out of the index and tried as independent works."""


class Command(OneLineCommand):
    help = (
        "Plant transposed, re-timed, ornamented, one-voice and embedded copies of pieces of a corpus, try works of "
        "composers that are not in the index, and print both rates as a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_corpus(parser)
        parser.add_argument(
            "--folder", action="append", metavar="NAME", help="this part only; may be repeated"
        )
        parser.add_argument("--copies", type=int, default=200, help="copies of each kind (default 200)")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as well")

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer.corpus import CorpusError
        from generation.originality.trial import planted_copies_report

        try:
            pieces = without_single_voices(
                read_folders(
                    options["corpus"],
                    folders=options["folder"] or ENSEMBLES_FIRST,
                    cache=options["cache"],
                    say=self.stderr.write,
                )
            )
            report = planted_copies_report(
                known=sections_by_name([piece for piece in pieces if not _is_stranger(piece)]),
                strangers=sections_by_name([piece for piece in pieces if _is_stranger(piece)]),
                copies=options["copies"],
                seed=options["seed"],
                progress=_say,
            )
        except (CorpusError, ValueError) as error:
            stop(error)
        line = json.dumps(report, ensure_ascii=False)
        if options["json"]:
            try:
                options["json"].write_text(line + "\n", encoding="utf-8")
            except OSError as error:
                stop(error)
        self.stdout.write(line)


def _is_stranger(piece: Piece) -> bool:
    digest = hashlib.sha256(family_name(piece.entry.composer).encode()).digest()
    return int.from_bytes(digest[:4], "big") < STRANGERS * 2**32


def _say(done: int, total: int) -> None:
    sys.stderr.write(f"\rtried {done} of {total}")
