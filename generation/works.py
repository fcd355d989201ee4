"""The works on record, as the composer and the sale compare with them: every piece offered, sold or retired."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable

from django.db.models import Count

from generation.models import RegisterHead, WorkFingerprint, WorkOnRecord
from generation.originality.record import (
    ALIGNED_AT_MOST,
    CANDIDATES,
    GRAMS_SHARED,
    Candidate,
    Comparison,
    Lines,
    Prints,
    is_too_near,
    pack,
    prints_of,
    unpack,
)

ROWS_PER_INSERT = 400


def put_on_record(*, composition_id: uuid.UUID, lines: Lines) -> None:
    """Keep a finished piece's lines and fingerprints. Part of the caller's transaction."""
    work = WorkOnRecord.objects.create(composition_id=composition_id, lines=pack(lines))
    prints = prints_of(lines)
    rows = (WorkFingerprint(run_hash=value, work=work) for value in sorted(prints.runs | prints.grams))
    WorkFingerprint.objects.bulk_create(rows, batch_size=ROWS_PER_INSERT)


class WorksOnRecord:
    """The ``WorkIndex`` over the database. ``without`` is a piece that is not compared with itself."""

    def __init__(self, *, without: uuid.UUID | None = None) -> None:
        self._without = without

    def candidates(self, prints: Prints) -> Iterable[Candidate]:
        """See ``WorkIndex``. All are here that share a run of 16 notes, unless they are more than ``CANDIDATES``."""
        without = (
            WorkOnRecord.objects.filter(composition=self._without).values_list("pk", flat=True).first()
            if self._without
            else None
        )
        by_run = self._sharing(prints.runs, without=without, at_most=CANDIDATES)
        by_gram = self._sharing(prints.grams, without=without, at_most=ALIGNED_AT_MOST, at_least=GRAMS_SHARED)
        found = WorkOnRecord.objects.filter(pk__in={*by_run, *by_gram}).order_by("pk")
        for work, composition, lines in found.values_list("pk", "composition_id", "lines"):
            yield Candidate(str(composition), unpack(lines), aligning=work in by_gram)

    def _sharing(
        self, hashes: Collection[int], *, without: int | None, at_most: int, at_least: int = 1
    ) -> list[int]:
        """Numbers of the works that share most of ``hashes``."""
        rows = WorkFingerprint.objects.filter(run_hash__in=sorted(hashes))
        if without is not None:
            rows = rows.exclude(work=without)
        counted = rows.values("work").annotate(shared=Count("run_hash")).filter(shared__gte=at_least)
        return list(counted.order_by("-shared", "work").values_list("work", flat=True)[:at_most])


def too_near_to(composition_id: uuid.UUID) -> list[uuid.UUID]:
    """Name the other works on record that a piece on record is too near to; none if it was never put there.

    Light enough for a web process. Whoever acts on the answer calls ``lock_register`` before, in the same
    transaction: otherwise two pieces near to each other could both be told that there is nobody.
    """
    own = WorkOnRecord.objects.filter(composition=composition_id).values_list("lines", flat=True).first()
    if own is None:
        return []
    lines = unpack(own)
    comparison = Comparison(lines)
    others = WorksOnRecord(without=composition_id).candidates(prints_of(lines))
    return [
        uuid.UUID(other.name)
        for other in others
        if is_too_near(comparison.to(other.lines, aligning=other.aligning))
    ]


def lock_register() -> None:
    """Wait until nobody else decides by the works on record. Held to the end of the caller's transaction.

    Taken after the rows of the piece and its purchase.
    """
    RegisterHead.objects.bulk_create([RegisterHead(pk=1)], ignore_conflicts=True)
    RegisterHead.objects.select_for_update().get(pk=1)
