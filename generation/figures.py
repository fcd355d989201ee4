"""How composing goes, in numbers for the staff's first page. Each function asks the database at most twice."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.db.models.fields.json import KT
from django.utils import timezone

from accounts.services import HOUSE_CLIENT
from generation import storage
from generation.models import ComposerModel, Composition
from generation.selectors import models_in_use, ratings_by_model
from generation.states import WAITING_OR_WORKING, WORKING, State

COUNTED_FOR = timedelta(days=30)
SAMPLED = 20
"""Finished pieces whose folders are weighed to tell what the next ones will take."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """The queue now, and what failed within a day, most frequent first, as (code of what went wrong, how often)."""

    waiting: int
    working: int
    waiting_since: datetime | None
    failed: list[tuple[str, int]]

    @property
    def failed_count(self) -> int:
        """How many pieces failed within a day."""
        return sum(count for _error, count in self.failed)


def jobs() -> Jobs:
    """Count the queue and what failed."""
    under_way = Composition.objects.filter(state__in=WAITING_OR_WORKING).aggregate(
        waiting=Count("pk", filter=Q(state=State.QUEUED)),
        working=Count("pk", filter=Q(state__in=WORKING)),
        waiting_since=Min("created_at", filter=Q(state=State.QUEUED)),
    )
    yesterday = timezone.now() - timedelta(days=1)
    failed = Composition.objects.filter(state=State.FAILED, finished_at__gt=yesterday).order_by()
    rows = failed.values_list(KT("failure__code")).annotate(count=Count("pk")).order_by("-count")
    return Jobs(**under_way, failed=[(code or "", count) for code, count in rows])


def funnel() -> dict[str, int]:
    """Count the pieces that visitors ordered within 30 days: ``composed`` of them, ``heard``, and ``sold`` until now.

    The shop's own pieces are left out. ``heard`` are those whose preview was asked for, by whomever.
    """
    since = timezone.now() - COUNTED_FOR
    ordered = Composition.objects.filter(created_at__gte=since).exclude(maker__client_id=HOUSE_CLIENT)
    counts: dict[str, int] = ordered.aggregate(
        ordered=Count("pk"),
        composed=Count("pk", filter=Q(state=State.READY)),
        heard=Count("pk", filter=Q(heard_at__isnull=False)),
        sold=Count("pk", filter=Q(sale_state=Composition.SaleState.SOLD)),
    )
    return counts


@dataclass(frozen=True, slots=True)
class Opinion:
    """What listeners gave to the pieces of one version of the networks."""

    version: str
    count: int
    mean: float


def opinions() -> list[Opinion]:
    """Return the mean of the stars of each version that was rated."""
    found = []
    for version, stars in ratings_by_model().items():
        count = sum(stars)
        found.append(
            Opinion(version, count, sum(value * number for value, number in enumerate(stars, 1)) / count)
        )
    return found


def networks() -> list[ComposerModel]:
    """Return the network in use of each instrument that is offered."""
    return list(models_in_use())


@dataclass(frozen=True, slots=True)
class Room:
    """The disk on which private files lie, in bytes; ``a_piece`` is what one takes, 0 while there is none."""

    total: int
    used: int
    free: int
    a_piece: int

    @property
    def pieces_left(self) -> int | None:
        """For how many more pieces there is room; None while that cannot be told."""
        return self.free // self.a_piece if self.a_piece else None


def room() -> Room:
    """Look how full the disk is, and weigh the newest pieces."""
    folder = Path(settings.PRIVATE_DIR)
    while not folder.exists():
        folder = folder.parent
    disk = shutil.disk_usage(folder)
    newest = Composition.objects.filter(state=State.READY).order_by("-created_at", "-pk")
    sizes = [_bytes_in(storage.folder_of(key)) for key in newest.values_list("pk", flat=True)[:SAMPLED]]
    weighed = [size for size in sizes if size]
    return Room(disk.total, disk.used, disk.free, sum(weighed) // len(weighed) if weighed else 0)


def _bytes_in(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0


def facts() -> dict[str, Any]:
    """Return all of this under the names by which the first page knows it."""
    return {
        "jobs": jobs(),
        "funnel": funnel(),
        "networks": networks(),
        "opinions": opinions(),
        "room": room(),
    }
