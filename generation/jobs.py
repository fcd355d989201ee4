"""A worker's hold on one composition: every write here counts only while the worker's claim is in the row."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.services import HOUSE_CLIENT
from generation import storage
from generation.bell import ring
from generation.models import Composition
from generation.originality.record import Lines
from generation.recognition import keep_print
from generation.states import WORKING, State, move
from generation.telling import tell_of_failure, tell_that_ready
from generation.works import put_on_record

logger = logging.getLogger(__name__)

WRITES_APART = 0.25
"""Seconds between two progress writes: four a second are as many as anybody looks at."""

BEATS_PER_LAPSE = 6


class LostClaimError(Exception):
    """The row is no longer ours: it was cancelled, or another worker has it. Stop and write nothing."""


class AlreadyExistsError(Exception):
    """Note for note the same piece is on record already."""


@dataclass(slots=True)
class Job:
    """One composition claimed by this worker.

    ``report`` and the moves raise ``LostClaimError`` as soon as the claim is gone; a heartbeat thread finds it out too.
    """

    composition: Composition
    claim: uuid.UUID
    lost: threading.Event = field(default_factory=threading.Event)
    _written_at: float = 0.0
    _highest: int = 0

    def beat(self) -> bool:
        """Give a sign of life; False when the row is no longer ours."""
        return self._write(heartbeat_at=timezone.now())

    def report(self, *, percent: float, notes: int | None = None) -> None:
        """Write how far the work is, at most four times a second; it never seems to go back."""
        if self.lost.is_set():
            raise LostClaimError
        now = time.monotonic()
        if now - self._written_at < WRITES_APART:
            return
        self._written_at = now
        self._highest = max(self._highest, min(99, int(percent)))
        fields: dict[str, Any] = {"progress": self._highest, "heartbeat_at": timezone.now()}
        if notes is not None:
            fields["notes"] = notes
        if not self._write(**fields):
            raise LostClaimError

    def change_seed(self, seed: int) -> None:
        """Write that another seed was drawn."""
        if not self._write(seed=seed, progress=0, notes=0, heartbeat_at=timezone.now()):
            raise LostClaimError
        self.composition.seed = seed
        self._highest = 0

    def start_rendering(self, *, percent: int, **facts: Any) -> None:
        """Move from composing to rendering; ``facts`` are what is known of the piece when its notes stand."""
        if not self._move(State.RENDERING, progress=percent, **facts):
            raise LostClaimError

    def finish(self, *, lines: Lines, audio_print: bytes, **facts: Any) -> None:
        """Offer the piece: state, facts, lines, fingerprints, audio print and files appear together or not at all.

        The row is locked by its own UPDATE while the folder is renamed, so that of two workers only the one with the
        claim gets here. Raises ``LostClaimError``, or ``AlreadyExistsError`` if the fingerprint is on record.
        """
        now = timezone.now()
        is_house = self.composition.maker.client_id == HOUSE_CLIENT
        try:
            with transaction.atomic():
                listed_from = now if is_house else now + Composition.FIRST_REFUSAL
                if not self._move(
                    State.READY, progress=100, finished_at=now, listed_from=listed_from, **facts
                ):
                    raise LostClaimError
                # What is tried in the sandbox stands in nobody's way.
                if not self.composition.is_sandbox:
                    put_on_record(composition_id=self.composition.pk, lines=lines)
                    keep_print(composition_id=self.composition.pk, audio_print=audio_print)
                tell_that_ready(self.composition, title=facts.get("title", ""), seconds=facts.get("seconds"))
                storage.finish_folder(self.composition.pk, claim=self.claim)
                self._ring_for_variants()
        except IntegrityError as error:
            if Composition.objects.filter(fingerprint=facts.get("fingerprint")).exists():
                raise AlreadyExistsError from error
            raise

    def fail(self, failure: dict[str, Any]) -> None:
        """End with a reason for the visitor (``generation.failures``); nothing if the row is no longer ours."""
        with transaction.atomic():
            if self._move(State.FAILED, failure=failure, finished_at=timezone.now()):
                tell_of_failure(self.composition, failure=failure)
                self._ring_for_variants()

    def give_back(self) -> None:
        """Put the piece back into the queue, for the sweeper to ring again; nothing happens if it is not ours."""
        self._move(State.QUEUED, progress=0, notes=None)

    def _ring_for_variants(self) -> None:
        """The other pieces of the order have waited for this one."""
        variants = self.composition.derived.filter(variant__gt=0, state=State.QUEUED)
        for variant in variants.order_by("variant").values_list("pk", flat=True):
            ring(variant)

    def _move(self, to: str, **fields: Any) -> bool:
        return move(composition_id=self.composition.pk, to=to, only_if={"claim": self.claim}, **fields)

    def _write(self, **fields: Any) -> bool:
        rows = Composition.objects.filter(pk=self.composition.pk, claim=self.claim, state__in=WORKING)
        return rows.update(**fields) == 1


def claim(composition_id: uuid.UUID) -> Job | None:
    """Claim a queued composition by one conditional UPDATE; None if it is not queued."""
    token = uuid.uuid4()
    moved = move(
        composition_id=composition_id,
        to=State.COMPOSING,
        claim=token,
        attempts=F("attempts") + 1,
        started_at=timezone.now(),
        progress=0,
        notes=0,
    )
    if not moved:
        return None
    composition = Composition.objects.select_related("instrument", "maker").get(pk=composition_id)
    return Job(composition=composition, claim=token)


class Heartbeat:
    """A small thread that keeps a job's claim alive while the worker's own thread is busy."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{job.claim}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pause = settings.HEARTBEAT_LAPSES_AFTER.total_seconds() / BEATS_PER_LAPSE
        try:
            while not self._stop.wait(pause):
                try:
                    if not self._job.beat():
                        self._job.lost.set()
                        return
                except DatabaseError:
                    logger.warning("no heartbeat for composition %s", self._job.composition.pk, exc_info=True)
        finally:
            connection.close()
