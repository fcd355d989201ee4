"""Every write about rights, and the only ways to a certificate and to an owner's file."""

from __future__ import annotations

import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from generation.models import Composition
from licensing.copyright_id import new_copyright_id, normalise
from licensing.documents import masked, sale_facts
from licensing.errors import AlreadyGranted
from licensing.integrity import breaks_unique
from licensing.models import Certificate, DeliveredFile, ExclusiveRight

State = ExclusiveRight.State

CHANGES: dict[str, frozenset[str]] = {
    State.IN_FORCE: frozenset({State.SUSPENDED, State.REVOKED}),
    State.SUSPENDED: frozenset({State.IN_FORCE, State.REVOKED}),
    State.REVOKED: frozenset(),
}
"""Where each state of a right may lead; revoked is final."""

DELIVERY_TAKES_AT_MOST = timedelta(hours=1)
"""A worker's task is stopped after five minutes; something in a work folder was touched in its last one."""

STATUS: dict[str, str] = {State.IN_FORCE: "valid", State.SUSPENDED: "suspended", State.REVOKED: "revoked"}
"""What the public register says of a right."""


def grant_right(
    *,
    composition_id: uuid.UUID,
    purchase_id: uuid.UUID,
    holder: User,
    licensee: str,
    price_minor: int,
    currency: str,
    terms_version: str,
    is_test: bool,
    now: datetime,
) -> ExclusiveRight:
    """Write the one right in a piece and its certificate, with every fact frozen. Part of the caller's transaction.

    Raises ``AlreadyGranted`` if the piece has a right already; the caller's transaction stays usable.
    """
    composition = Composition.objects.select_related("instrument", "model").get(pk=composition_id)
    try:
        with transaction.atomic():
            right = ExclusiveRight.objects.create(
                composition=composition,
                purchase_id=purchase_id,
                holder=holder,
                licensee=licensee,
                granted_at=now,
            )
    except IntegrityError as error:
        table = ExclusiveRight._meta.db_table
        if breaks_unique(
            error, constraint=f"{table}_composition_id_key", table=table, column="composition_id"
        ):
            raise AlreadyGranted from error
        raise
    while not _certify(
        right,
        price_minor=price_minor,
        currency=currency,
        terms_version=terms_version,
        is_test=is_test,
        now=now,
    ):
        continue  # Two equal Copyright IDs in 2^50: another one is drawn.
    return right


def suspend_right(*, right: ExclusiveRight, reason: str, now: datetime) -> bool:
    """Suspend a right while its payment is disputed: downloads stop. False if it is not in force."""
    return _change(right, to=State.SUSPENDED, reason=reason, ended_at=None)


def restore_right(*, right: ExclusiveRight, reason: str, now: datetime) -> bool:
    """Put a suspended right back in force. False if it is not suspended."""
    return _change(right, to=State.IN_FORCE, reason=reason, ended_at=None)


def revoke_right(*, right: ExclusiveRight, reason: str, now: datetime) -> bool:
    """End a right for ever; its certificate can still be looked up, as revoked. False if it is revoked already."""
    return _change(right, to=State.REVOKED, reason=reason, ended_at=now)


def deliver(*, purchase_id: uuid.UUID) -> None:
    """Build the owner's files and sign the certificate, once. Runs on the worker; calling it again does nothing.

    Raises ``DeliveryFailed`` or ``SigningKeyMissing``; then nothing was written and it may be tried again.
    """
    # The builder brings sound, engraving and PDF with it, which no web process should load.
    from licensing.delivery import build_and_sign

    certificate = Certificate.objects.filter(right__purchase_id=purchase_id, signed_at=None).first()
    if certificate is not None:
        build_and_sign(certificate)


@dataclass(frozen=True, slots=True)
class PublicRecord:
    """What anybody may know of a Copyright ID. ``status`` is valid, suspended, revoked or unknown."""

    copyright_id: str
    status: str
    certificate: Certificate | None = None
    licensee_masked: str = ""
    document: dict[str, Any] | None = None
    files: tuple[DeliveredFile, ...] = ()


def certificate_for_public(copyright_id: str) -> PublicRecord:
    """Look a Copyright ID up, however it was typed. The licensee's name is masked wherever it stands."""
    known = normalise(copyright_id)
    certificate = (
        Certificate.objects.select_related("right__composition").filter(copyright_id=known).first()
        if known
        else None
    )
    if certificate is None:
        return PublicRecord(copyright_id=known or copyright_id, status="unknown")
    name = masked(certificate.right.licensee)
    return PublicRecord(
        copyright_id=certificate.copyright_id,
        status=STATUS[certificate.right.state],
        certificate=certificate,
        licensee_masked=name,
        document=certificate.facts | {"licensee": name},
        files=tuple(certificate.files.all()),
    )


def certificate_of_holder(*, user: AbstractBaseUser | AnonymousUser, copyright_id: str) -> Certificate:
    """Return the certificate to its holder, or to staff, in whatever state it is. Anybody else gets a 404."""
    rows = Certificate.objects.select_related("right__composition").filter(
        copyright_id=normalise(copyright_id) or ""
    )
    if not getattr(user, "is_staff", False):
        rows = rows.filter(right__holder=user.pk)
    certificate = rows.first()
    if certificate is None:
        raise Http404
    return certificate


def sweep_deliveries() -> int:
    """Delete work folders whose worker was killed, and return how many. Safe at any time."""
    count = 0
    oldest = timezone.now().timestamp() - DELIVERY_TAKES_AT_MOST.total_seconds()
    for path in work_root().glob("*"):
        # Its worker may finish and take it away while we look.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)
                count += 1
    return count


def refuse_unless_in_force(right: ExclusiveRight) -> None:
    """Raise ``PermissionDenied`` while a right is suspended or once it is revoked."""
    if right.state == State.SUSPENDED:
        raise PermissionDenied(_("Downloads are paused while the payment is disputed."))
    if right.state != State.IN_FORCE:
        raise PermissionDenied(_("This right was revoked; its files can no longer be downloaded."))


def folder_of(copyright_id: str) -> Path:
    """Return the private folder of an owner's files, whether it is there or not."""
    return _root() / copyright_id


def work_root() -> Path:
    """Return the folder in which deliveries are built, each in a folder of its own."""
    return _root() / ".work"


def _root() -> Path:
    return Path(default_storage.path("certificates"))


def _certify(
    right: ExclusiveRight,
    *,
    price_minor: int,
    currency: str,
    terms_version: str,
    is_test: bool,
    now: datetime,
) -> bool:
    copyright_id = new_copyright_id()
    facts = sale_facts(
        composition=right.composition,
        copyright_id=copyright_id,
        licensee=right.licensee,
        price_minor=price_minor,
        currency=currency,
        terms_version=terms_version,
        is_test=is_test,
        now=now,
    )
    try:
        with transaction.atomic():
            Certificate.objects.create(
                copyright_id=copyright_id, right=right, is_test=is_test, facts=facts, issued_at=now
            )
    except IntegrityError as error:
        table = Certificate._meta.db_table
        if breaks_unique(error, constraint=f"{table}_pkey", table=table, column="copyright_id"):
            return False
        raise
    return True


def _change(right: ExclusiveRight, *, to: str, reason: str, ended_at: datetime | None) -> bool:
    sources = [state for state, targets in CHANGES.items() if to in targets]
    rows = ExclusiveRight.objects.filter(pk=right.pk, state__in=sources)
    return rows.update(state=to, reason=reason[:200], ended_at=ended_at) == 1
