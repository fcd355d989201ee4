"""What puts purchases right when nobody told us: holds that ran out, webhooks that never came, workers that died."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from licensing import register_check
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

KEEPS_MONEY = {State.SOLD, State.DISPUTED, State.LOST, State.REFUNDED, State.REVOKED}
"""States in which a captured payment is explained."""


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
    counts = {"repaired": 0, "unexplained": 0}
    for difference in differences():
        counts["repaired" if difference.is_repaired else "unexplained"] += 1
    return counts


def check_register() -> int:
    """Check the register of certificates, and leave an incident that says how many faults there are, the first first.

    Every run that finds some leaves one: it is not to be overlooked because an older one was closed.
    """
    report_of = register_check.check_and_keep()
    log.info("register: %s entries, %s faults", report_of.head.number, len(report_of.faults))
    if report_of.faults:
        detail = f"{len(report_of.faults)}: {'; '.join(map(str, report_of.faults))}"
        report(None, kind="register_broken", detail=detail)
    return len(report_of.faults)


@dataclass(frozen=True, slots=True)
class Difference:
    """One payment that stood otherwise at Stripe than here, in words, and whether that is put right now."""

    text: str
    is_repaired: bool


def differences(*, days: timedelta = RECONCILE_DAYS) -> Iterator[Difference]:
    """Yield what differs between Stripe and us, having settled each purchase or left an incident for staff."""
    for intent in gateway.intents_since(timezone.now() - days):
        purchase = _purchase_of(intent)
        if purchase is None:
            if intent.metadata.get("environment") == settings.ENVIRONMENT:
                yield Difference(
                    f"{intent.id}: {intent.status}, its purchase is not known here", is_repaired=False
                )
            continue
        before = purchase.state
        purchase = settle(purchase_id=purchase.pk)
        if purchase.state != before:
            text = f"{intent.id}: purchase {purchase.pk} was {before}, is {purchase.state} now"
            yield Difference(text, is_repaired=True)
        taken = intent.status == "succeeded" and not intent.refunded
        if taken and purchase.state not in KEEPS_MONEY:
            detail = f"{intent.id} is captured, purchase {purchase.state}"
            report(purchase, kind="captured_without_right", detail=detail)
            yield Difference(f"{detail} ({purchase.pk})", is_repaired=False)


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
