"""Telling a partner: one function, called in the transaction of what is told, and the bell that wakes a worker."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Maker
from accounts.services import is_partner
from accounts.webhooks.catalogue import body_of
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent

log = logging.getLogger(__name__)


def tell_partner(*, maker: Maker, type: str, about: uuid.UUID, data: dict[str, Any]) -> None:  # noqa: A002
    """Leave word of what just happened, for the endpoints of a partner that want to know; for others do nothing.

    Part of the caller's transaction, and called after the row it tells of was written or locked, so that events
    ``about`` the same piece are numbered as they happened. An endpoint that is switched off gets it later.
    """
    if not is_partner(maker):
        return
    endpoints = WebhookEndpoint.objects.filter(maker=maker, deleted_at=None)
    leave(
        maker=maker,
        event_type=type,
        subject=str(about),
        data=data,
        endpoints=[endpoint for endpoint in endpoints if endpoint.wants(type)],
    )


def leave(
    *,
    maker: Maker,
    event_type: str,
    subject: str,
    data: dict[str, Any],
    endpoints: Iterable[WebhookEndpoint],
) -> WebhookEvent | None:
    """Write an event and its deliveries; None if nobody wants it."""
    endpoints = list(endpoints)
    if not endpoints:
        return None
    now = timezone.now()
    with transaction.atomic():
        event = WebhookEvent.objects.create(
            id=f"evt_{uuid.uuid4().hex}",
            maker=maker,
            type=event_type,
            body=body_of(event_type=event_type, data=data, now=now),
            created_at=now,
        )
        WebhookDelivery.objects.bulk_create(
            WebhookDelivery(endpoint=endpoint, event=event, subject=subject, next_at=now)
            for endpoint in endpoints
        )
        transaction.on_commit(ring, robust=True)
    return event


def ring() -> None:
    """Wake a worker now instead of at the next round. A dead broker is logged and never felt."""
    # The task's module imports what delivers.
    from accounts.tasks import deliver_webhooks as task

    try:
        task.apply_async(retry=False, expires=60)
    except Exception:
        log.warning("the broker does not answer; webhooks are delivered at the next round", exc_info=True)
