"""``manage.py build_originality_index``: index the whole training corpus for the check of originality."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from generation.management.base import OneLineCommand, add_corpus, stop
from generation.management.corpus_options import (
    ENSEMBLES_FIRST,
    read_folders,
    sections_by_name,
    without_single_voices,
)


class Command(OneLineCommand):
    help = (
        "Index every line of a training corpus. Writes index.npz and index.owners.npz; composing needs the first, "
        "the second names the pieces."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_corpus(parser)
        parser.add_argument(
            "--folder", action="append", metavar="NAME", help="index this part only; may be repeated"
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="default: where the composer looks")
        parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")

    def handle(self, *args: Any, **options: Any) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from generation.composer.corpus import CorpusError
        from generation.originality.index import CORPUS_INDEX, build_corpus_index

        path = options["output"] or CORPUS_INDEX
        try:
            pieces = without_single_voices(
                read_folders(
                    options["corpus"],
                    folders=options["folder"] or ENSEMBLES_FIRST,
                    cache=options["cache"],
                    say=self.stderr.write,
                )
            )
            named = sections_by_name(pieces)
            index = build_corpus_index({name: [s.notes for s in held] for name, held in named.items()})
            index.save(path)
        except (CorpusError, OSError) as error:
            stop(error)
        self.stdout.write(f"{len(index)} runs of {len(named)} pieces in {path}")
