"""Prices as people read them."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import pgettext

_SIGNS = {"eur": "€", "usd": "$", "gbp": "£"}


def price_label(minor: int, currency: str) -> str:
    """Write an amount in cents with its currency: 4900, eur → “€49.00”."""
    amount = number_format(f"{minor // 100}.{minor % 100:02d}", decimal_pos=2, use_l10n=True)
    sign = _SIGNS.get(currency.lower())
    if sign is None:
        return f"{amount} {currency.upper()}"
    return pgettext("price", "%(sign)s%(amount)s") % {"sign": sign, "amount": amount}
