"""Buying for a partner's client: on invoice, within a limit, or in the sandbox, with test money."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import Partner
from generation.works import lock_register
from payments.after_sale import revoke_purchase
from payments.double.browser import Browser, CheckoutClosed
from payments.double.engine import Engine
from payments.errors import (
    AlreadySold,
    CheckoutOver,
    CreditExceeded,
    InvoiceClosed,
    InvoiceNotAllowed,
    NotCancellable,
    SandboxOnly,
)
from payments.gateway import SANDBOX
from payments.models import Invoice, Purchase
from payments.moves import State, lock, move
from payments.nearness import sold_elsewhere
from payments.services import hold, start_purchase
from payments.settle import cancel_purchase, settle, write_sale

PAID, DECLINED, EXPIRED = "paid", "declined", "expired"
OUTCOMES = (PAID, DECLINED, EXPIRED)
"""How a payment in the sandbox may end."""


def reserve_for_client(
    *, composition_id: uuid.UUID, partner: Partner, licensee: str, return_url: str
) -> Purchase:
    """Hold a piece for a partner's client, and open the checkout where the client pays: see ``start_purchase``."""
    return start_purchase(
        composition_id=composition_id,
        buyer=partner.account,
        licensee=licensee,
        # Companies buy here for companies: they have no right of withdrawal that could be waived.
        consents=(),
        partner=partner,
        return_url=return_url,
    )


def buy_on_invoice(*, composition_id: uuid.UUID, partner: Partner, licensee: str) -> Purchase:
    """Sell a piece to a partner's client at once, and write the invoice: one transaction, or nothing.

    Raises ``InvoiceNotAllowed``, ``CreditExceeded``, and what ``hold`` raises. The partner's row is locked until the
    end, so that the unpaid total never passes the limit, however many buy at the same time.
    """
    with transaction.atomic():
        approved = (
            Partner.objects.select_for_update(of=("self",)).select_related("account").get(pk=partner.pk)
        )
        if approved.credit_limit_minor is None:
            raise InvoiceNotAllowed
        purchase = hold(
            composition_id=composition_id,
            buyer=approved.account,
            licensee=licensee,
            consents=(),
            partner=approved,
            method=Purchase.Method.INVOICE,
        )
        if unpaid_minor(approved) + purchase.price_minor > approved.credit_limit_minor:
            raise CreditExceeded
        locked = lock(purchase)
        lock_register()
        if sold_elsewhere(locked.composition):
            raise AlreadySold
        move(locked, to=State.CLAIMED, reason="bought on invoice", total_minor=locked.price_minor)
        write_sale(locked, reason="invoice issued")
        _write_invoice(approved, locked)
    return locked


def unpaid_minor(partner: Partner) -> int:
    """Return what a partner's open invoices come to, in cents."""
    open_ones = Invoice.objects.filter(partner=partner, state=Invoice.State.OPEN)
    return open_ones.aggregate(total=Sum("amount_minor"))["total"] or 0


def mark_invoice_paid(*, invoice: Invoice) -> None:
    """Note that the money for an invoice has come. For staff. Raises ``InvoiceClosed`` the second time."""
    _close(invoice, to=Invoice.State.PAID)


def void_invoice(*, invoice: Invoice, reason: str) -> None:
    """Give an unpaid invoice up: the right ends, and the piece is never sold again. For staff.

    Raises ``InvoiceClosed``, and what ``revoke_purchase`` raises; then nothing has changed.
    """
    with transaction.atomic():
        _close(invoice, to=Invoice.State.VOID)
        revoke_purchase(purchase=Purchase.objects.get(pk=invoice.purchase_id), reason=reason)


def cancel_for_client(*, purchase: Purchase) -> Purchase:
    """Let go of a hold. Raises ``NotCancellable`` if it is paid; doing it again changes nothing."""
    cancelled = cancel_purchase(purchase=purchase)
    if cancelled.state not in Purchase.OVER:
        raise NotCancellable(cancelled.state)
    return cancelled


def play_in_sandbox(*, purchase: Purchase, outcome: str) -> Purchase:
    """Let the payer of a sandbox purchase pay, be declined or let the time run out, and settle.

    Raises ``SandboxOnly`` for any other purchase, and ``CheckoutOver``.
    """
    if not purchase.is_sandbox or purchase.session_id is None:
        raise SandboxOnly
    payer = Browser(Engine(settings.SANDBOX_STORE, mark=SANDBOX))
    deed = {PAID: payer.pay, DECLINED: payer.decline, EXPIRED: payer.expire}[outcome]
    try:
        deed(purchase.session_id)
    except CheckoutClosed as error:
        raise CheckoutOver from error
    return settle(purchase_id=purchase.pk)


def _write_invoice(partner: Partner, purchase: Purchase) -> None:
    """Write the next invoice of a partner, whose row the caller has locked."""
    count = Invoice.objects.filter(partner=partner).count() + 1
    today = timezone.now().date()
    kind = "T" if purchase.is_test else "P"
    Invoice.objects.create(
        number=f"{kind}{partner.pk:04d}-{count:05d}",
        partner=partner,
        purchase=purchase,
        amount_minor=purchase.price_minor,
        currency=purchase.currency,
        is_test=purchase.is_test,
        issued_on=today,
        due_on=today + settings.INVOICES_DUE_AFTER,
    )


def _close(invoice: Invoice, *, to: str) -> None:
    rows = Invoice.objects.filter(pk=invoice.pk, state=Invoice.State.OPEN)
    if rows.update(state=to, closed_at=timezone.now()) != 1:
        raise InvoiceClosed(invoice.pk)
