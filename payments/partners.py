"""What a partner is told of purchases of their pieces, in the transaction in which one moves. No names are told."""

from __future__ import annotations

from accounts.services import is_partner
from accounts.webhooks.catalogue import EventType
from accounts.webhooks.events import tell_partner
from licensing.models import ExclusiveRight
from payments.models import Purchase

State = Purchase.State

TOLD: dict[str, EventType] = {
    State.HELD: EventType.PURCHASE_HELD,
    State.EXPIRED: EventType.PURCHASE_CANCELLED,
    State.CANCELLED: EventType.PURCHASE_CANCELLED,
    State.REFUNDED: EventType.PURCHASE_REFUNDED,
}
"""What the move into a state is told as. A sale is told when its certificate is issued, with the Copyright ID."""


def tell_of_purchase(purchase: Purchase, *, to: str) -> None:
    """Tell of a purchase that has just moved, if that is told at all."""
    if to in TOLD:
        _tell(purchase, TOLD[to], state=to)


def tell_of_sale(purchase: Purchase, *, right: ExclusiveRight) -> None:
    """Tell that a piece is paid and the right to it granted."""
    if is_partner(purchase.composition.maker):
        copyright_id = right.certificate.pk
        _tell(purchase, EventType.PURCHASE_PAID, state=State.SOLD, copyright_id=copyright_id)


def _tell(purchase: Purchase, event_type: EventType, *, state: str, **more: str) -> None:
    piece = purchase.composition
    data = {
        "purchase": str(purchase.pk),
        "composition": str(piece.pk),
        "amount_minor": purchase.paid_minor,
        "currency": purchase.currency,
        "is_test": purchase.is_test,
        "state": str(state),
        **more,
    }
    tell_partner(maker=piece.maker, type=event_type, about=piece.pk, data=data)
