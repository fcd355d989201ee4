"""Signatures by Standard Webhooks (https://www.standardwebhooks.com), and the secrets that make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from standardwebhooks.webhooks import Webhook

from accounts.webhooks.models import WebhookEndpoint


def secret_of(endpoint: WebhookEndpoint) -> str:
    """Return the current secret of an endpoint, ``whsec_…``."""
    return _secret(endpoint.pk, endpoint.secret_number)


def headers_for(*, endpoint: WebhookEndpoint, event_id: str, body: str, now: datetime) -> dict[str, str]:
    """Return the three headers that sign a body; two signatures while the secret changes."""
    numbers = [endpoint.secret_number]
    if endpoint.previous_secret_until and endpoint.previous_secret_until > now:
        numbers.append(endpoint.secret_number - 1)
    signatures = [Webhook(_secret(endpoint.pk, number)).sign(event_id, now, body) for number in numbers]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _secret(endpoint_id: uuid.UUID, number: int) -> str:
    """Derive a secret. None is stored, so that whoever reads the database cannot speak for us."""
    if not settings.WEBHOOK_SECRET:
        raise ImproperlyConfigured(
            "SOLOSCORE_WEBHOOK_SECRET is not set; partners could not trust a signature."
        )
    message = f"webhook:{endpoint_id}:{number}".encode()
    derived = hmac.new(settings.WEBHOOK_SECRET.encode(), message, hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(derived).decode()}"
