"""Whether the register is whole, and whether everything it speaks of is still what it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction

from licensing import keys, register
from licensing.canonical import canonical, sha256_of
from licensing.chain import Fault, Head, Life, faults_of, lives_in
from licensing.documents import WITHOUT_ANCHOR, facts_of
from licensing.models import Certificate, ExclusiveRight, RegisterCheck, RegisterEntry
from licensing.services import status_of

FAULTS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome: how far the register reaches, how many certificates there are, and what is wrong."""

    head: Head
    certificates: int
    faults: list[Fault]


def check(*, since: str = "") -> Report:
    """Check the chain, every certificate and every right against each other, at one moment of the database.

    ``since`` is the hash of an earlier head, which must still be in the chain.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql" and len(connection.savepoint_ids) == 0:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        entries = list(register.entries())
        head = register.head()
        faults = faults_of(entries, head=head)
        if entries and Head(entries[-1].number, entries[-1].hash) != head:
            faults.append(Fault(f"entry {entries[-1].number}", "lies behind the head of the register"))
        if since and all(entry.hash != since for entry in entries):
            faults.append(Fault("head", f"{since} is not in the register any more, or never was"))
        faults += _faults_of_notes()
        lives = lives_in(entries)
        for life in lives.values():
            faults += life.faults
        known = keys.public_keys()
        count = 0
        for certificate in Certificate.objects.select_related("right").order_by("issued_at").iterator():
            count += 1
            wrong = ["it is not in the register"]
            if certificate.pk in lives:
                wrong = _faults_of_certificate(certificate, lives[certificate.pk], public_keys=known)
            faults += [Fault(f"certificate {certificate.pk}", what) for what in wrong]
        faults += _faults_of_rights()
    return Report(head=head, certificates=count, faults=faults)


def _faults_of_notes() -> Iterator[Fault]:
    for row in RegisterEntry.objects.exclude(note="").iterator():
        if sha256_of(row.note.encode()) != row.digest:
            yield Fault(f"entry {row.number}", "the reason kept with it is not the one it was written for")


def _faults_of_certificate(certificate: Certificate, life: Life, *, public_keys: dict[str, str]) -> list[str]:
    found = []
    if life.issued is None or life.issued.digest != sha256_of(canonical(certificate.facts)):
        found.append("its facts are not those that were issued")
    if certificate.signed_at is None:
        if life.signed is not None:
            found.append("it was signed, and its document is gone")
    elif life.signed is None or life.signed.digest != sha256_of(certificate.document.encode()):
        found.append("its document is not the one that was signed")
    else:
        found += _faults_of_document(certificate, life, public_keys=public_keys)
    status = status_of(certificate)
    if status != life.status:
        found.append(f"it is {status}, and {life.status} by the register")
    if (certificate.successor_id or "") != life.successor:
        found.append(f"its successor is {certificate.successor_id}, and {life.successor} by the register")
    return found


def _faults_of_document(certificate: Certificate, life: Life, *, public_keys: dict[str, str]) -> list[str]:
    found = []
    document = json.loads(certificate.document)
    if not keys.is_signed_by(
        message=certificate.document.encode(),
        signature=certificate.signature,
        public_key=public_keys.get(certificate.key_id, ""),
    ):
        found.append(f"its signature is not that of the key {certificate.key_id}")
    if facts_of(document) != certificate.facts:
        found.append("its document does not say what its facts say")
    issued = life.issued
    anchor = document.get("register")
    if anchor is None and certificate.facts["schema"] != WITHOUT_ANCHOR:
        found.append("its document names no entry of the register")
    if anchor and issued and anchor != {"number": issued.number, "hash": issued.hash}:
        found.append(
            f"its document names entry {anchor['number']}, and it was issued by entry {issued.number}"
        )
    delivered = {file.name: file.sha256 for file in certificate.files.all()}
    found += [
        f"the checksum kept of {item['name']} is not the one that was signed"
        for item in document["files"]
        if delivered.get(item["name"]) != item["sha256"]
    ]
    return found


def _faults_of_rights() -> Iterator[Fault]:
    for right in ExclusiveRight.objects.prefetch_related("certificates").iterator(chunk_size=500):
        current = [one for one in right.certificates.all() if one.state == Certificate.State.CURRENT]
        where = f"right {right.pk}"
        if len(current) != 1:
            yield Fault(where, f"has {len(current)} current certificates")
        elif current[0].holder_id != right.holder_id:
            yield Fault(where, f"belongs to another account than its certificate {current[0].pk}")
        elif current[0].facts["licensee"] != right.licensee:
            yield Fault(where, f"names another licensee than its certificate {current[0].pk}")


def check_and_keep() -> Report:
    """Check the register as it is now, keep what came out, and return it."""
    found = check()
    RegisterCheck.objects.create(
        entries=found.head.number,
        certificates=found.certificates,
        faults=len(found.faults),
        first_faults=[str(fault) for fault in found.faults[:FAULTS_KEPT]],
    )
    return found
