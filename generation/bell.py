"""The bell that tells a worker of a queued piece. The row is the job; a bell that is not heard is rung again."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction


def ring(composition_id: uuid.UUID, **options: Any) -> None:
    """Tell a worker of a queued piece after the commit. A dead broker is logged, not felt: the sweeper rings again."""
    # No partial here: Django names the failed callback in its log, and a partial has no name.
    transaction.on_commit(lambda: _send(composition_id, **options), robust=True)


def _send(composition_id: uuid.UUID, **options: Any) -> None:
    # The task's module imports the services, which ring.
    from generation.tasks import compose_composition

    compose_composition.apply_async([str(composition_id)], retry=False, **options)
