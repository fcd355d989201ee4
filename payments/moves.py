"""How a purchase moves from state to state: the table, the one function that moves, and the incidents it may leave."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from generation.models import Composition
from generation.services import set_sale_state
from payments.bell import leave
from payments.models import Incident, OutboxMessage, Purchase, PurchaseEvent
from payments.telling import tell_of_purchase

State = Purchase.State
SaleState = Composition.SaleState
Kind = OutboxMessage.Kind

TRANSITIONS: dict[str, frozenset[str]] = {
    State.HELD: frozenset({State.CLAIMED, State.EXPIRED, State.CANCELLED}),
    State.CLAIMED: frozenset({State.SOLD, State.CANCELLED, State.REFUNDED}),
    State.SOLD: frozenset({State.REFUNDED, State.DISPUTED, State.LOST, State.REVOKED}),
    State.DISPUTED: frozenset({State.SOLD, State.LOST, State.REFUNDED, State.REVOKED}),
    State.REVOKED: frozenset({State.REFUNDED, State.LOST}),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    State.REFUNDED: frozenset(),
    State.LOST: frozenset(),
}
"""Where each state may lead. What has been handed out never comes back on sale."""

MIRROR: dict[str, str] = {
    State.HELD: SaleState.ON_HOLD,
    State.CLAIMED: SaleState.ON_HOLD,
    State.SOLD: SaleState.SOLD,
    State.DISPUTED: SaleState.SOLD,
    State.EXPIRED: SaleState.AVAILABLE,
    State.CANCELLED: SaleState.AVAILABLE,
    State.REFUNDED: SaleState.RETIRED,
    State.LOST: SaleState.RETIRED,
    State.REVOKED: SaleState.RETIRED,
}
"""What the shop shows for each state of the purchase that has the piece."""

LEAVES: dict[tuple[str, str], tuple[str, ...]] = {
    (State.CLAIMED, State.SOLD): (Kind.DELIVERY, Kind.RECEIPT),
    (State.DISPUTED, State.SOLD): (Kind.MAIL_RESTORED,),
    **{(source, State.DISPUTED): (Kind.MAIL_DISPUTED,) for source in TRANSITIONS},
    **{(source, State.REFUNDED): (Kind.MAIL_REFUNDED,) for source in TRANSITIONS},
    **{(source, State.LOST): (Kind.MAIL_LOST,) for source in TRANSITIONS},
    **{(source, State.REVOKED): (Kind.MAIL_REVOKED,) for source in TRANSITIONS},
}
"""What each move leaves to be done, written in its transaction."""

log = logging.getLogger(__name__)


def lock(purchase: Purchase) -> Purchase:
    """Lock a purchase and its composition, composition first, and return the same object as the rows are now.

    It brings its composition, without what only pages draw. After a rollback, what it says is void.
    """
    # Keys are left alone: what is made from the piece at this moment names it as its parent, and must not wait.
    pieces = Composition.objects.select_for_update(no_key=True, of=("self",))
    pieces = pieces.select_related("instrument", "model", "maker")
    locked = pieces.defer("peaks", "roll", "timings").get(pk=purchase.composition_id)
    purchase.refresh_from_db(from_queryset=Purchase.objects.select_for_update())
    purchase.composition = locked
    return purchase


def move(purchase: Purchase, *, to: str, reason: str, leaves: tuple[str, ...] = (), **fields: Any) -> None:
    """Move a purchase that ``lock`` returned, write the history, mirror the state in the shop, and leave what follows.

    ``leaves`` is left beside what the table names. Raises ``ValueError`` when the table of moves does not allow it.
    Part of the caller's transaction.
    """
    if to not in TRANSITIONS[purchase.state]:
        raise ValueError(f"Purchase {purchase.pk} cannot go from {purchase.state} to {to}.")
    before = purchase.state
    written = {"state": to, "updated_at": timezone.now(), **fields}
    Purchase.objects.filter(pk=purchase.pk).update(**written)
    for name, value in written.items():
        setattr(purchase, name, value)
    event = PurchaseEvent.objects.create(
        purchase=purchase, from_state=before, to_state=to, reason=reason[:200]
    )
    if MIRROR[to] != MIRROR[before]:
        _mirror(purchase, before=before, to=to)
    leave(purchase, (*LEAVES.get((before, to), ()), *leaves), event=event)
    tell_of_purchase(purchase, to=to)
    log.info(
        "purchase %s: %s -> %s (%s)",
        purchase.pk,
        before,
        to,
        reason,
        extra={
            "purchase": str(purchase.pk),
            "composition": str(purchase.composition_id),
            "from_state": str(before),
            "to_state": str(to),
            "reason": reason,
        },
    )


def _mirror(purchase: Purchase, *, before: str, to: str) -> None:
    piece, shown = purchase.composition_id, MIRROR[to]
    because = Composition.Retired.RETURNED if shown == SaleState.RETIRED else ""
    if set_sale_state(composition_id=piece, to=shown, expected={MIRROR[before]}, because=because):
        locked = purchase.composition
        locked.sale_state, locked.held_until, locked.retired_because = shown, None, because
        return
    # A held piece whose kin was sold left the shop meanwhile, and does not come back when its hold ends.
    freed = shown == SaleState.AVAILABLE
    if freed and Composition.objects.filter(pk=piece, sale_state=SaleState.RETIRED).exists():
        return
    # The purchase is what counts; a person should look.
    report(purchase, kind="sale_state_differs", detail=f"expected {MIRROR[before]} while moving to {to}")


def move_if(purchase: Purchase, *, expected: str, to: str, reason: str, **fields: Any) -> bool:
    """Move a purchase if it is still in the expected state; False if it is not. One transaction of its own."""
    with transaction.atomic():
        if lock(purchase).state != expected:
            return False
        move(purchase, to=to, reason=reason, **fields)
    return True


def note(purchase: Purchase, *, text: str) -> None:
    """Write a line into the history that moves nothing, once."""
    with transaction.atomic():
        locked = lock(purchase)
        if not PurchaseEvent.objects.filter(purchase=locked, reason=text).exists():
            PurchaseEvent.objects.create(
                purchase=locked, from_state=locked.state, to_state=locked.state, reason=text[:200]
            )


def report(purchase: Purchase | None, *, kind: str, detail: str) -> None:
    """Tell staff of something about money that must not happen, once for each purchase and kind."""
    log.error(
        "incident %s: purchase %s: %s",
        kind,
        purchase.pk if purchase else "-",
        detail,
        extra={"purchase": str(purchase.pk) if purchase else "", "incident": kind, "detail": detail},
    )
    Incident.objects.bulk_create(
        [Incident(purchase=purchase, kind=kind, detail=detail[:300])], ignore_conflicts=True
    )
