"""What ``/metrics`` says of the shop besides its requests: how its queues stand, read from the database when asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

from generation.models import Composition
from generation.states import WAITING_OR_WORKING, State
from payments.models import Incident, OutboxMessage, Purchase
from payments.templatetags.payments_staff import WITHOUT_RIGHT

HOLDING = (Purchase.State.HELD, Purchase.State.CLAIMED)


class Shop(Collector):
    """Gauges of queue, holds, outbox and incidents: counts and seconds, 0 where there is nothing."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        pieces = Composition.objects.filter(state__in=WAITING_OR_WORKING).aggregate(
            waiting=Count("pk", filter=Q(state=State.QUEUED)),
            working=Count("pk", filter=~Q(state=State.QUEUED)),
            oldest=Min("created_at", filter=Q(state=State.QUEUED)),
        )
        an_hour = Composition.objects.filter(finished_at__gt=now - timedelta(hours=1))
        finished = an_hour.aggregate(
            ready=Count("pk", filter=Q(state=State.READY)), failed=Count("pk", filter=Q(state=State.FAILED))
        )
        due = OutboxMessage.objects.filter(done_at=None, not_before__lte=now)
        outbox = due.aggregate(due=Count("pk"), oldest=Min("not_before"))
        incidents = Incident.objects.aggregate(
            open=Count("pk", filter=Q(resolved_at=None)),
            without_right=Count("pk", filter=Q(kind__in=WITHOUT_RIGHT)),
        )
        held = Purchase.objects.filter(state__in=HOLDING).count()
        for name, what, value in (
            ("queue_pieces", "Pieces that wait to be composed", pieces["waiting"]),
            ("queue_oldest_seconds", "How long the oldest of them has waited", _since(pieces["oldest"], now)),
            ("working_pieces", "Pieces in work", pieces["working"]),
            ("ready_last_hour", "Pieces that became ready within the hour", finished["ready"]),
            ("failed_last_hour", "Pieces that failed within the hour", finished["failed"]),
            ("held_pieces", "Pieces that somebody is paying for", held),
            ("outbox_due", "Deliveries and mails that are due", outbox["due"]),
            ("outbox_oldest_seconds", "How long the oldest of them is due", _since(outbox["oldest"], now)),
            ("incidents_open", "Incidents nobody has looked after", incidents["open"]),
            (
                "captured_without_right",
                "Payments taken without the right (must be 0)",
                incidents["without_right"],
            ),
        ):
            yield GaugeMetricFamily(f"soloscore_{name}", what, value=value)


def exposition() -> bytes:
    """Write all metrics in Prometheus' text format; of every web process, where they share a folder."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    shop = CollectorRegistry()
    shop.register(Shop())
    return generate_latest(registry) + generate_latest(shop)


def _since(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
