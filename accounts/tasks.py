"""What the schedule and the bell start."""

from __future__ import annotations

from allauth.idp.oidc.models import Token
from django.utils import timezone

from accounts.idempotency import forget_old_keys
from marketplace.celery import app


@app.task(name="accounts.tasks.deliver_webhooks")
def deliver_webhooks() -> None:
    """Deliver what partners are to be told."""
    from accounts.webhooks.delivery import deliver_due

    deliver_due()


@app.task(name="accounts.tasks.sweep_webhooks")
def sweep_webhooks() -> None:
    """Forget what was told long ago."""
    from accounts.webhooks.delivery import forget_old

    forget_old()


@app.task(name="accounts.tasks.forget_old_keys")
def forget_old() -> None:
    """Delete idempotency keys of yesterday, and access tokens that are over."""
    forget_old_keys()
    Token.objects.filter(expires_at__lt=timezone.now()).delete()
