"""Withdrawing from the contract, as Directive 2011/83/EU, article 11a, wants it: a button, a confirmation, a receipt.

Buyers ask for the files at once and know that the right ends with them; until then a withdrawal undoes the sale.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from licensing.models import Certificate
from payments import gateway
from payments.after_sale import refund_purchase
from payments.bell import leave
from payments.consents import declare
from payments.errors import AlreadyRefunded, RefundRefused, WithdrawalRefused
from payments.models import Declaration, OutboxMessage, Purchase
from payments.moves import State, lock

log = logging.getLogger(__name__)

PERIOD = timedelta(days=14)
"""How long after the sale the button is shown."""

Kind = OutboxMessage.Kind


def is_offered(purchase: Purchase) -> bool:
    """Whether the purchase page shows the button: something was sold within the period."""
    sold_at = purchase.events.filter(to_state=State.SOLD).values_list("created_at", flat=True).first()
    undone = purchase.state not in {State.SOLD, State.DISPUTED}
    return sold_at is not None and not undone and timezone.now() < sold_at + PERIOD


def is_delivered(purchase: Purchase) -> bool:
    """Whether the files were handed over: they lie ready from the moment the certificate is signed."""
    return Certificate.objects.filter(right__purchase_id=purchase.pk, signed_at__isnull=False).exists()


def is_declared(purchase: Purchase) -> bool:
    """Whether the buyer has withdrawn."""
    return Declaration.objects.filter(purchase=purchase, kind=Declaration.Kind.WITHDRAWAL).exists()


def withdraw(*, purchase: Purchase) -> Purchase:
    """Take the buyer's withdrawal, confirm it by mail, and undo the sale. Doing it again changes nothing.

    The declaration stands once it is written; if Stripe does not answer now, the outbox sends the money back later.
    Raises ``WithdrawalRefused`` once the files were delivered, or if nothing was sold.
    """
    with transaction.atomic():
        locked = lock(purchase)
        if not is_declared(locked):
            # The lock makes us wait for a delivery that is about to sign.
            signed = Certificate.objects.select_for_update(of=("self",)).filter(right__purchase_id=locked.pk)
            if locked.state != State.SOLD or any(certificate.signed_at for certificate in signed):
                raise WithdrawalRefused
            declare(locked, [Declaration.Kind.WITHDRAWAL])
            leave(locked, [Kind.MAIL_WITHDRAWN, Kind.WITHDRAW])
    try:
        carry_out(purchase.pk)
    except (gateway.GatewayError, RefundRefused):
        log.warning("purchase %s: withdrawn, not refunded yet", purchase.pk, exc_info=True)
    purchase.refresh_from_db()
    return purchase


def carry_out(purchase_id: uuid.UUID) -> None:
    """Send the money of a withdrawn purchase back, once."""
    with suppress(AlreadyRefunded):
        refund_purchase(purchase=Purchase.objects.get(pk=purchase_id), reason="withdrawn by the buyer")
