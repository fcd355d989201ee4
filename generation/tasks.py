"""What the bell starts. The worker's module is imported late: web processes load this one."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from typing import Any

from celery.signals import worker_init, worker_process_init

from marketplace.celery import app

logger = logging.getLogger(__name__)

# Read when NumPy is loaded. The composer's matrices are small: several threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@worker_init.connect
def look_around(**_: Any) -> None:
    """Say when a worker starts what this machine lacks, rather than with the first piece that fails for it."""
    from generation.audio.voices import check_sound

    for problem in check_sound():
        logger.error("%s", problem)


@worker_process_init.connect
def prepare(**_: Any) -> None:
    """Warm up when the process of a worker that composes starts; in a thread, since Celery waits only four seconds."""
    if "compose" not in app.amqp.queues.consume_from:
        return
    from generation.worker import warm_up

    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()


@app.task(name="generation.tasks.compose_composition")
def compose_composition(composition_id: str) -> None:
    """Compose one queued piece; a second delivery finds it taken and does nothing."""
    from generation.worker import run

    run(uuid.UUID(composition_id))


@app.task(name="generation.tasks.send_ready_mails")
def send_ready_mails() -> None:
    """Write to who asked to be told that an order is over."""
    from generation import ready_mails

    ready_mails.send_due()


@app.task(name="generation.tasks.sweep_compositions")
def sweep_compositions() -> None:
    """Re-ring, re-queue and tidy."""
    from generation import services

    services.sweep_compositions()
