"""What puts purchases right when nobody told us: holds that ran out, webhooks that never came, workers that died."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta

from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from licensing.services import sweep_deliveries
from payments import gateway
from payments.models import Purchase
from payments.moves import State, report
from payments.settle import close_checkout, release_unopened, settle

log = logging.getLogger(__name__)

CLAIMED_TOO_LONG = timedelta(minutes=1)
ASK_AGAIN_AFTER = timedelta(minutes=2)
AT_ONCE = 50
RECONCILE_DAYS = timedelta(days=4)
"""Stripe repeats a webhook for three days; what is still missing after that was lost."""


def sweep_purchases() -> dict[str, int]:
    """Look after every purchase that is not at rest, and clear away what deliveries left behind.

    Safe at any time, in any number of processes.
    """
    now = timezone.now()
    return {
        "ran_out": sum(map(_end_hold, _held(expires_at__lte=now))),
        "claimed": sum(map(_settled, _ids(state=State.CLAIMED, updated_at__lte=now - CLAIMED_TOO_LONG))),
        "asked": sum(map(_asked, _open_checkouts())),
        "folders": sweep_deliveries(),
    }


def reconcile() -> dict[str, int]:
    """Compare the last days' payments at Stripe with ours, settle what differs, and report what is not explained."""
    repaired = unexplained = 0
    for intent in gateway.intents_since(timezone.now() - RECONCILE_DAYS):
        purchase = _purchase_of(intent)
        if purchase is None:
            continue
        before = purchase.state
        purchase = settle(purchase_id=purchase.pk)
        repaired += purchase.state != before
        taken = intent.status == "succeeded" and not intent.refunded
        if taken and purchase.state not in {State.SOLD, State.DISPUTED, State.LOST, State.REFUNDED}:
            report(
                purchase,
                kind="captured_without_right",
                detail=f"{intent.id} is captured, purchase {purchase.state}",
            )
            unexplained += 1
    return {"repaired": repaired, "unexplained": unexplained}


def _held(**when: object) -> list[Purchase]:
    return list(Purchase.objects.filter(state=State.HELD, **when).order_by("expires_at")[:AT_ONCE])


def _ids(**when: object) -> list[uuid.UUID]:
    return list(Purchase.objects.filter(**when).order_by("updated_at").values_list("pk", flat=True)[:AT_ONCE])


def _open_checkouts() -> list[uuid.UUID]:
    """Return holds with a checkout that Stripe was not asked about lately, longest unasked first."""
    limit = timezone.now() - ASK_AGAIN_AFTER
    rows = Purchase.objects.filter(state=State.HELD, session_id__isnull=False, created_at__lte=limit)
    rows = rows.exclude(checked_at__gt=limit)
    return list(rows.order_by(F("checked_at").asc(nulls_first=True)).values_list("pk", flat=True)[:AT_ONCE])


def _end_hold(purchase: Purchase) -> bool:
    try:
        if purchase.session_id is None:
            release_unopened(purchase)
        else:
            close_checkout(purchase, to=State.EXPIRED, reason="time ran out")
    except (gateway.GatewayError, OperationalError) as error:
        log.warning("purchase %s: hold cannot be ended now: %s", purchase.pk, error)
        return False
    return True


def _asked(purchase_id: uuid.UUID) -> bool:
    Purchase.objects.filter(pk=purchase_id).update(checked_at=timezone.now())
    return _settled(purchase_id)


def _settled(purchase_id: uuid.UUID) -> bool:
    try:
        settle(purchase_id=purchase_id)
    except (gateway.GatewayError, OperationalError) as error:
        log.warning("purchase %s cannot be settled now: %s", purchase_id, error)
        return False
    return True


def _purchase_of(intent: gateway.Intent) -> Purchase | None:
    try:
        reference = uuid.UUID(intent.metadata.get("purchase", ""))
    except ValueError:
        return None
    return Purchase.objects.filter(pk=reference).first()
