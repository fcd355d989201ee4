"""What the schedule and the bell start."""

from __future__ import annotations

from marketplace.celery import app
from payments import outbox, services


@app.task(name="payments.tasks.sweep_purchases")
def sweep_purchases() -> None:
    """Settle what nobody told us of, and let go of what ran out."""
    services.sweep_purchases()


@app.task(name="payments.tasks.drain_outbox")
def drain_outbox() -> None:
    """Send mails and undo payments that are due: everything but files, which would hold it up."""
    services.drain_outbox(kinds=outbox.QUICK)


@app.task(name="payments.tasks.deliver_files")
def deliver_files() -> None:
    """Build the files that are due."""
    services.drain_outbox(kinds=outbox.SLOW)


@app.task(name="payments.tasks.reconcile")
def reconcile() -> None:
    """Compare the last days with Stripe."""
    services.reconcile()


@app.task(name="payments.tasks.check_register")
def check_register() -> None:
    """Check the register of certificates, and tell staff what does not fit."""
    services.check_register()
