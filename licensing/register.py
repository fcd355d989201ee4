"""Appending to the public register, and reading it. Entries are written with the change they record, or not at all.

Whoever appends holds the row of the head to the end of the transaction, so that entries are numbered in the order of
their commits. It is the last lock to take: after those of the piece, its purchase, the right and the certificate.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import transaction
from django.utils import timezone

from licensing import keys
from licensing.canonical import canonical, sha256_of
from licensing.chain import Entry, Head
from licensing.documents import signed_file, utc
from licensing.errors import SigningKeyMissing
from licensing.models import Certificate, ChainHead, RegisterEntry

HEAD_SCHEMA = "soloscore-register-head/1"
AT_ONCE = 10_000
"""Entries in one answer; whoever wants more asks for those after the last."""

Kind = RegisterEntry.Kind


def record_issue(certificate: Certificate) -> RegisterEntry:
    """Append that a certificate was issued, with the digest of its facts."""
    return _append(
        Kind.ISSUED, certificate.pk, at=certificate.issued_at, digest=sha256_of(canonical(certificate.facts))
    )


def record_signature(copyright_id: str, *, document: str, at: datetime) -> RegisterEntry:
    """Append that a certificate was signed, with the digest of its document."""
    return _append(Kind.SIGNED, copyright_id, at=at, digest=sha256_of(document.encode()))


def record_change(
    kind: str, copyright_id: str, *, reason: str, at: datetime, successor: str = ""
) -> RegisterEntry:
    """Append that a certificate stands otherwise. The reason is kept to ourselves; its salted digest is public."""
    note = canonical({"reason": reason, "salt": secrets.token_hex(16)}).decode()
    return _append(kind, copyright_id, at=at, digest=sha256_of(note.encode()), successor=successor, note=note)


def entry_of_issue(certificate: Certificate) -> Head:
    """Return the head of the register as it was when a certificate had been issued."""
    row = certificate.entries.get(kind=Kind.ISSUED)
    return Head(row.number, row.hash)


def head() -> Head:
    """Return how far the register reaches."""
    row = ChainHead.objects.filter(pk=1).first()
    return Head(row.number, row.hash) if row else Head()


def entries(*, after: int = 0, at_most: int | None = None) -> Iterator[Entry]:
    """Return the entries that follow on number ``after``, oldest first."""
    rows = RegisterEntry.objects.filter(number__gt=after).order_by("number")
    for row in rows[:at_most] if at_most else rows.iterator(chunk_size=2000):
        yield entry_of(row)


def entry_of(row: RegisterEntry) -> Entry:
    """Return a row as what is published and hashed."""
    return Entry(
        number=row.number,
        kind=row.kind,
        copyright_id=row.certificate_id,
        at=utc(row.at),
        digest=row.digest,
        successor=row.successor,
        previous=row.previous,
        hash=row.hash,
    )


def signed_head() -> bytes:
    """Return the head, signed like a certificate: with the live key, or the test key in a shop that has no other."""
    try:
        key = keys.signing_key("live")
    except SigningKeyMissing:
        key = keys.signing_key("test")
    now = head()
    document = {
        "schema": HEAD_SCHEMA,
        "number": now.number,
        "hash": now.hash,
        "key_id": key.key_id,
        "signed_at": utc(timezone.now()),
    }
    message = canonical(document)
    return signed_file(document=message.decode(), signature=key.sign(message), key_id=key.key_id)


def _append(
    kind: str, copyright_id: str, *, at: datetime, digest: str, successor: str = "", note: str = ""
) -> RegisterEntry:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An entry of the register belongs into the transaction of what it records.")
    heads = ChainHead.objects.select_for_update().filter(pk=1)
    last = heads.first()
    if last is None:
        ChainHead.objects.bulk_create([ChainHead(pk=1)], ignore_conflicts=True)
        last = heads.get()
    at = at.astimezone(UTC).replace(microsecond=0)
    number = last.number + 1
    entry = Entry(number, kind, copyright_id, utc(at), digest, successor, previous=last.hash)
    row = RegisterEntry.objects.create(
        number=number,
        kind=kind,
        certificate_id=copyright_id,
        at=at,
        digest=digest,
        successor=successor,
        previous=last.hash,
        hash=entry.hashed(),
        note=note,
    )
    ChainHead.objects.filter(pk=1).update(number=number, hash=row.hash)
    return row
