"""What ``/metrics`` says of the shop besides its requests: how its queues stand, read from the database when asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

from generation import figures as composing
from payments import figures as selling


class Shop(Collector):
    """Gauges of queue, holds, backlogs and incidents: counts and seconds, 0 where there is nothing."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        jobs, incidents = composing.jobs(), selling.incidents()
        for name, what, value in (
            ("queue_pieces", "Pieces that wait to be composed", jobs.waiting),
            (
                "queue_oldest_seconds",
                "How long the oldest of them has waited",
                _since(jobs.waiting_since, now),
            ),
            ("working_pieces", "Pieces in work", jobs.working),
            ("failed_last_day", "Pieces that failed within a day", jobs.failed_count),
            ("held_pieces", "Pieces that somebody is paying for", selling.holds()["open"]),
            ("incidents_open", "Incidents nobody has looked after", incidents["open"]),
            (
                "captured_without_right",
                "Payments taken without the right (must be 0)",
                incidents["without_right"],
            ),
        ):
            yield GaugeMetricFamily(f"soloscore_{name}", what, value=value)
        waiting = GaugeMetricFamily(
            "soloscore_backlog", "What waits to be done later, by kind", labels=["kind"]
        )
        oldest = GaugeMetricFamily("soloscore_backlog_oldest_seconds", "Since when", labels=["kind"])
        for backlog in selling.backlogs():
            waiting.add_metric([backlog.name], backlog.count)
            oldest.add_metric([backlog.name], _since(backlog.oldest, now))
        yield waiting
        yield oldest


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
