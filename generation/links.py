"""Short-lived signed links to previews, for a partner's players that cannot send a token."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.core import signing

_SALT = "generation.preview-link"
LINK_LIVES = timedelta(hours=1)


def preview_token(composition_id: uuid.UUID) -> str:
    """Sign the right to hear one preview for an hour."""
    return signing.TimestampSigner(salt=_SALT).sign(composition_id.hex)


def opens_preview(token: str, *, composition_id: uuid.UUID) -> bool:
    """Say whether a token is ours, fresh and for this piece."""
    try:
        value = signing.TimestampSigner(salt=_SALT).unsign(token, max_age=LINK_LIVES)
    except signing.BadSignature:
        return False
    return value == composition_id.hex
