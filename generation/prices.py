"""Setting the price of an instrument, with a history of who did it and when."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from generation.models import Instrument, PriceChange


def set_price(*, instrument: Instrument, price_minor: int, currency: str, staff: Any) -> bool:
    """Set what a piece of an instrument costs from now on, in cents. False, and no line of history, if it does already.

    Pieces that were ordered before, and holds on them, keep the price they were shown with.
    """
    with transaction.atomic():
        locked = Instrument.objects.select_for_update().get(pk=instrument.pk)
        if (locked.price_minor, locked.currency) == (price_minor, currency):
            return False
        PriceChange.objects.create(
            instrument=locked,
            old_minor=locked.price_minor,
            old_currency=locked.currency,
            new_minor=price_minor,
            new_currency=currency,
            staff_id=staff.pk,
        )
        locked.price_minor, locked.currency = price_minor, currency
        locked.save(update_fields=["price_minor", "currency"])
    instrument.price_minor, instrument.currency = price_minor, currency
    return True
