"""Whether a piece can still be sold beside everything that has been: the second check, made by the sale itself."""

from __future__ import annotations

from generation.kin import kin_of
from generation.models import Composition
from generation.works import too_near_to
from payments.models import Purchase

State = Purchase.State

NEVER_CLAIMED = (State.HELD, State.EXPIRED, State.CANCELLED)

KIN, NEAR = "kin", "near"


def sold_elsewhere(piece: Composition) -> str:
    """Say why a piece cannot be sold: kin of it, or one too near to it, has been claimed by a buyer, ever.

    Empty if nothing is in the way. The answer holds only as long as the register is locked
    (``generation.works.lock_register``).
    """
    claims = Purchase.objects.exclude(state__in=NEVER_CLAIMED)
    if claims.filter(composition__in=kin_of(piece)).exists():
        return KIN
    near = too_near_to(piece.pk)
    return NEAR if near and claims.filter(composition__in=near).exists() else ""
