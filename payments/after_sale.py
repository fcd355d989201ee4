"""What happens to a sold piece when its money goes back: refunds and disputes, by us or at Stripe."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from licensing.models import ExclusiveRight
from licensing.services import restore_right, revoke_right, suspend_right
from payments import gateway
from payments.errors import AlreadyRefunded, AlreadyRevoked, RefundRefused, RevokeRefused
from payments.gateway import Dispute, Intent
from payments.models import Purchase
from payments.moves import TRANSITIONS, State, lock, move, note, report

log = logging.getLogger(__name__)

REASONS: dict[str, str] = {
    State.SOLD: "the dispute was decided for the seller",
    State.REFUNDED: "the payment was refunded",
    State.DISPUTED: "the payment is disputed",
    State.LOST: "the dispute was decided against the seller",
}


def follow(purchase: Purchase, intent: Intent) -> bool:
    """Bring a sold purchase to what refunds and disputes at Stripe make of it. True if it moved."""
    if purchase.state in {State.REFUNDED, State.LOST}:
        return False
    disputes = gateway.disputes_of(intent.id) if intent.disputed else []
    if intent.amount_refunded and not intent.refunded:
        note(purchase, text=f"partial refund: {intent.amount_refunded} of {intent.amount_received}")
    to = outcome(intent, disputes)
    if to == purchase.state or to not in TRANSITIONS[purchase.state]:
        return False
    before = purchase.state
    with transaction.atomic():
        locked = lock(purchase)
        if locked.state != before:
            return True
        move(locked, to=to, reason=REASONS[to])
        _change_right(locked, to=to)
    return True


def outcome(intent: Intent, disputes: list[Dispute]) -> str:
    """Return the state a sale should be in. A refund or a lost dispute outweighs everything else."""
    if intent.refunded:
        return State.REFUNDED
    # An inquiry (warning_…) takes no money and changes nothing.
    states = {dispute.status for dispute in disputes if not dispute.status.startswith("warning_")}
    if "lost" in states:
        return State.LOST
    return State.DISPUTED if states - {"won", "prevented"} else State.SOLD


def refund_purchase(*, purchase: Purchase, reason: str) -> Purchase:
    """Send the money back, revoke the right and retire the piece. A second call raises ``AlreadyRefunded``.

    Raises ``RefundRefused`` while the payment is disputed, or when nothing was sold.
    """
    purchase.refresh_from_db()
    if purchase.state == State.REFUNDED:
        raise AlreadyRefunded
    if purchase.state == State.DISPUTED:
        raise RefundRefused(
            _("The payment is disputed; it is decided there and cannot be refunded meanwhile.")
        )
    if purchase.state not in {State.SOLD, State.REVOKED} or purchase.payment_intent_id is None:
        raise RefundRefused(
            _("Only a sold piece can be refunded; this purchase is %(state)s.") % {"state": purchase.state}
        )
    try:
        send_back(purchase, intent_id=purchase.payment_intent_id)
    except gateway.Refused as error:
        # Refunded or disputed at Stripe meanwhile: then that is what counts.
        if not follow(purchase, gateway.retrieve_intent(purchase.payment_intent_id)):
            raise RefundRefused(str(error)) from error
        purchase.refresh_from_db()
        if purchase.state == State.REFUNDED:
            raise AlreadyRefunded from error
        raise RefundRefused(str(error)) from error
    with transaction.atomic():
        locked = lock(purchase)
        if locked.state == State.REFUNDED:
            raise AlreadyRefunded
        move(locked, to=State.REFUNDED, reason=reason)
        _change_right(locked, to=State.REFUNDED)
    return locked


def send_back(purchase: Purchase, *, intent_id: str) -> None:
    """Refund in full, once, what Stripe has of the buyer. Raises ``GatewayError`` if that is not certain.

    A second refund under another key is refused by Stripe, since there is nothing left to send back.
    """
    try:
        gateway.refund(
            intent_id=intent_id,
            purchase_id=str(purchase.pk),
            idempotency_key=f"refund:{purchase.pk}:{purchase.attempt}",
        )
    except gateway.Fault:
        # Stripe repeats its fault for this key for a day. If the money is still there, the next try needs another one.
        if not gateway.retrieve_intent(intent_id).refunded:
            Purchase.objects.filter(pk=purchase.pk, attempt=purchase.attempt).update(
                attempt=purchase.attempt + 1
            )
            raise


def revoke_purchase(*, purchase: Purchase, reason: str) -> Purchase:
    """End the right and retire the piece, and keep the money. A second call raises ``AlreadyRevoked``.

    Raises ``RevokeRefused`` when there is no right that could end.
    """
    with transaction.atomic():
        locked = lock(purchase)
        if locked.state == State.REVOKED:
            raise AlreadyRevoked
        if State.REVOKED not in TRANSITIONS[locked.state]:
            raise RevokeRefused(locked.state)
        move(locked, to=State.REVOKED, reason=reason)
        revoke_right(
            right=ExclusiveRight.objects.get(purchase_id=locked.pk), reason=reason, now=timezone.now()
        )
    return locked


def refund_failed(purchase: Purchase, *, detail: str) -> None:
    """Tell staff that a bank refused a refund; nothing is sent a second time by itself."""
    report(purchase, kind="refund_failed", detail=detail)


def _change_right(purchase: Purchase, *, to: str) -> None:
    right = ExclusiveRight.objects.get(purchase_id=purchase.pk)
    now = timezone.now()
    if to == State.DISPUTED:
        suspend_right(right=right, reason=REASONS[to], now=now)
    elif to == State.SOLD:
        restore_right(right=right, reason=REASONS[to], now=now)
    else:
        revoke_right(right=right, reason=REASONS[to], now=now)
