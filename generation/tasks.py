"""What the bell starts. The worker's module is imported late: web processes load this one."""

from __future__ import annotations

import uuid

from marketplace.celery import app


@app.task(name="generation.tasks.compose_composition")
def compose_composition(composition_id: str) -> None:
    """Compose one queued piece; a second delivery finds it taken and does nothing."""
    from generation.worker import run

    run(uuid.UUID(composition_id))


@app.task(name="generation.tasks.sweep_compositions")
def sweep_compositions() -> None:
    """Re-ring, re-queue and tidy."""
    from generation import services

    services.sweep_compositions()
