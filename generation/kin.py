"""The kin of a piece: what leaves the shop when it is sold, and the order that is never composed again.

Kin are the pieces of one family (variants, variations, cuts and extensions, tied by ``origin``) and the pieces of the
same order: instrument, wishes and seed. Whoever makes one piece from another does it through ``services.compose_kin``;
``versions`` says what can be made.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from generation.failures import failure
from generation.models import Composition
from generation.orders import OrderFields
from generation.states import WAITING_OR_WORKING, State, move
from generation.telling import tell_sold_elsewhere

SaleState, Retired = Composition.SaleState, Composition.Retired

FIELDS = {
    "instrument_id": "instrument",
    "ordered_seconds": "seconds",
    "seed": "seed",
    "mood": "mood",
    "wished_tonic": "tonic",
    "wished_mode": "mode",
    "wished_bpm": "bpm",
    "density": "density",
    "register": "register",
    "temperature": "temperature",
}
"""What makes an order the same: the columns of a piece, and what an order calls them."""

SOLD_ONCE = Q(sale_state=SaleState.SOLD) | Q(sale_state=SaleState.RETIRED) & ~Q(
    retired_because__in=[Retired.WITHDRAWN, Retired.TOO_NEAR, Retired.DELETED]
)
"""Pieces that were sold, also if the sale was undone, and the kin that left the shop with them."""

OFFERED = (SaleState.AVAILABLE, SaleState.ON_HOLD)


def kin_of(piece: Composition) -> QuerySet[Composition]:
    """Return the other pieces of a piece's family and of its order, whatever their state.

    A sandbox piece and a real one are never kin: the same order gives other notes there.
    """
    first = piece.origin_id or piece.pk
    family = Q(pk=first) | Q(origin=first)
    order = Q(**{column: getattr(piece, column) for column in FIELDS})
    same_world = Composition.objects.filter(is_sandbox=piece.is_sandbox)
    return same_world.filter(family | order).exclude(pk=piece.pk)


def lock_family(piece: Composition) -> Composition:
    """Lock the first piece of a family, so that nobody adds to it or sells of it meanwhile, and return it.

    Part of the caller's transaction. Whoever sells has locked the piece it sells before; keys are left alone, since
    what is made from that piece may be written at this moment.
    """
    rows = Composition.objects.select_for_update(no_key=True, of=("self",))
    return rows.get(pk=piece.origin_id or piece.pk)


def is_spent(piece: Composition) -> bool:
    """Whether one of a piece's kin was sold, so that this one is neither composed nor sold any more."""
    return kin_of(piece).filter(SOLD_ONCE).exists()


def is_burned(order: OrderFields, *, sandbox: bool = False) -> bool:
    """Whether a piece of this very order was sold, in the sandbox or in earnest.

    Without a seed it never is: an unused one will be drawn.
    """
    if order.seed is None:
        return False
    same: dict[str, Any] = {column: getattr(order, field) for column, field in FIELDS.items()}
    return Composition.objects.filter(SOLD_ONCE, is_sandbox=sandbox, **same).exists()


def retire_kin(piece: Composition) -> list[uuid.UUID]:
    """Take the kin of a sold piece out of the shop for ever, and stop what is in work. Part of the sale's transaction.

    Returns the pieces that somebody held; their checkouts are the caller's to close. The rows are locked in the order
    of their keys, after that of the piece itself and the first of its family.
    """
    # Before the kin are looked up: a statement that waited for a lock does not see rows written meanwhile.
    lock_family(piece)
    rows = kin_of(piece).order_by("pk").select_for_update(no_key=True, of=("self",))
    kin = list(rows.only("state", "sale_state"))
    now = timezone.now()
    for one in kin:
        if one.state in WAITING_OR_WORKING:
            move(composition_id=one.pk, to=State.CANCELLED, failure=failure("kin_sold"), finished_at=now)
    offered = [one for one in kin if one.state == State.READY and one.sale_state in OFFERED]
    Composition.objects.filter(pk__in=[one.pk for one in offered]).update(
        sale_state=SaleState.RETIRED, held_until=None, retired_because=Retired.KIN_SOLD
    )
    left = [one.pk for one in kin if one.state in WAITING_OR_WORKING or one in offered]
    tell_sold_elsewhere(left, because=Retired.KIN_SOLD)
    return [one.pk for one in offered if one.sale_state == SaleState.ON_HOLD]
