"""Configurations in which certificates cannot be issued."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name
from django.utils import timezone

from generation.audio.errors import CredentialsUnusable
from licensing.terms import versions

EXPIRES_SOON = timedelta(days=90)


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


@register(Tags.security)
def origin_can_be_signed(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Refuse a production, or a choice of C2PA files, with which no file can say where it comes from."""
    if not (settings.PRODUCTION or settings.C2PA_CERT or settings.C2PA_KEY):
        return []
    # Every process loads these checks, and few need what reads certificates.
    from generation.audio.certificates import expiry_of
    from generation.audio.provenance import try_out
    from generation.content_credentials import credentials

    try:
        pair = credentials()
        expiry = expiry_of(pair)
        try_out(pair)
    except CredentialsUnusable as error:
        return [
            Error(
                f"Files cannot be signed: {error}.",
                hint="Run manage.py make_c2pa_key, or set SOLOSCORE_C2PA_CERT and SOLOSCORE_C2PA_KEY to PEM files: "
                "the chain with the signing certificate first and its root last, and the key without a password.",
                id="licensing.E003",
            )
        ]
    if expiry - timezone.now() > EXPIRES_SOON:
        return []
    return [
        Warning(
            f"The C2PA certificate expires on {expiry:%Y-%m-%d}; then nothing can be delivered, and readers call "
            "the files signed with it expired.",
            hint="Have a new one signed under the same root, and set SOLOSCORE_C2PA_CERT and SOLOSCORE_C2PA_KEY.",
            id="licensing.W001",
        )
    ]


@register(Tags.security)
def marks_are_keyed(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Refuse a production whose spoken tags or inaudible marks anybody could foretell."""
    return [
        Error(
            f"{name} is empty: anybody could foretell what it keys.",
            hint=f"Set SOLOSCORE_{name} to a long random text and keep it for ever: what it made is found with it.",
            id="licensing.E004",
        )
        for name in ("PREVIEW_SECRET", "MARK_SECRET", "WEBHOOK_SECRET")
        if settings.PRODUCTION and not getattr(settings, name)
    ]
