"""The works on record, as the composer compares with them: fingerprints of every piece offered, sold or retired."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from generation.models import WorkFingerprint
from generation.originality.runs import Hashes

HASHES_PER_QUERY = 500
_WRAP = 2**64
_SIGN = 2**63


def to_stored(hashes: Hashes) -> list[int]:
    """Turn unsigned 64-bit hashes into the signed whole numbers that the database keeps."""
    return [value - _WRAP if value >= _SIGN else value for value in hashes.tolist()]


class WorksOnRecord:
    """The composer's ``WorkIndex`` over the database. ``without`` is a piece that is not compared with itself."""

    def __init__(self, *, without: uuid.UUID | None = None) -> None:
        self._without = without

    def matches(self, hashes: Hashes) -> Iterable[tuple[str, Hashes]]:
        """Name every work on record that holds some of ``hashes``, with those it holds, sorted."""
        held: defaultdict[str, set[int]] = defaultdict(set)
        stored = to_stored(hashes)
        for start in range(0, len(stored), HASHES_PER_QUERY):
            for name, value in self._rows(stored[start : start + HASHES_PER_QUERY]):
                held[str(name)].add(value % _WRAP)
        for name in sorted(held):
            yield name, np.array(sorted(held[name]), dtype=np.uint64)

    def _rows(self, stored: Sequence[int]) -> Iterable[tuple[object, int]]:
        rows = WorkFingerprint.objects.filter(run_hash__in=stored)
        if self._without is not None:
            rows = rows.exclude(composition=self._without)
        return rows.values_list("composition_id", "run_hash").iterator()
