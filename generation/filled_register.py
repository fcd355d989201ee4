"""A register of works filled with made-up ones, to measure how long the question of originality takes there."""

from __future__ import annotations

import random
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from generation.composer.score import Note
from generation.models import WorkFingerprint, WorkOnRecord
from generation.originality.record import Comparison, Lines, Prints, is_too_near, pack, prints_of
from generation.originality.runs import lines_on_record
from generation.works import WorksOnRecord

PRINTS_PER_WORK = 85
"""Fingerprints of a piece of half a minute, grams included: the mean of ten pieces for piano and guitar."""

COMMON_SHARE = 0.05
COMMON = 110_000
"""So many hashes make up ``COMMON_SHARE`` of all: a million works then give a question some 160 chance hits, as the
hashes of real tunes do (collision entropies of unrelated collections, beyond eleven notes)."""

WORKS_AT_ONCE = 20_000
TUNES = 400
NOTES = 80
QUESTIONS = 300


@dataclass(frozen=True, slots=True)
class Answered:
    """How long questions took with so many works on record, in milliseconds."""

    works: int
    fingerprints: int
    median_ms: float
    p99_ms: float
    candidates: float
    table_mib: float


class FilledRegister:
    """Fills an empty PostgreSQL database by COPY, without its foreign keys, and asks it."""

    def __init__(self, *, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        chance = random.Random(seed)  # noqa: S311 (made-up tunes)
        self._tunes = [lines_on_record(_tune(chance)) for _ in range(TUNES)]
        self._common = self._hashes(COMMON)
        self._works = 0

    def fill(self, works: int) -> None:
        """Add works until there are so many. The key is made anew afterwards, which is how a bulk load is quick."""
        table = WorkFingerprint._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_pkey")
            while self._works < works:
                self._add(cursor, count=min(WORKS_AT_ONCE, works - self._works))
            cursor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (run_hash, work_id)")
            cursor.execute(f"VACUUM ANALYZE {table}")
            cursor.execute(f"VACUUM ANALYZE {WorkOnRecord._meta.db_table}")

    def ask(self, *, seed: int = 1) -> Answered:
        """Ask about new tunes, each as a worker does after composing: candidates from the database, then compared."""
        chance = random.Random(seed)  # noqa: S311 (made-up tunes)
        questions = [self._with_common(lines_on_record(_tune(chance))) for _ in range(QUESTIONS)]
        seen, took = 0, []
        for lines, prints in questions:
            began = time.perf_counter()
            comparison = Comparison(lines)
            for work in WorksOnRecord().candidates(prints):
                seen += 1
                is_too_near(comparison.to(work.lines, aligning=work.aligning))
            took.append((time.perf_counter() - began) * 1000)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_total_relation_size('{WorkFingerprint._meta.db_table}')")
            size = cursor.fetchone()[0]
        return Answered(
            works=self._works,
            fingerprints=self._works * PRINTS_PER_WORK,
            median_ms=round(statistics.median(took), 2),
            p99_ms=round(statistics.quantiles(took, n=100)[-1], 2),
            candidates=round(seen / len(questions), 1),
            table_mib=round(size / 2**20, 1),
        )

    def _add(self, cursor: Any, *, count: int) -> None:
        numbers = np.arange(self._works + 1, self._works + count + 1)
        table = WorkOnRecord._meta.db_table
        with cursor.copy(f"COPY {table} (id, composition_id, lines) FROM STDIN") as copy:
            for number in numbers.tolist():
                packed = pack(self._tunes[number % TUNES])
                copy.write_row((number, uuid.UUID(int=number), packed))
        hashes = self._hashes(count * PRINTS_PER_WORK)
        common = self._random.random(len(hashes)) < COMMON_SHARE
        hashes[common] = self._random.choice(self._common, int(common.sum()))
        owners = np.repeat(numbers, PRINTS_PER_WORK)
        order = np.lexsort((hashes, owners))
        again = np.zeros(len(order), np.bool_)
        again[1:] = (np.diff(owners[order]) == 0) & (np.diff(hashes[order]) == 0)
        first = order[~again]
        rows = np.zeros(
            len(first), dtype=[("n", ">i2"), ("a", ">i4"), ("hash", ">i8"), ("b", ">i4"), ("work", ">i4")]
        )
        rows["n"], rows["a"], rows["b"] = 2, 8, 4
        rows["hash"], rows["work"] = hashes[first], owners[first]
        statement = f"COPY {WorkFingerprint._meta.db_table} (run_hash, work_id) FROM STDIN (FORMAT binary)"
        with cursor.copy(statement) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\x00" + bytes(8) + rows.tobytes() + b"\xff\xff")
        self._works += count

    def _hashes(self, count: int) -> Any:
        return self._random.integers(-(2**63), 2**63 - 1, count, dtype=np.int64)

    def _with_common(self, lines: Lines) -> tuple[Lines, Prints]:
        """Give a tune's fingerprints their share of common ones."""
        prints = prints_of(lines)
        shared = round(COMMON_SHARE * PRINTS_PER_WORK)
        common = frozenset(self._random.choice(self._common, shared).tolist())
        return lines, Prints(prints.runs | common, prints.grams)


def _tune(chance: random.Random) -> Sequence[Note]:
    notes = []
    for part, pitch in enumerate((72, 48)):
        onset = 0
        for _ in range(NOTES):
            pitch = min(96, max(36, pitch + chance.choice((-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7))))
            length = chance.choice((3, 6, 6, 12, 12, 18, 24))
            notes.append(Note(onset, pitch + part, length))
            onset += length
    return sorted(notes)
