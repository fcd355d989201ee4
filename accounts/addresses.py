"""Addresses as they stand in files and e-mails."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse


def address(name: str, *arguments: str) -> str:
    """Return the full address of a page by the name of its URL."""
    return settings.SITE_URL.rstrip("/") + reverse(name, args=arguments)
