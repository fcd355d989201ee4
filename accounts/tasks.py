"""What the schedule starts."""

from __future__ import annotations

from allauth.idp.oidc.models import Token
from django.utils import timezone

from accounts.idempotency import forget_old_keys
from marketplace.celery import app


@app.task(name="accounts.tasks.forget_old_keys")
def forget_old() -> None:
    """Delete idempotency keys of yesterday, and access tokens that are over."""
    forget_old_keys()
    Token.objects.filter(expires_at__lt=timezone.now()).delete()
