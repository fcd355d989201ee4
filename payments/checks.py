"""Configurations with which no money must be taken."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def payments_are_configured(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Refuse the test checkout beside real money, a key that does not fit, and a key without a webhook secret."""
    key = settings.STRIPE_SECRET_KEY
    found: list[CheckMessage] = []
    if settings.TEST_CHECKOUT and settings.PRODUCTION:
        found.append(
            Error(
                "The test checkout is on in production: everybody could take pieces without paying.",
                hint="Remove TEST_CHECKOUT from the settings and set STRIPE_SECRET_KEY.",
                id="payments.E001",
            )
        )
    if settings.TEST_CHECKOUT and "_live_" in key:
        found.append(
            Error(
                "The test checkout is on together with a live Stripe key.",
                hint="Turn TEST_CHECKOUT off, or unset STRIPE_SECRET_KEY.",
                id="payments.E002",
            )
        )
    if key and not settings.TEST_CHECKOUT and not settings.STRIPE_WEBHOOK_SECRETS:
        found.append(
            Error(
                "There is a Stripe key but no webhook secret: sales would wait for the sweeper.",
                hint="Set STRIPE_WEBHOOK_SECRET to the endpoint's signing secret (two, by a comma, while it changes).",
                id="payments.E003",
            )
        )
    if key and not key.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        found.append(
            Error(
                "STRIPE_SECRET_KEY does not look like a secret or restricted key.",
                hint="It starts with sk_test_, sk_live_, rk_test_ or rk_live_; a pk_ key is the public one.",
                id="payments.E004",
            )
        )
    return found


@register(Tags.security, deploy=True)
def production_can_sell(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Warn of a production that cannot sell, or sells with test money."""
    if not settings.PRODUCTION or "_live_" in settings.STRIPE_SECRET_KEY:
        return []
    return [
        checks.Warning(
            "Production has no live Stripe key; nothing can be sold for real money.",
            hint="Set STRIPE_SECRET_KEY to the live key.",
            id="payments.W001",
        )
    ]
