"""``manage.py record_works``: put finished pieces on record that an older version recorded in another way."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from generation.management.base import OneLineCommand
from generation.models import Composition


class Command(OneLineCommand):
    help = (
        "Put every finished piece that is not on record there, from its score file, and keep the audio print of its "
        "master. Safe to repeat; needed once after an update."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        ready = Composition.objects.filter(state=Composition.State.READY)
        # What is loaded for it takes seconds; mostly there is nothing to do.
        if (unrecorded := ready.filter(on_record=None)).exists():
            self.stdout.write(f"{self._record(unrecorded)} pieces put on record")
        unheard = ready.filter(audio_print=None)
        if unheard.exists() and (kept := self._keep_prints(unheard)):
            self.stdout.write(f"{kept} audio prints kept")

    def _record(self, pieces: QuerySet[Composition]) -> int:
        from generation.originality.runs import lines_on_record
        from generation.storage import read_score
        from generation.works import put_on_record

        done = 0
        for piece in pieces.iterator():
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
        return done

    def _keep_prints(self, pieces: QuerySet[Composition]) -> int:
        from generation.audio.errors import NotAudio, SoundUnavailable
        from generation.audio.fingerprint import fingerprint_of, pack
        from generation.recognition import keep_print
        from generation.storage import MASTER, path_of

        done = 0
        for piece in pieces.iterator():
            try:
                audio_print = pack(fingerprint_of(path_of(piece, MASTER)))
            except SoundUnavailable as error:
                self.stderr.write(str(error))
                break
            except (NotAudio, OSError) as error:
                self.stderr.write(f"{piece.pk}: its master cannot be read ({error}); no audio print kept.")
                continue
            keep_print(composition_id=piece.pk, audio_print=audio_print)
            done += 1
        return done
