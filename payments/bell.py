"""What a move leaves to be done: rows in the outbox, written with the move itself, and the bell that wakes a worker."""

from __future__ import annotations

import logging
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from payments.models import OutboxMessage, Purchase, PurchaseEvent

log = logging.getLogger(__name__)


def leave(purchase: Purchase, kinds: Collection[str], *, event: PurchaseEvent | None = None) -> None:
    """Leave work behind, part of the caller's transaction: each kind once for a purchase, or for one of its events."""
    if not kinds:
        return
    now = timezone.now()
    OutboxMessage.objects.bulk_create(
        [OutboxMessage(purchase=purchase, kind=kind, event=event, not_before=now) for kind in kinds],
        ignore_conflicts=True,
    )
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Wake the workers now instead of at the next round. A dead broker is logged and never felt."""
    # The tasks' module imports what does the work.
    from payments import tasks

    try:
        for task in (tasks.drain_outbox, tasks.deliver_files):
            task.apply_async(retry=False, expires=60)
    except Exception:
        log.warning("the broker does not answer; the outbox is drained at the next round", exc_info=True)
