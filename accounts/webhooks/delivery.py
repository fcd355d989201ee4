"""Delivering events to partners: in order for each piece, at least once, again and again until they arrive.

Rows are taken and outcomes written by the worker's own thread; only the calls between run side by side.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from allauth.idp.oidc.models import Client
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.webhooks.contact import write_to_contacts
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.webhooks.sending import NotSent, post
from accounts.webhooks.signing import headers_for

log = logging.getLogger(__name__)

State, Disabled = WebhookDelivery.State, WebhookEndpoint.Disabled

LADDER = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
"""The pause after each failed attempt; after the last one a delivery has failed. Three days in all."""

LEASE = timedelta(minutes=2)
"""How long what a worker took is left to it. A round takes half a minute at most."""

KEPT_FOR = timedelta(days=90)
"""How long events are kept, and how long an endpoint may be switched off without missing one."""

THREADS = 16
ENDPOINTS_AT_ONCE, EACH_AT_ONCE = 16, 2
"""Of each endpoint a few at a time, and one of an endpoint that fails: a dead one must not keep the others waiting."""

ROUNDS = 8
NO_ROUND_AFTER = 20.0
"""Seconds: a worker has other things to do than wait for dead endpoints; what is still due is rung for again."""

EXCERPT = 500
HEADERS = {"content-type": "application/json", "user-agent": "Soloscore-Webhooks/1"}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one attempt: ``status`` is None if no answer came, and ``text`` then says why."""

    delivery: WebhookDelivery
    status: int | None
    text: str


def deliver_due() -> int:
    """Deliver what is due, and return how much arrived. Safe to run in any number of workers at once."""
    arrived, began = 0, time.monotonic()
    for _round in range(ROUNDS):
        taken = list(_take_some(timezone.now())) if time.monotonic() - began < NO_ROUND_AFTER else []
        if not taken:
            break
        with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="webhook") as threads:
            for outcome in threads.map(_attempt, taken):
                arrived += _settle(outcome)
    write_to_contacts()
    return arrived


def forget_old() -> int:
    """Delete events that are older than they are kept, with their deliveries; return how many rows went."""
    return WebhookEvent.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def _take_some(now: datetime) -> Iterator[WebhookDelivery]:
    """Yield deliveries that this worker has taken: the longest waiting of each of some endpoints."""
    # Endpoints of a partner whose client was deleted are told nothing any more.
    endpoints = WebhookEndpoint.objects.filter(
        pk__in=WebhookDelivery.due().order_by().values("endpoint"),
        maker__client_id__in=Client.objects.values("pk"),
    )
    for endpoint in endpoints.order_by("?")[:ENDPOINTS_AT_ONCE]:
        at_once = 1 if endpoint.failing_since else EACH_AT_ONCE
        due = WebhookDelivery.due().filter(endpoint=endpoint).select_related("event", "endpoint")
        for delivery in due[:at_once]:
            try:
                with transaction.atomic():
                    taken = delivery.take(until=now + LEASE)
            except IntegrityError:
                continue  # Another one about the same piece is on its way.
            if taken:
                yield delivery


def _attempt(delivery: WebhookDelivery) -> _Outcome:
    """Make one call. It runs in a thread and asks the database nothing."""
    event, endpoint = delivery.event, delivery.endpoint
    try:
        signed = headers_for(endpoint=endpoint, event_id=event.pk, body=event.body, now=timezone.now())
        answer = post(endpoint.url, body=event.body.encode(), headers=HEADERS | signed)
    except NotSent as error:
        return _Outcome(delivery, None, str(error))
    except Exception as error:
        # Whatever it was, the others of this round must not wait for it.
        log.exception("webhook %s to endpoint %s stumbled", event.pk, endpoint.pk)
        return _Outcome(delivery, None, type(error).__name__)
    return _Outcome(delivery, answer.status, answer.text)


def _settle(outcome: _Outcome) -> bool:
    """Write what became of an attempt, unless the lease ran out and somebody else has the row; True if it arrived."""
    delivery, status, now = outcome.delivery, outcome.status, timezone.now()
    arrived = status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    is_over = not arrived and delivery.attempts > len(LADDER)
    if arrived:
        state, next_at = State.DELIVERED, now
    elif is_over:
        state, next_at = State.FAILED, now
    else:
        state, next_at = State.PENDING, now + LADDER[delivery.attempts - 1]
    with transaction.atomic():
        rows = WebhookDelivery.objects.filter(pk=delivery.pk, state=State.SENDING, next_at=delivery.next_at)
        ours = rows.update(
            state=state,
            next_at=next_at,
            last_status=status,
            response=outcome.text[:EXCERPT],
            delivered_at=now if arrived else None,
        )
        if not ours:
            return False
        endpoint = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)
        if arrived:
            endpoint.exclude(failing_since=None).update(failing_since=None)
        else:
            endpoint.filter(failing_since=None).update(failing_since=now)
        if status == HTTPStatus.GONE or is_over:
            because = Disabled.GONE if status == HTTPStatus.GONE else Disabled.FAILING
            endpoint.filter(is_active=True).update(
                is_active=False, disabled_because=because, contact_due=True
            )
    if not arrived:
        log.warning(
            "webhook %s to endpoint %s: attempt %s: %s %s",
            delivery.event_id, delivery.endpoint_id, delivery.attempts, status or "-", outcome.text[:120],
        )  # fmt: skip
    return arrived
