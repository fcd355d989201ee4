"""Whether a piece is still unlike everything that has been sold: the second check, made by the sale itself."""

from __future__ import annotations

import uuid

from generation.works import too_near_to
from payments.models import Purchase

State = Purchase.State

NEVER_CLAIMED = (State.HELD, State.EXPIRED, State.CANCELLED)


def is_sold_elsewhere(*, composition_id: uuid.UUID) -> bool:
    """Whether another piece too near to this one has been claimed by a buyer, ever.

    The answer holds only as long as the register is locked (``generation.works.lock_register``).
    """
    near = too_near_to(composition_id)
    claims = Purchase.objects.filter(composition__in=near).exclude(state__in=NEVER_CLAIMED)
    return bool(near) and claims.exists()
