"""Stripe's events: a bell that says which purchase to settle. What an event claims to have happened is not believed."""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import suppress

from django.conf import settings
from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone

from payments import gateway
from payments.after_sale import refund_failed
from payments.errors import UnknownPurchase
from payments.gateway import Event
from payments.models import Purchase, WebhookEvent
from payments.moves import report
from payments.settle import settle

log = logging.getLogger(__name__)

TRIES = 3
PAUSE_SECONDS = 0.2

ABOUT_US = (
    "checkout.session.",
    "payment_intent.",
    "charge.",
    "refund.",
    "review.",
    "radar.early_fraud_warning.",
)
"""Types that may point at a purchase; everything else is acknowledged and left."""


def handle_event(*, payload: bytes, signature: str) -> None:
    """Verify one delivery and settle the purchase it points at. A second delivery of the same event does nothing.

    Raises ``SignatureInvalid``; ``UnknownPurchase`` for an event of ours that came too early; ``GatewayError`` or
    ``OperationalError`` when it should be delivered again.
    """
    event = gateway.verified_event(payload=payload, signature=signature)
    WebhookEvent.objects.bulk_create(
        [WebhookEvent(event_id=event.id, type=event.type[:100])], ignore_conflicts=True
    )
    if WebhookEvent.objects.filter(pk=event.id, processed_at__isnull=False).exists():
        return
    try:
        _process(event)
    except Exception as error:
        WebhookEvent.objects.filter(pk=event.id).update(error=f"{type(error).__name__}: {error}"[:300])
        raise
    # Two deliveries at once may both come here: what they did is safe to do twice.
    WebhookEvent.objects.filter(pk=event.id, processed_at=None).update(processed_at=timezone.now(), error="")


def _process(event: Event) -> None:
    if event.livemode != gateway.livemode():
        log.info("webhook %s: livemode is %s here; ignored", event.id, gateway.livemode())
        return
    if not event.type.startswith(ABOUT_US):
        log.info("webhook %s: nothing to do for %s", event.id, event.type)
        return
    if event.api_version != gateway.API_VERSION:
        log.info("webhook %s: sent in API version %s", event.id, event.api_version)
    purchase = _purchase_of(event)
    if purchase is None:
        if event.environment == settings.ENVIRONMENT and event.purchase_id:
            raise UnknownPurchase(
                f"{event.type} {event.id} is about purchase {event.purchase_id}, not found here."
            )
        log.info("webhook %s: %s is not about a purchase of ours", event.id, event.type)
        return
    _settle_patiently(purchase.pk)
    if event.type == "refund.failed":
        refund_failed(purchase, detail=f"event {event.id}: the bank refused the refund")
    elif event.type == "radar.early_fraud_warning.created":
        report(
            purchase, kind="fraud_warning", detail=f"event {event.id}: the card holder's bank warns of fraud"
        )


def _purchase_of(event: Event) -> Purchase | None:
    known = Q()
    if event.session_id:
        known |= Q(session_id=event.session_id)
    if event.intent_id:
        known |= Q(payment_intent_id=event.intent_id)
    with suppress(ValueError):
        known |= Q(pk=uuid.UUID(event.purchase_id))
    return Purchase.objects.filter(known).first() if known else None


def _settle_patiently(purchase_id: uuid.UUID) -> None:
    """Settle; a lock held by somebody else or a deadlock is tried again a few times before Stripe has to."""
    for attempt in range(1, TRIES + 1):
        try:
            settle(purchase_id=purchase_id)
        except OperationalError:
            if attempt == TRIES:
                raise
            time.sleep(PAUSE_SECONDS * attempt)
        else:
            return
