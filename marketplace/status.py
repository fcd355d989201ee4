"""What visitors may know of how the shop is doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from generation.models import Composition
from generation.selectors import usual_seconds
from generation.states import WORKING, State

LATE_AFTER = timedelta(minutes=2)
"""A piece that waits longer than this means that no worker composes, or that there are too few."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """``waiting`` and ``working`` are pieces, ``seconds`` what one takes, ``composes`` False if a piece waits too long.

    ``sells`` is False where no payment provider is configured, and ``is_test`` where payments are simulated.
    """

    composes: bool
    waiting: int
    working: int
    seconds: float
    last_finished_at: datetime | None
    sells: bool
    is_test: bool

    @property
    def is_well(self) -> bool:
        """Whether a visitor can compose and buy."""
        return self.composes and self.sells


def service_status() -> ServiceStatus:
    """Look at the queue and the settings."""
    now = timezone.now()
    queued = Composition.objects.filter(state=State.QUEUED)
    ready = Composition.objects.filter(state=State.READY)
    return ServiceStatus(
        composes=not queued.filter(created_at__lt=now - LATE_AFTER).exists(),
        waiting=queued.count(),
        working=Composition.objects.filter(state__in=WORKING).count(),
        seconds=usual_seconds(),
        last_finished_at=ready.order_by("-finished_at").values_list("finished_at", flat=True).first(),
        sells=bool(settings.STRIPE_SECRET_KEY) or settings.TEST_CHECKOUT,
        is_test=settings.TEST_CHECKOUT,
    )
