"""Issuing a certificate: its Copyright ID, its row and its entry in the register, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.webhooks.catalogue import EventType
from licensing import register
from licensing.copyright_id import new_copyright_id
from licensing.errors import AlreadyReplaced
from licensing.integrity import breaks_unique
from licensing.models import Certificate, ExclusiveRight
from licensing.telling import tell_of_certificate


@dataclass(frozen=True, slots=True)
class End:
    """The end of a certificate that another one replaces: ``kind`` is transferred or superseded."""

    certificate: Certificate
    kind: str
    reason: str


def issue(
    right: ExclusiveRight,
    *,
    facts: Callable[[str], dict[str, Any]],
    is_test: bool,
    now: datetime,
    ends: End | None = None,
) -> Certificate:
    """Issue the current certificate of a right to its holder, and put it into the register.

    ``facts`` makes the facts for a Copyright ID. What the new certificate ``ends`` must be current, otherwise
    ``AlreadyReplaced`` is raised and nothing was written.
    """
    while True:
        copyright_id = new_copyright_id()
        certificate = Certificate(
            copyright_id=copyright_id,
            right=right,
            holder_id=right.holder_id,
            is_test=is_test,
            facts=facts(copyright_id),
            issued_at=now,
        )
        try:
            with transaction.atomic():
                if ends is not None:
                    _end(ends, successor=copyright_id)
                certificate.save(force_insert=True)
        except IntegrityError as error:
            table = Certificate._meta.db_table
            if breaks_unique(error, constraint=f"{table}_pkey", table=table, column="copyright_id"):
                continue  # Two equal Copyright IDs in 2^50: another one is drawn.
            raise
        if ends is not None:
            register.record_change(
                ends.kind, ends.certificate.pk, reason=ends.reason, at=now, successor=copyright_id
            )
            tell_of_certificate(
                ends.certificate,
                type=EventType.CERTIFICATE_SUPERSEDED,
                because=ends.kind,
                successor=copyright_id,
            )
        register.record_issue(certificate)
        tell_of_certificate(certificate, type=EventType.CERTIFICATE_ISSUED)
        return certificate


def _end(end: End, *, successor: str) -> None:
    """End a certificate for its successor, whose row comes later in the transaction."""
    rows = Certificate.objects.filter(pk=end.certificate.pk, state=Certificate.State.CURRENT)
    if rows.update(state=end.kind, successor_id=successor) != 1:
        raise AlreadyReplaced
