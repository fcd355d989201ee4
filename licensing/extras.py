"""Cuts and loops of a sold piece, on its owner's request: asking for one, its states, and the only way to its file."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from licensing.errors import NoSuchExtra
from licensing.models import Certificate, Extra
from licensing.services import own_certificate, refuse_unless_in_force

logger = logging.getLogger(__name__)

Kind, State = Extra.Kind, Extra.State

SECONDS: dict[str, int] = {Kind.CUT_60: 60, Kind.CUT_30: 30, Kind.CUT_15: 15}
"""How long each cut is. A piece must be longer; a loop is as long as its piece."""

TRANSITIONS: dict[str, frozenset[str]] = {
    State.QUEUED: frozenset({State.BUILDING}),
    State.BUILDING: frozenset({State.READY, State.FAILED, State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.READY: frozenset(),
}
"""Where each state may lead; ready is final."""

LAPSES_AFTER = timedelta(minutes=6)
"""A worker is stopped after five minutes: what is in work for longer than this is in nobody's hands."""

RING_AGAIN_AFTER = timedelta(seconds=30)
"""A message lives as long: the sweep rings anew, and a long queue does not flood the broker."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of extra that can be had of a piece, and the row of it, once it was asked for."""

    kind: Extra.Kind
    extra: Extra | None

    @property
    def archive(self) -> str:
        """The name its archive is downloaded by."""
        return f"extras/{self.kind}.zip"

    @property
    def is_waiting(self) -> bool:
        """Whether something is still to come by itself."""
        return self.extra is not None and self.extra.state in {State.QUEUED, State.BUILDING}


def offers_of(certificate: Certificate) -> list[Offer]:
    """Return what can be had of a certificate's piece, in the order of the kinds."""
    rows = {extra.kind: extra for extra in certificate.extras.all()}
    return [Offer(kind, rows.get(kind)) for kind in _kinds_of(certificate)]


def request_extra(*, user: AbstractBaseUser | AnonymousUser, copyright_id: str, kind: str) -> Extra:
    """Have an extra made for the holder of a right in force; asking again does nothing, unless it had failed.

    Raises ``Http404`` for anybody else, ``PermissionDenied`` unless the right is in force, ``NoSuchExtra`` for a kind
    that the piece is too short for.
    """
    certificate = own_certificate(user=user, copyright_id=copyright_id)
    refuse_unless_in_force(certificate)
    if kind not in [str(one) for one in _kinds_of(certificate)]:
        raise NoSuchExtra(kind)
    now = timezone.now()
    with transaction.atomic():
        extra, is_new = Extra.objects.get_or_create(
            certificate=certificate, kind=kind, defaults={"requested_at": now, "changed_at": now}
        )
        if is_new or move(extra.pk, to=State.QUEUED, only_if={"state": State.FAILED}, requested_at=now):
            ring(extra.pk)
    extra.refresh_from_db()
    return extra


def files_of(certificate: Certificate) -> list[dict[str, str]]:
    """Return name and SHA-256 of every archive and file of the extras that are ready."""
    found = []
    for extra in certificate.extras.filter(state=State.READY):
        found.append({"name": f"{extra.kind}.zip", "sha256": extra.sha256})
        found += [
            {"name": item["name"], "sha256": item["sha256"]} for item in json.loads(extra.document)["files"]
        ]
    return found


def path_of(copyright_id: str, kind: str) -> Path:
    """Return where the archive of an extra lies, whether it is there or not."""
    return root() / copyright_id / f"{kind}.zip"


def root() -> Path:
    """Return the private folder of all extras."""
    return Path(default_storage.path("extras"))


def move(extra_id: int, *, to: str, only_if: dict[str, Any] | None = None, **fields: Any) -> bool:
    """Move one extra by one conditional UPDATE and say whether it was ours to move.

    ``only_if`` narrows the condition beyond the table. An earlier error is cleared, and a claim is dropped.
    """
    sources = [state for state, targets in TRANSITIONS.items() if to in targets]
    fields = {"claim": None, "error": "", "changed_at": timezone.now()} | fields
    rows = Extra.objects.filter(pk=extra_id, state__in=sources)
    return rows.filter(**(only_if or {})).update(state=to, **fields) == 1


def claim(extra_id: int) -> Extra | None:
    """Take a queued extra for this worker; None if it is not queued."""
    token = uuid.uuid4()
    if not move(extra_id, to=State.BUILDING, claim=token, attempts=F("attempts") + 1):
        return None
    return Extra.objects.select_related("certificate__right__composition__instrument").get(
        pk=extra_id, claim=token
    )


def ring(extra_id: int) -> None:
    """Tell a worker after the commit. A dead broker is logged, not felt: the sweep rings again."""
    transaction.on_commit(lambda: _send(extra_id), robust=True)


def sweep_extras() -> int:
    """Take back what a dead worker held, and ring again for what waits; returns how many waited."""
    now = timezone.now()
    lapsed = Extra.objects.filter(state=State.BUILDING, changed_at__lt=now - LAPSES_AFTER)
    for extra in lapsed:
        move(extra.pk, to=State.QUEUED, only_if={"claim": extra.claim})
    waiting = Extra.objects.filter(state=State.QUEUED, changed_at__lt=now - RING_AGAIN_AFTER)
    ids = [*waiting.values_list("pk", flat=True), *(extra.pk for extra in lapsed)]
    for extra_id in ids:
        ring(extra_id)
    return len(ids)


def _send(extra_id: int) -> None:
    # The task's module imports what builds.
    from licensing.tasks import build_extra

    build_extra.apply_async([extra_id], retry=False, expires=RING_AGAIN_AFTER.seconds)


def _kinds_of(certificate: Certificate) -> Iterator[Extra.Kind]:
    length = certificate.right.composition.ordered_seconds
    return (kind for kind in Kind if SECONDS.get(kind, 0) < length)
