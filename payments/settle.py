"""The only way forward for a purchase: ask Stripe how things stand, and do what follows.

Webhook, success page, sweeper and staff all call ``settle``; calling it twice, late or at once changes nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from generation.services import set_sale_state
from generation.works import lock_register
from licensing.errors import AlreadyGranted
from licensing.services import grant_right
from payments import gateway
from payments.after_sale import follow
from payments.gateway import CheckoutSession, Intent
from payments.models import OutboxMessage, Purchase
from payments.moves import SaleState, State, lock, move, move_if, report
from payments.nearness import is_sold_elsewhere
from payments.outbox import ring

log = logging.getLogger(__name__)

STEPS_AT_MOST = 8
PROCESSING_EXTENDS_BY = timedelta(minutes=10)


def settle(*, purchase_id: uuid.UUID) -> Purchase:
    """Bring a purchase to where Stripe says it is, and return it. Raises ``GatewayError`` if Stripe cannot be asked.

    Whatever was reached before an error stays; the next call goes on from there.
    """
    for _step in range(STEPS_AT_MOST):
        purchase = Purchase.objects.get(pk=purchase_id)
        if purchase.session_id is None:
            return purchase
        session = gateway.retrieve_session(purchase.session_id)
        if not NEXT_STEP[purchase.state](purchase, session):
            break
    return Purchase.objects.get(pk=purchase_id)


def cancel_purchase(*, purchase: Purchase) -> Purchase:
    """Let go of a hold because its buyer wants to. If they have paid meanwhile, they get the piece instead."""
    purchase.refresh_from_db()
    if purchase.state != State.HELD:
        return purchase
    reason = "cancelled by the buyer"
    if purchase.session_id is None:
        return _release_without_session(purchase, to=State.CANCELLED, reason=reason)
    return close_checkout(purchase, to=State.CANCELLED, reason=reason)


def close_checkout(purchase: Purchase, *, to: str, reason: str) -> Purchase:
    """Ask Stripe to close the checkout of a hold; only when it says so is the piece free, otherwise settle."""
    session = gateway.expire_session(purchase.session_id or "")
    if session.status == "expired":
        move_if(purchase.pk, expected=State.HELD, to=to, reason=reason)
    return settle(purchase_id=purchase.pk)


def release_unopened(purchase: Purchase) -> Purchase:
    """Let go of a hold whose checkout was never opened: its address never left the server."""
    return _release_without_session(purchase, to=State.EXPIRED, reason="checkout was never opened")


def _release_without_session(purchase: Purchase, *, to: str, reason: str) -> Purchase:
    with transaction.atomic():
        locked = lock(purchase.pk)
        if locked.state == State.HELD and locked.session_id is None:
            move(locked, to=to, reason=reason)
            return locked
    # A session was stored between our look and the lock: now only Stripe can release the hold.
    return settle(purchase_id=purchase.pk) if locked.session_id else locked


def _after_hold(purchase: Purchase, session: CheckoutSession) -> bool:
    intent = session.intent
    if session.status == "open":
        return False
    if session.status == "expired":
        return move_if(
            purchase.pk, expected=State.HELD, to=State.EXPIRED, reason="checkout expired at Stripe"
        )
    if intent is None:
        report(
            purchase, kind="completed_without_payment", detail=f"session {session.id} asked for no payment"
        )
        return move_if(purchase.pk, expected=State.HELD, to=State.CANCELLED, reason="no payment at Stripe")
    if intent.status == "canceled":
        return move_if(
            purchase.pk, expected=State.HELD, to=State.CANCELLED, reason="payment cancelled at Stripe"
        )
    wrong = mismatch(purchase, session, intent)
    if wrong:
        return _give_back(
            purchase,
            intent,
            kind="payment_differs",
            detail=wrong,
            reason="the payment was not the one asked for",
        )
    if intent.status == "processing" or intent.under_review:
        _extend(purchase)
        return False
    if intent.status in {"requires_capture", "succeeded"}:
        return _claim(purchase, intent)
    return False


def _claim(purchase: Purchase, intent: Intent) -> bool:
    """Claim the right for an authorised payment, unless a piece too near to this one was sold meanwhile.

    The register stays locked until the claim is written: of two near pieces paid at the same moment one is claimed,
    and the buyer of the other gets the authorisation back, as the second buyer of the same piece would.
    """
    with transaction.atomic():
        locked = lock(purchase.pk)
        if locked.state != State.HELD:
            return False
        lock_register()
        if not is_sold_elsewhere(composition_id=locked.composition_id):
            move(locked, to=State.CLAIMED, reason="payment authorised", payment_intent_id=intent.id)
            return True
    given_back = _give_back(
        purchase,
        intent,
        kind="too_near_to_sold",
        detail=f"composition {purchase.composition_id} is too near to a piece sold meanwhile",
        reason="refused: a piece too near to this one has been sold",
    )
    if given_back:
        set_sale_state(
            composition_id=purchase.composition_id, to=SaleState.RETIRED, expected={SaleState.AVAILABLE}
        )
    return given_back


def _after_claim(purchase: Purchase, session: CheckoutSession) -> bool:
    intent = session.intent
    if intent is None:
        report(purchase, kind="payment_vanished", detail=f"session {session.id} no longer names its payment")
        return False
    if intent.status == "requires_capture":
        intent = _captured(purchase, intent)
    if intent.status == "succeeded":
        return _sell(purchase)
    if intent.status == "canceled":
        return move_if(
            purchase.pk, expected=State.CLAIMED, to=State.CANCELLED, reason="the authorisation lapsed"
        )
    return False


def _captured(purchase: Purchase, intent: Intent) -> Intent:
    """Capture, and return the intent as Stripe shows it whatever the call itself said."""
    try:
        return gateway.capture(
            intent_id=intent.id, idempotency_key=f"capture:{purchase.pk}:{purchase.attempt}"
        )
    except gateway.Fault:
        # Stripe repeats its fault for this key. If the money was not taken, the next try needs another one.
        current = gateway.retrieve_intent(intent.id)
        if current.status == "requires_capture":
            Purchase.objects.filter(pk=purchase.pk, attempt=purchase.attempt).update(
                attempt=purchase.attempt + 1
            )
            raise
        return current
    except gateway.Unreachable:
        current = gateway.retrieve_intent(intent.id)
        if current.status == "requires_capture":
            raise
        return current
    except gateway.Refused as error:
        current = gateway.retrieve_intent(intent.id)
        if current.status != "requires_capture":
            return current
        report(purchase, kind="capture_refused", detail=str(error))
        return gateway.cancel_intent(intent.id)


def _sell(purchase: Purchase) -> bool:
    """Write the sale in one transaction: the state, the right, its certificate, and the work it leaves behind."""
    now = timezone.now()
    try:
        with transaction.atomic():
            locked = lock(purchase.pk)
            if locked.state != State.CLAIMED:
                return True
            move(locked, to=State.SOLD, reason="payment captured")
            grant_right(
                composition_id=locked.composition_id,
                purchase_id=locked.pk,
                holder=locked.buyer,
                licensee=locked.licensee,
                price_minor=locked.price_minor,
                currency=locked.currency,
                terms_version=locked.terms_version,
                is_test=locked.is_test,
                now=now,
            )
            OutboxMessage.objects.bulk_create(
                OutboxMessage(purchase=locked, kind=kind, not_before=now) for kind in OutboxMessage.Kind
            )
            transaction.on_commit(ring, robust=True)
    except AlreadyGranted:
        report(
            purchase, kind="captured_without_right", detail="the piece has another owner; the money goes back"
        )
        gateway.refund(
            intent_id=purchase.payment_intent_id or "",
            purchase_id=str(purchase.pk),
            idempotency_key=f"refund:{purchase.pk}",
        )
        return move_if(
            purchase.pk, expected=State.CLAIMED, to=State.REFUNDED, reason="refunded: already owned"
        )
    return True


def _after_sale(purchase: Purchase, session: CheckoutSession) -> bool:
    return follow(purchase, session.intent) if session.intent else False


def _after_release(purchase: Purchase, session: CheckoutSession) -> bool:
    """Nothing may be taken for a hold that ended: give back what Stripe still has of the buyer."""
    intent = session.intent
    if intent is None or intent.refunded or intent.status in {"canceled", "processing"}:
        return False
    if intent.status == "succeeded":
        report(purchase, kind="captured_after_release", detail=f"{intent.id} was captured; refunded in full")
        gateway.refund(
            intent_id=intent.id, purchase_id=str(purchase.pk), idempotency_key=f"refund:{purchase.pk}"
        )
        return False
    if intent.status == "requires_capture":
        gateway.cancel_intent(intent.id)
        report(purchase, kind="authorised_after_release", detail=f"{intent.id} was authorised; given up")
    return False


def mismatch(purchase: Purchase, session: CheckoutSession, intent: Intent) -> str:
    """Return what does not fit between a purchase and what was paid; empty if all of it does."""
    ours = str(purchase.pk)
    pairs = {
        "amount": (purchase.price_minor, intent.amount),
        "amount of the checkout": (purchase.price_minor, session.amount_total),
        "currency": (purchase.currency, intent.currency),
        "currency of the checkout": (purchase.currency, session.currency),
        "mode": (not purchase.is_test, intent.livemode),
        "mode of the checkout": (not purchase.is_test, session.livemode),
        "reference": (ours, session.client_reference_id),
        "purchase": (ours, intent.metadata.get("purchase")),
        "purchase of the checkout": (ours, session.metadata.get("purchase")),
        "environment": (settings.ENVIRONMENT, intent.metadata.get("environment")),
        "environment of the checkout": (settings.ENVIRONMENT, session.metadata.get("environment")),
    }
    wrong = [
        f"{name} {got!r} instead of {wanted!r}" for name, (wanted, got) in pairs.items() if got != wanted
    ]
    return "; ".join(wrong)


def _give_back(purchase: Purchase, intent: Intent, *, kind: str, detail: str, reason: str) -> bool:
    """Give a payment back that may not be kept, and only then let go of the piece."""
    report(purchase, kind=kind, detail=detail)
    if intent.status == "processing":
        _extend(purchase)
        return False
    current = gateway.cancel_intent(intent.id)
    if current.status == "succeeded":
        gateway.refund(
            intent_id=intent.id, purchase_id=str(purchase.pk), idempotency_key=f"refund:{purchase.pk}"
        )
    elif current.status != "canceled":
        return False
    return move_if(purchase.pk, expected=State.HELD, to=State.CANCELLED, reason=reason)


def _extend(purchase: Purchase) -> None:
    """Ask again in a while: the money is on its way or under review."""
    until = timezone.now() + PROCESSING_EXTENDS_BY
    Purchase.objects.filter(pk=purchase.pk, state=State.HELD, expires_at__lt=until).update(expires_at=until)


NEXT_STEP: dict[str, Callable[[Purchase, CheckoutSession], bool]] = {
    State.HELD: _after_hold,
    State.CLAIMED: _after_claim,
    State.SOLD: _after_sale,
    State.DISPUTED: _after_sale,
    State.REFUNDED: _after_sale,
    State.LOST: _after_sale,
    State.EXPIRED: _after_release,
    State.CANCELLED: _after_release,
}
"""What follows in each state. A step says whether to look again."""
