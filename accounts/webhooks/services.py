"""What a partner does with their webhooks: every write about endpoints, and having events sent again."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Maker
from accounts.webhooks.addresses import check
from accounts.webhooks.catalogue import EventType
from accounts.webhooks.events import leave, ring
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint

ENDPOINTS_AT_MOST = 10
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)

State, Disabled = WebhookDelivery.State, WebhookEndpoint.Disabled


class WebhookRefused(Exception):
    """Something that cannot be done now; ``message`` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def create_endpoint(
    *,
    maker: Maker,
    url: str,
    event_types: Collection[str] = (),
    description: str = "",
    contact_email: str = "",
) -> WebhookEndpoint:
    """Add an endpoint; without ``event_types`` it is told everything.

    Raises ``UnsafeAddress``, and ``WebhookRefused`` when the partner has as many as one may have.
    """
    check(url)
    with transaction.atomic():
        Maker.objects.select_for_update().get(pk=maker.pk)
        if WebhookEndpoint.objects.filter(maker=maker, deleted_at=None).count() >= ENDPOINTS_AT_MOST:
            raise WebhookRefused(
                _("You have %(count)s webhooks, as many as one may have. Delete one first.")
                % {"count": ENDPOINTS_AT_MOST}
            )
        return WebhookEndpoint.objects.create(
            maker=maker,
            url=url,
            event_types=sorted(event_types),
            description=description,
            contact_email=contact_email,
        )


def change_endpoint(*, endpoint: WebhookEndpoint, **fields: Any) -> None:
    """Change address, types, description, contact, or switch it on and off by ``is_active``.

    What is waiting is due at once when the endpoint is on. Raises ``UnsafeAddress``.
    """
    if "url" in fields:
        check(fields["url"])
    if "is_active" in fields:
        is_active = fields["is_active"]
        fields["disabled_because"] = "" if is_active else Disabled.PARTNER
        fields["contact_due"] = False
        if is_active:
            fields["failing_since"] = None
    with transaction.atomic():
        _own(endpoint).update(**fields)
        if fields.keys() & {"url", "is_active"}:
            _hurry(WebhookDelivery.objects.filter(endpoint=endpoint))
    endpoint.refresh_from_db()


def delete_endpoint(*, endpoint: WebhookEndpoint) -> None:
    """Tell an endpoint nothing any more."""
    _own(endpoint).update(deleted_at=timezone.now(), is_active=False, disabled_because=Disabled.PARTNER)


def rotate_secret(*, endpoint: WebhookEndpoint) -> None:
    """Give an endpoint a new secret; the one before it signs too for a day. Older ones sign no more."""
    until = timezone.now() + OLD_SECRET_SIGNS_FOR
    _own(endpoint).update(secret_number=F("secret_number") + 1, previous_secret_until=until)
    endpoint.refresh_from_db()


def send_test(*, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Have a ``ping`` sent, whatever types the endpoint wants. Raises ``WebhookRefused`` if it is switched off."""
    if not endpoint.is_active:
        raise WebhookRefused(_("The webhook is switched off; switch it on by `is_active` first."))
    event = leave(
        maker=endpoint.maker,
        event_type=EventType.PING,
        subject=str(uuid.uuid4()),
        data={"webhook": str(endpoint.pk)},
        endpoints=[endpoint],
    )
    return WebhookDelivery.objects.select_related("event").get(event=event, endpoint=endpoint)


def replay_delivery(*, delivery: WebhookDelivery) -> None:
    """Have an event sent again, with all its attempts before it; one that waits is sent now.

    Raises ``WebhookRefused`` while it is being sent.
    """
    with transaction.atomic():
        rows = WebhookDelivery.objects.filter(pk=delivery.pk)
        if not _hurry(rows) and not _revive(rows.exclude(state__in=WebhookDelivery.OPEN)):
            raise WebhookRefused(_("This delivery is on its way just now."))
        transaction.on_commit(ring, robust=True)
    delivery.refresh_from_db()


def replay_failed(*, endpoint: WebhookEndpoint, since: datetime) -> int:
    """Have everything sent again that has failed for an endpoint since a time, and what waits at once; say how much."""
    with transaction.atomic():
        rows = WebhookDelivery.objects.filter(endpoint=endpoint, created_at__gte=since)
        count = _hurry(rows) + _revive(rows.filter(state=State.FAILED))
        transaction.on_commit(ring, robust=True)
    return count


def endpoints_of(client_id: str) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints of a partner's client."""
    return WebhookEndpoint.objects.filter(maker__client_id=client_id, deleted_at=None)


def _own(endpoint: WebhookEndpoint) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(pk=endpoint.pk, deleted_at=None)


def _revive(rows: QuerySet[WebhookDelivery]) -> int:
    return rows.update(state=State.PENDING, attempts=0, next_at=timezone.now(), delivered_at=None)


def _hurry(rows: QuerySet[WebhookDelivery]) -> int:
    """Make due what waits for its next attempt."""
    return rows.filter(state=State.PENDING).update(next_at=timezone.now())
