"""Short-lived signed links to previews, for a partner's players that cannot send a token."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.core import signing
from django.utils import timezone

STEP = timedelta(minutes=30)
"""The signature changes this often, so that an answer that holds a link keeps its ETag meanwhile."""

LINK_LIVES = 2 * STEP
"""Counted from the start of the step: a link works for half an hour at least, an hour at most."""

_signer = signing.Signer(salt="generation.preview-link")


def preview_token(composition_id: uuid.UUID) -> str:
    """Sign the right to hear one preview for a while."""
    step = int(timezone.now().timestamp() // STEP.total_seconds())
    return _signer.sign(f"{composition_id.hex}.{step}").rpartition(f"{composition_id.hex}.")[2]


def opens_preview(token: str, *, composition_id: uuid.UUID) -> bool:
    """Say whether a token is ours, fresh and for this piece."""
    try:
        value = _signer.unsign(f"{composition_id.hex}.{token}")
    except signing.BadSignature:
        return False
    begun = int(value.rpartition(".")[2]) * STEP.total_seconds()
    return timezone.now().timestamp() < begun + LINK_LIVES.total_seconds()
