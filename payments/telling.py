"""What partners are told of a purchase, in the transaction in which it moves: whose piece it is, and who buys it.

No names are told.
"""

from __future__ import annotations

from accounts.models import Maker
from accounts.services import is_partner, is_partners_account
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
    if _told(purchase):
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
    for maker in _told(purchase):
        tell_partner(maker=maker, type=event_type, about=piece.pk, data=data)


def _told(purchase: Purchase) -> list[Maker]:
    """Return the partner whose piece it is and the one who buys it: both, one or none."""
    makers = {purchase.composition.maker}
    if is_partners_account(purchase.buyer):
        makers |= set(Maker.objects.filter(user=purchase.buyer_id))
    return sorted(filter(is_partner, makers), key=lambda maker: maker.pk)
