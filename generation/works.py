"""The works on record, as the composer and the sale compare with them: every piece offered, sold or retired."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable

from django.db import connection

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
    """The ``WorkIndex`` over the database. ``without`` is a piece that is not compared with itself, and its kin."""

    def __init__(self, *, without: Collection[uuid.UUID] = ()) -> None:
        self._without = frozenset(without)

    def candidates(self, prints: Prints) -> Iterable[Candidate]:
        """See ``WorkIndex``. All are here that share a run of 16 notes, unless they are more than ``CANDIDATES``."""
        runs, grams = sorted(prints.runs), sorted(prints.grams)
        # By hand: the ORM takes three questions, and for building them more time than all of the rest.
        with connection.cursor() as cursor:
            cursor.execute(
                _QUESTION.format(runs=_marks(runs), grams=_marks(grams), works=_WORKS, prints=_PRINTS),
                [*runs, CANDIDATES, *grams, GRAMS_SHARED, ALIGNED_AT_MOST],
            )
            rows = cursor.fetchall()
        found = {work: (composition, lines) for work, composition, lines, _ in rows}
        aligning = {work for work, _, _, by_gram in rows if by_gram}
        for work, (composition, lines) in found.items():
            name = uuid.UUID(str(composition))
            if name not in self._without:
                yield Candidate(str(name), unpack(lines), aligning=work in aligning)


_WORKS, _PRINTS = WorkOnRecord._meta.db_table, WorkFingerprint._meta.db_table
_QUESTION = """
SELECT work.id, work.composition_id, work.lines, found.by_gram
FROM (
  SELECT * FROM (
    SELECT work_id, 0 AS by_gram FROM {prints} WHERE run_hash IN ({runs})
    GROUP BY work_id ORDER BY count(*) DESC, work_id LIMIT %s
  ) AS by_run
  UNION ALL
  SELECT * FROM (
    SELECT work_id, 1 AS by_gram FROM {prints} WHERE run_hash IN ({grams})
    GROUP BY work_id HAVING count(*) >= %s ORDER BY count(*) DESC, work_id LIMIT %s
  ) AS by_gram
) AS found JOIN {works} AS work ON work.id = found.work_id
ORDER BY work.id
"""


def _marks(values: Collection[int]) -> str:
    return ",".join(["%s"] * len(values)) or "NULL"


def too_near_to(composition_id: uuid.UUID) -> list[uuid.UUID]:
    """Name the other works on record that a piece on record is too near to; none if it was never put there.

    Light enough for a web process. Whoever acts on the answer calls ``lock_register`` before, in the same
    transaction: otherwise two pieces near to each other could both be told that there is nobody.
    """
    own = WorkOnRecord.objects.filter(composition=composition_id).values_list("lines", flat=True).first()
    if own is None:
        return []
    lines = unpack(own)
    others = list(WorksOnRecord(without=[composition_id]).candidates(prints_of(lines)))
    if not others:
        return []
    comparison = Comparison(lines)
    return [
        uuid.UUID(other.name)
        for other in others
        if is_too_near(comparison.to(other.lines, aligning=other.aligning))
    ]


def lock_register() -> None:
    """Wait until nobody else decides by the works on record. Held to the end of the caller's transaction.

    Taken after the rows of the piece and its purchase.
    """
    head = RegisterHead.objects.select_for_update().filter(pk=1)
    if head.first() is None:
        RegisterHead.objects.bulk_create([RegisterHead(pk=1)], ignore_conflicts=True)
        head.get()
