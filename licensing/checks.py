"""Configurations in which certificates cannot be issued."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from licensing.terms import versions


@register(Tags.security)
def certificates_can_be_issued(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Refuse a terms version without a text, and real money without a key to sign with."""
    found: list[CheckMessage] = []
    if settings.TERMS_VERSION not in versions():
        found.append(
            Error(
                f"TERMS_VERSION is {settings.TERMS_VERSION!r}, and there is no licence text of that version.",
                hint=f"Write licensing/terms_texts/{settings.TERMS_VERSION}.md, or use: {', '.join(versions())}.",
                id="licensing.E001",
            )
        )
    real_money = "_live_" in settings.STRIPE_SECRET_KEY
    if real_money and not any(settings.SIGNING_KEYS_DIR.glob("live-*.pem")):
        found.append(
            Error(
                f"There is no live signing key in {settings.SIGNING_KEYS_DIR}: what is sold could not be certified.",
                hint="Set SOLOSCORE_SIGNING_KEYS_DIR and run manage.py make_signing_key.",
                id="licensing.E002",
            )
        )
    return found
