"""What the schedule and the bell start."""

from __future__ import annotations

from marketplace.celery import app
from payments import services


@app.task(name="payments.tasks.sweep_purchases")
def sweep_purchases() -> None:
    """Settle what nobody told us of, and let go of what ran out."""
    services.sweep_purchases()


@app.task(name="payments.tasks.drain_outbox")
def drain_outbox() -> None:
    """Deliver files and receipts that are due."""
    services.drain_outbox()


@app.task(name="payments.tasks.reconcile")
def reconcile() -> None:
    """Compare the last days with Stripe."""
    services.reconcile()


@app.task(name="payments.tasks.check_register")
def check_register() -> None:
    """Check the register of certificates, and tell staff what does not fit."""
    services.check_register()
