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
from django.utils import timezone, translation

from accounts.languages import language_of
from generation.kin import retire_kin
from generation.models import Composition
from generation.services import set_sale_state
from generation.telling import tell_sold_elsewhere
from generation.works import lock_register
from licensing.errors import AlreadyGranted
from licensing.services import grant_right
from payments import gateway
from payments.after_sale import follow, send_back
from payments.bell import leave
from payments.errors import PieceNotWithdrawn
from payments.gateway import CheckoutSession, Intent
from payments.models import Purchase
from payments.moves import Kind, SaleState, State, lock, move, move_if, report
from payments.nearness import KIN, NEAR, sold_elsewhere
from payments.telling import tell_of_sale

log = logging.getLogger(__name__)

STEPS_AT_MOST = 8
PROCESSING_EXTENDS_BY = timedelta(minutes=10)

LOST_TO = {
    KIN: "refused: another version of the piece has been sold",
    NEAR: "refused: a piece too near to this one has been sold",
}
"""Why a hold that was paid for gets its money back instead of the piece."""


def settle(*, purchase_id: uuid.UUID) -> Purchase:
    """Bring a purchase to where Stripe says it is, and return it. Raises ``GatewayError`` if Stripe cannot be asked.

    Whatever was reached before an error stays; the next call goes on from there.
    """
    purchase = Purchase.objects.get(pk=purchase_id)
    for _step in range(STEPS_AT_MOST):
        if purchase.session_id is None:
            return purchase
        session = gateway.retrieve_session(purchase.session_id)
        # Whatever moved the purchase has locked it, and so brought it up to date.
        if not NEXT_STEP[purchase.state](purchase, session):
            break
    return purchase


def cancel_purchase(*, purchase: Purchase) -> Purchase:
    """Let go of a hold because its buyer wants to. If they have paid meanwhile, they get the piece instead."""
    purchase.refresh_from_db()
    if purchase.state != State.HELD:
        return purchase
    reason = "cancelled by the buyer"
    if purchase.session_id is None:
        return _release_without_session(purchase, to=State.CANCELLED, reason=reason)
    return close_checkout(purchase, to=State.CANCELLED, reason=reason)


def close_checkout(purchase: Purchase, *, to: str, reason: str, leaves: tuple[str, ...] = ()) -> Purchase:
    """Ask Stripe to close the checkout of a hold; only when it says so is the piece free, otherwise settle."""
    session = gateway.expire_session(purchase.session_id or "")
    if session.status == "expired":
        move_if(purchase, expected=State.HELD, to=to, reason=reason, leaves=leaves)
    return settle(purchase_id=purchase.pk)


def withdraw_piece(*, purchase: Purchase, reason: str) -> Purchase:
    """Take a piece that is on hold out of the shop for ever: its checkout is closed first, then both are ended as one.

    Raises ``PieceNotWithdrawn`` if it is not on hold any more, as when the buyer has paid meanwhile: then they get it.
    """
    purchase.refresh_from_db()
    session_id = purchase.session_id
    if session_id is None or gateway.expire_session(session_id).status == "expired":
        with transaction.atomic():
            locked = lock(purchase)
            if locked.state == State.HELD and locked.session_id == session_id:
                move(locked, to=State.CANCELLED, reason=reason)
                set_sale_state(
                    composition_id=locked.composition_id,
                    to=SaleState.RETIRED,
                    expected={SaleState.AVAILABLE},
                    because=Composition.Retired.WITHDRAWN,
                )
                return locked
    raise PieceNotWithdrawn(settle(purchase_id=purchase.pk).state)


def let_go(*, purchase_id: uuid.UUID) -> None:
    """End the hold on a piece whose kin was sold: close its checkout, or give back what was paid there meanwhile."""
    purchase = Purchase.objects.get(pk=purchase_id)
    if purchase.state != State.HELD:
        return
    reason, leaves = LOST_TO[KIN], (Kind.MAIL_HOLD_LOST,)
    if purchase.session_id is None:
        _release_without_session(purchase, to=State.CANCELLED, reason=reason, leaves=leaves)
    else:
        close_checkout(purchase, to=State.CANCELLED, reason=reason, leaves=leaves)


def release_unopened(purchase: Purchase) -> Purchase:
    """Let go of a hold whose checkout was never opened: its address never left the server."""
    return _release_without_session(purchase, to=State.EXPIRED, reason="checkout was never opened")


def _release_without_session(
    purchase: Purchase, *, to: str, reason: str, leaves: tuple[str, ...] = ()
) -> Purchase:
    with transaction.atomic():
        locked = lock(purchase)
        if locked.state == State.HELD and locked.session_id is None:
            move(locked, to=to, reason=reason, leaves=leaves)
            return locked
    # A session was stored between our look and the lock: now only Stripe can release the hold.
    return settle(purchase_id=purchase.pk) if locked.session_id else locked


def _after_hold(purchase: Purchase, session: CheckoutSession) -> bool:
    intent = session.intent
    if session.status == "open":
        return False
    if session.status == "expired":
        return move_if(purchase, expected=State.HELD, to=State.EXPIRED, reason="checkout expired at Stripe")
    if intent is None:
        report(
            purchase, kind="completed_without_payment", detail=f"session {session.id} asked for no payment"
        )
        return move_if(purchase, expected=State.HELD, to=State.CANCELLED, reason="no payment at Stripe")
    if intent.status == "canceled":
        return move_if(
            purchase, expected=State.HELD, to=State.CANCELLED, reason="payment cancelled at Stripe"
        )
    wrong = mismatch(purchase, session, intent)
    if wrong:
        report(purchase, kind="payment_differs", detail=wrong)
        return _give_back(purchase, intent, reason="the payment was not the one asked for")
    if intent.status == "processing" or intent.under_review:
        _extend(purchase)
        return False
    if intent.status in {"requires_capture", "succeeded"}:
        return _claim(purchase, session, intent)
    return False


def _claim(purchase: Purchase, session: CheckoutSession, intent: Intent) -> bool:
    """Claim the right for an authorised payment, unless its kin or a piece too near to it was sold meanwhile.

    The register stays locked until the claim is written: of two such pieces paid at the same moment one is claimed,
    and the buyer of the other gets the authorisation back, as the second buyer of the same piece would.
    """
    with transaction.atomic():
        locked = lock(purchase)
        if locked.state != State.HELD:
            return False
        lock_register()
        rival = sold_elsewhere(locked.composition)
        if not rival:
            move(
                locked,
                to=State.CLAIMED,
                reason="payment authorised",
                payment_intent_id=intent.id,
                total_minor=session.amount_total,
                tax_minor=session.amount_tax if session.is_taxed else None,
            )
            return True
    if rival == NEAR:
        detail = f"composition {purchase.composition_id} is too near to a piece sold meanwhile"
        report(purchase, kind="too_near_to_sold", detail=detail)
    given_back = _give_back(purchase, intent, reason=LOST_TO[rival], leaves=(Kind.MAIL_HOLD_LOST,))
    if given_back and rival == NEAR:
        _retire_as_too_near(purchase.composition_id)
    return given_back


def _retire_as_too_near(composition_id: uuid.UUID) -> None:
    because = Composition.Retired.TOO_NEAR
    with transaction.atomic():
        if set_sale_state(
            composition_id=composition_id,
            to=SaleState.RETIRED,
            expected={SaleState.AVAILABLE},
            because=because,
        ):
            tell_sold_elsewhere([composition_id], because=because)


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
            purchase, expected=State.CLAIMED, to=State.CANCELLED, reason="the authorisation lapsed"
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
    try:
        with transaction.atomic():
            locked = lock(purchase)
            if locked.state != State.CLAIMED:
                return True
            write_sale(locked, reason="payment captured")
    except AlreadyGranted:
        report(
            purchase, kind="captured_without_right", detail="the piece has another owner; the money goes back"
        )
        send_back(purchase, intent_id=purchase.payment_intent_id or "")
        return move_if(purchase, expected=State.CLAIMED, to=State.REFUNDED, reason="refunded: already owned")
    return True


def write_sale(locked: Purchase, *, reason: str) -> None:
    """Turn a claimed purchase that ``lock`` returned into a sale: state, right, certificate; its kin leave the shop.

    Part of the caller's transaction. Raises ``AlreadyGranted``.
    """
    move(locked, to=State.SOLD, reason=reason)
    # What nobody named is certified by the name the buyer knew it by.
    with translation.override(language_of(locked.buyer)):
        right = grant_right(
            composition=locked.composition,
            purchase_id=locked.pk,
            holder_id=locked.buyer_id,
            licensee=locked.licensee,
            price_minor=locked.price_minor,
            currency=locked.currency,
            terms_version=locked.terms_version,
            is_test=locked.is_test,
            now=timezone.now(),
        )
    tell_of_sale(locked, right=right)
    _retire_kin(locked)


def _retire_kin(purchase: Purchase) -> None:
    """Take the kin of a sold piece out of the shop, and have the checkouts closed of those who held one."""
    held = retire_kin(purchase.composition)
    for loser in Purchase.objects.filter(composition__in=held, state=State.HELD):
        leave(loser, (Kind.LET_GO,))


def _after_sale(purchase: Purchase, session: CheckoutSession) -> bool:
    return follow(purchase, session.intent) if session.intent else False


def _after_release(purchase: Purchase, session: CheckoutSession) -> bool:
    """Nothing may be taken for a hold that ended: give back what Stripe still has of the buyer."""
    intent = session.intent
    if intent is None or intent.refunded or intent.status in {"canceled", "processing"}:
        return False
    if intent.status == "succeeded":
        report(purchase, kind="captured_after_release", detail=f"{intent.id} was captured; refunded in full")
        send_back(purchase, intent_id=intent.id)
        return False
    if intent.status == "requires_capture":
        gateway.cancel_intent(intent.id)
        report(purchase, kind="authorised_after_release", detail=f"{intent.id} was authorised; given up")
    return False


def mismatch(purchase: Purchase, session: CheckoutSession, intent: Intent) -> str:
    """Return what does not fit between a purchase and what was paid; empty if all of it does."""
    ours, total = str(purchase.pk), purchase.price_minor
    if session.is_taxed and session.amount_total != total:
        # The tax comes on top, unless the price was said to include it.
        total += session.amount_tax
    pairs = {
        "amount": (total, intent.amount),
        "amount of the checkout": (total, session.amount_total),
        "subtotal of the checkout": (purchase.price_minor, session.amount_subtotal),
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


def _give_back(purchase: Purchase, intent: Intent, *, reason: str, leaves: tuple[str, ...] = ()) -> bool:
    """Give a payment back that may not be kept, and only then let go of the piece."""
    if intent.status == "processing":
        _extend(purchase)
        return False
    current = gateway.cancel_intent(intent.id)
    if current.status == "succeeded":
        send_back(purchase, intent_id=intent.id)
    elif current.status != "canceled":
        return False
    return move_if(purchase, expected=State.HELD, to=State.CANCELLED, reason=reason, leaves=leaves)


def _extend(purchase: Purchase) -> None:
    """Ask again in a while: the money is on its way or under review."""
    until = timezone.now() + PROCESSING_EXTENDS_BY
    waiting = Purchase.objects.filter(pk=purchase.pk, state=State.HELD, expires_at__lt=until)
    if waiting.update(expires_at=until):
        purchase.expires_at = until


NEXT_STEP: dict[str, Callable[[Purchase, CheckoutSession], bool]] = {
    State.HELD: _after_hold,
    State.CLAIMED: _after_claim,
    State.SOLD: _after_sale,
    State.DISPUTED: _after_sale,
    State.REFUNDED: _after_sale,
    State.LOST: _after_sale,
    State.REVOKED: _after_sale,
    State.EXPIRED: _after_release,
    State.CANCELLED: _after_release,
}
"""What follows in each state. A step says whether to look again."""
