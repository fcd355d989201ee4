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
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.staff.access import may
from accounts.webhooks.catalogue import EventType
from generation.models import Composition
from licensing import chain, register
from licensing.copyright_id import normalise
from licensing.documents import masked, sale_facts
from licensing.errors import AlreadyGranted
from licensing.integrity import breaks_unique
from licensing.issuing import issue
from licensing.models import Certificate, DeliveredFile, ExclusiveRight
from licensing.telling import tell_of_certificate
from licensing.terms import statement_of

State = ExclusiveRight.State

CHANGES: dict[str, frozenset[str]] = {
    State.IN_FORCE: frozenset({State.SUSPENDED, State.REVOKED}),
    State.SUSPENDED: frozenset({State.IN_FORCE, State.REVOKED}),
    State.REVOKED: frozenset(),
}
"""Where each state of a right may lead; revoked is final."""

DELIVERY_TAKES_AT_MOST = timedelta(hours=1)
"""A worker's task is stopped after five minutes; something in a work folder was touched in its last one."""

RECORDED_AS: dict[str, str] = {
    State.IN_FORCE: chain.RESTORED,
    State.SUSPENDED: chain.SUSPENDED,
    State.REVOKED: chain.REVOKED,
}
"""How the register calls the move into a state."""

STATUS: dict[str, str] = {State.IN_FORCE: "valid", State.SUSPENDED: "suspended", State.REVOKED: "revoked"}
"""What the public is told of a current certificate; one that was replaced is called by its own state."""


def grant_right(
    *,
    composition: Composition,
    purchase_id: uuid.UUID,
    holder_id: int,
    licensee: str,
    price_minor: int,
    currency: str,
    terms_version: str,
    is_test: bool,
    now: datetime,
) -> ExclusiveRight:
    """Write the one right in a piece and its certificate, with every fact frozen. Part of the caller's transaction.

    ``composition`` comes with instrument and model, and as its row is now.
    Raises ``AlreadyGranted`` if the piece has a right already; the caller's transaction stays usable.
    """
    try:
        with transaction.atomic():
            right = ExclusiveRight.objects.create(
                composition=composition,
                purchase_id=purchase_id,
                holder_id=holder_id,
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
    issue(
        right,
        facts=lambda copyright_id: sale_facts(
            composition=composition,
            copyright_id=copyright_id,
            licensee=licensee,
            price_minor=price_minor,
            currency=currency,
            terms_version=terms_version,
            is_test=is_test,
            now=now,
        ),
        is_test=is_test,
        now=now,
    )
    return right


def suspend_right(*, right: ExclusiveRight, reason: str, now: datetime) -> bool:
    """Suspend a right while its payment is disputed: downloads stop. False if it is not in force."""
    return _change(right, to=State.SUSPENDED, reason=reason, now=now)


def restore_right(*, right: ExclusiveRight, reason: str, now: datetime) -> bool:
    """Put a suspended right back in force. False if it is not suspended."""
    return _change(right, to=State.IN_FORCE, reason=reason, now=now)


def revoke_right(*, right: ExclusiveRight, reason: str, now: datetime) -> bool:
    """End a right for ever; its certificate can still be looked up, as revoked. False if it is revoked already."""
    return _change(right, to=State.REVOKED, reason=reason, now=now)


def deliver(*, purchase_id: uuid.UUID) -> None:
    """Build the owner's files and sign the certificate, once. Runs on the worker; calling it again does nothing.

    Raises ``DeliveryFailed`` or ``SigningKeyMissing``; then nothing was written and it may be tried again.
    """
    for certificate in Certificate.objects.filter(right__purchase_id=purchase_id, signed_at=None):
        deliver_certificate(certificate)


def deliver_certificate(certificate: Certificate) -> None:
    """Do the same for one certificate that is not signed yet."""
    # The builder brings sound, engraving and PDF with it, which no web process should load.
    from licensing.delivery import build_and_sign

    build_and_sign(certificate)


def status_of(certificate: Certificate) -> str:
    """Return how a certificate stands: valid, suspended, revoked, transferred or superseded."""
    if certificate.state != Certificate.State.CURRENT:
        return str(certificate.state)
    return STATUS[certificate.right.state]


@dataclass(frozen=True, slots=True)
class PublicRecord:
    """What anybody may know of a Copyright ID. ``status`` is what ``status_of`` says, or unknown."""

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
    name = masked(certificate.facts["licensee"])
    shown = {key: value for key, value in certificate.facts.items() if key not in {"statement", "salt"}}
    shown["licensee"] = name
    return PublicRecord(
        copyright_id=certificate.copyright_id,
        status=status_of(certificate),
        certificate=certificate,
        licensee_masked=name,
        document=shown | {"statement": statement_of(shown)},
        files=tuple(certificate.files.all()),
    )


def own_certificate(*, user: AbstractBaseUser | AnonymousUser, copyright_id: str) -> Certificate:
    """Return a certificate to whom it was issued, in whatever state it is. Anybody else gets a 404."""
    return _one_of(Certificate.objects.filter(holder=user.pk), copyright_id)


def certificate_of_holder(*, user: AbstractBaseUser | AnonymousUser, copyright_id: str) -> Certificate:
    """Do the same, and return any certificate to staff whose role sees certificates."""
    if may(user, "licensing.view_certificate"):
        return _one_of(Certificate.objects.all(), copyright_id)
    return own_certificate(user=user, copyright_id=copyright_id)


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


def refuse_unless_in_force(certificate: Certificate) -> None:
    """Raise ``PermissionDenied`` unless a certificate is the current one of a right in force."""
    status = status_of(certificate)
    if status == "suspended":
        raise PermissionDenied(_("Downloads are paused while the payment is disputed."))
    if status in chain.REPLACED:
        raise PermissionDenied(
            _("This certificate was replaced by %(successor)s; its files can no longer be downloaded.")
            % {"successor": certificate.successor_id}
        )
    if status != "valid":
        raise PermissionDenied(_("This right was revoked; its files can no longer be downloaded."))


def folder_of(copyright_id: str) -> Path:
    """Return the private folder of an owner's files, whether it is there or not."""
    return _root() / copyright_id


def work_root() -> Path:
    """Return the folder in which deliveries are built, each in a folder of its own."""
    return _root() / ".work"


def _root() -> Path:
    return Path(default_storage.path("certificates"))


def _one_of(rows: QuerySet[Certificate], copyright_id: str) -> Certificate:
    found = rows.select_related("right__composition").filter(pk=normalise(copyright_id) or "").first()
    if found is None:
        raise Http404
    return found


def _change(right: ExclusiveRight, *, to: str, reason: str, now: datetime) -> bool:
    """Move a right by one conditional UPDATE, and put that into the register under its current certificate."""
    sources = [state for state, targets in CHANGES.items() if to in targets]
    rows = ExclusiveRight.objects.filter(pk=right.pk, state__in=sources)
    ended_at = now if to == State.REVOKED else None
    with transaction.atomic():
        if rows.update(state=to, reason=reason[:200], ended_at=ended_at) != 1:
            return False
        current = Certificate.objects.get(right_id=right.pk, state=Certificate.State.CURRENT)
        register.record_change(RECORDED_AS[to], current.pk, reason=reason, at=now)
        if to == State.REVOKED:
            tell_of_certificate(current, type=EventType.CERTIFICATE_REVOKED)
    return True
