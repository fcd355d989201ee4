"""``manage.py record_works``: put finished pieces on record that an older version recorded in another way."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from generation.management.base import OneLineCommand
from generation.models import Composition


class Command(OneLineCommand):
    help = (
        "Put every finished piece that is not on record there, from its score file. Safe to repeat; "
        "needed once after an update from 0.1."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        missing = Composition.objects.filter(state=Composition.State.READY, on_record=None)
        if not missing.exists():
            return
        from generation.originality.runs import lines_on_record
        from generation.storage import read_score
        from generation.works import put_on_record

        done = 0
        for piece in missing.iterator():
            try:
                notes = read_score(piece).notes
            except OSError as error:
                self.stderr.write(
                    f"{piece.pk}: its score cannot be read ({error.strerror}); not put on record."
                )
                continue
            with transaction.atomic():
                put_on_record(composition_id=piece.pk, lines=lines_on_record(notes))
            done += 1
        self.stdout.write(f"{done} pieces put on record")
