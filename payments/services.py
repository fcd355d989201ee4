"""Selling a piece once: hold it, open the checkout, and let go again. What follows the money is in ``settle``."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from accounts.addresses import address
from accounts.languages import language_of
from accounts.models import Partner, User
from accounts.services import has_mailbox
from generation.models import Composition
from generation.services import set_sale_state
from generation.titles import title_of
from licensing.integrity import breaks_unique
from payments import gateway
from payments.after_sale import refund_purchase, revoke_purchase
from payments.consents import declare
from payments.errors import (
    AlreadyHeld,
    AlreadySold,
    BuyerNotAllowed,
    HoldLost,
    NotForSale,
    PaymentError,
    PaymentUnavailable,
    TooManyHolds,
)
from payments.models import Purchase, PurchaseEvent
from payments.moves import MIRROR, State, move_if, report
from payments.nearness import sold_elsewhere
from payments.outbox import drain_outbox
from payments.settle import cancel_purchase, settle, withdraw_piece
from payments.sweeper import check_register, reconcile, sweep_purchases
from payments.telling import tell_of_purchase
from payments.webhooks import handle_event
from payments.withdrawal import withdraw

__all__ = [
    "PaymentError", "cancel_purchase", "check_register", "drain_outbox", "handle_event", "reconcile", "refund_purchase",
    "revoke_purchase", "settle", "start_purchase", "sweep_purchases", "withdraw", "withdraw_piece",
]  # fmt: skip

log = logging.getLogger(__name__)

SHORTEST_SESSION = timedelta(minutes=31)
"""Stripe wants thirty minutes from its own clock; one more forgives ours."""

EXPIRED_HOLDS_PER_PIECE_A_DAY = 5


def start_purchase(
    *,
    composition_id: uuid.UUID,
    buyer: User,
    licensee: str,
    consents: Collection[str],
    partner: Partner | None = None,
    return_url: str = "",
) -> Purchase:
    """Hold a piece for a buyer and open a Checkout Session: the purchase returned has its ``checkout_url``.

    ``consents`` are the kinds of what the buyer has just declared; they are logged with the words that were shown.
    The same buyer gets the same purchase and page again. A ``partner`` buys by its own account for a named client, who
    is sent to ``return_url`` afterwards; what its sandbox buys never reaches Stripe. Raises ``BuyerNotAllowed``,
    ``NotForSale``, ``AlreadyHeld``, ``AlreadySold``, ``TooManyHolds``, ``PaymentUnavailable`` or ``HoldLost``; the
    loser of a race never reaches Stripe.
    """
    if partner is None:
        check_buyer(buyer)
    if not gateway.available() and not (partner and partner.is_sandbox):
        raise PaymentUnavailable
    asked: dict[str, Any] = {
        "composition_id": composition_id,
        "buyer": buyer,
        "licensee": licensee,
        "consents": consents,
        "partner": partner,
        "return_url": return_url,
    }
    purchase = hold(**asked)
    if purchase.session_id is not None:
        # The page opened before may be closed by now, or paid. Stripe knows; if it is closed, the piece is held anew.
        with suppress(gateway.GatewayError):
            purchase = settle(purchase_id=purchase.pk)
        if purchase.state in Purchase.OVER:
            purchase = hold(**asked)
    return purchase if purchase.session_id is not None else _open_checkout(purchase)


def check_buyer(buyer: User) -> None:
    """Raise ``BuyerNotAllowed`` unless this is an account with a confirmed e-mail address."""
    if not buyer.is_authenticated or not buyer.is_active:
        raise BuyerNotAllowed
    if not EmailAddress.objects.filter(user=buyer, verified=True).exists():
        raise BuyerNotAllowed


def hold(
    *,
    composition_id: uuid.UUID,
    buyer: User,
    licensee: str,
    consents: Collection[str],
    partner: Partner | None = None,
    return_url: str = "",
    method: str = Purchase.Method.CHECKOUT,
) -> Purchase:
    """Insert the one live purchase of a piece, or return this buyer's own. The unique constraint decides.

    Between the sandbox and the shop there is no way: in either, the pieces of the other are not for sale.
    """
    now = timezone.now()
    sandbox = partner is not None and partner.is_sandbox
    with transaction.atomic():
        # Two requests of one buyer wait for each other here, so that the limit below is exact.
        User.objects.select_for_update(no_key=True).get(pk=buyer.pk)
        composition = (
            Composition.objects.select_for_update(of=("self",))
            .select_related("maker")
            .filter(pk=composition_id, state=Composition.State.READY, is_sandbox=sandbox)
            .first()
        )
        if composition is None:
            raise NotForSale
        purchase = Purchase(
            composition=composition,
            buyer=buyer,
            licensee=licensee,
            price_minor=composition.price_minor,
            currency=composition.currency,
            expires_at=now + settings.HOLD_FOR,
            method=method,
            is_test=sandbox or not gateway.livemode(),
            is_sandbox=sandbox,
            return_url=return_url,
            terms_version=settings.TERMS_VERSION,
        )
        try:
            with transaction.atomic():
                purchase.save(force_insert=True)
        except IntegrityError as error:
            if not _is_taken(error):
                raise
            return _own_hold(purchase, consents=consents, is_partner=partner is not None)
        if composition.maker.user_id != buyer.pk and not composition.is_listed(now=now):
            raise NotForSale
        _check_limits(purchase, at_once=partner.holds_at_once if partner else settings.HOLDS_PER_BUYER)
        if sold_elsewhere(composition):
            raise AlreadySold
        if not set_sale_state(
            composition_id=composition.pk,
            to=MIRROR[State.HELD],
            expected={Composition.SaleState.AVAILABLE},
            held_until=purchase.expires_at,
        ):
            raise NotForSale
        PurchaseEvent.objects.create(purchase=purchase, to_state=State.HELD, reason="held")
        tell_of_purchase(purchase, to=State.HELD)
        declare(purchase, consents)
    return purchase


def _check_limits(purchase: Purchase, *, at_once: int) -> None:
    """Raise ``TooManyHolds`` for a buyer who hoards: many pieces at once, or one piece again and again."""
    own = Purchase.objects.filter(buyer=purchase.buyer).exclude(pk=purchase.pk)
    if own.filter(state__in=[State.HELD, State.CLAIMED]).count() >= at_once:
        raise TooManyHolds(at_once)
    today = own.filter(
        composition=purchase.composition,
        state=State.EXPIRED,
        created_at__gt=timezone.now() - timedelta(days=1),
    )
    if today.count() >= EXPIRED_HOLDS_PER_PIECE_A_DAY:
        raise TooManyHolds(today.count())


def _is_taken(error: IntegrityError) -> bool:
    table = Purchase._meta.db_table
    return breaks_unique(error, constraint="payments_purchase_one_live", table=table, column="composition_id")


def _own_hold(wanted: Purchase, *, consents: Collection[str], is_partner: bool) -> Purchase:
    """Return the buyer's own hold with the licensee as last typed. Raises what others are told.

    Two clients of a partner are two buyers: the second does not take the place of the first.
    """
    composition = wanted.composition
    live = Purchase.objects.exclude(state__in=Purchase.OVER).get(composition=composition)
    if live.state not in {State.HELD, State.CLAIMED}:
        raise AlreadySold
    same = (wanted.buyer_id, wanted.method) == (live.buyer_id, live.method)
    if not same or (is_partner and wanted.licensee != live.licensee):
        raise AlreadyHeld
    if composition.sale_state == Composition.SaleState.RETIRED:
        # Its kin was sold; the outbox is about to close the checkout.
        raise AlreadySold
    declare(live, consents)
    Purchase.objects.filter(pk=live.pk, state=State.HELD).update(licensee=wanted.licensee)
    live.refresh_from_db()
    return live


def _open_checkout(purchase: Purchase) -> Purchase:
    """Create the Checkout Session of a hold and store it, both safe against being done twice."""
    purchase = _with_time_to_pay(purchase)
    try:
        session = gateway.create_session(
            order=_order(purchase), idempotency_key=f"purchase:{purchase.pk}:{purchase.attempt}"
        )
    except (gateway.Unreachable, gateway.Busy) as error:
        # Nobody knows whether a session exists, and nobody has its address: the same key will find it again.
        raise PaymentUnavailable from error
    except gateway.Fault as error:
        # Stripe repeats its fault for this key; the next try needs another one.
        Purchase.objects.filter(pk=purchase.pk, attempt=purchase.attempt).update(attempt=purchase.attempt + 1)
        raise PaymentUnavailable from error
    except gateway.GatewayError as error:
        report(purchase, kind="session_refused", detail=str(error))
        move_if(purchase, expected=State.HELD, to=State.CANCELLED, reason="Stripe refused to open a checkout")
        raise PaymentUnavailable from error
    return _store_session(purchase, session)


def _store_session(purchase: Purchase, session: gateway.CheckoutSession) -> Purchase:
    """Store the session on a hold that still stands and has none. Only then may its address leave the server."""
    waiting = Purchase.objects.filter(pk=purchase.pk, state=State.HELD, session_id=None)
    stored = waiting.update(session_id=session.id, checkout_url=session.url)
    purchase.refresh_from_db()
    if not stored and purchase.session_id != session.id:
        try:
            gateway.expire_session(session.id)
        except gateway.GatewayError:
            # Its address never left the server, so nobody can pay there; Stripe closes it in time.
            log.warning("purchase %s: session %s could not be closed", purchase.pk, session.id)
        if purchase.state != State.HELD or purchase.session_id is None:
            raise HoldLost
    return purchase


def _with_time_to_pay(purchase: Purchase) -> Purchase:
    """Give a hold without a session its full time again when Stripe would find the rest too short."""
    now = timezone.now()
    if purchase.expires_at - now >= SHORTEST_SESSION:
        return purchase
    until = now + settings.HOLD_FOR
    with transaction.atomic():
        renewed = Purchase.objects.filter(
            pk=purchase.pk, state=State.HELD, session_id=None, attempt=purchase.attempt
        ).update(expires_at=until, attempt=purchase.attempt + 1)
        if renewed:
            on_hold = MIRROR[State.HELD]
            set_sale_state(
                composition_id=purchase.composition_id, to=on_hold, expected={on_hold}, held_until=until
            )
    purchase.refresh_from_db()
    if purchase.state != State.HELD:
        raise HoldLost
    return purchase


def _order(purchase: Purchase) -> gateway.Order:
    composition = Composition.objects.select_related("instrument").get(pk=purchase.composition_id)
    # Stripe refuses another title under the same idempotency key, whoever asks again.
    with translation.override(language_of(purchase.buyer)):
        title = title_of(composition)
    return gateway.Order(
        purchase_id=str(purchase.pk),
        title=title,
        amount=purchase.price_minor,
        currency=purchase.currency,
        email=purchase.buyer.email if has_mailbox(purchase.buyer) else "",
        expires_at=purchase.expires_at,
        success_url=purchase.return_url or address("purchase_return", str(purchase.pk)),
        cancel_url=purchase.return_url or address("purchase", str(purchase.pk)),
        sandbox=purchase.is_sandbox,
    )
