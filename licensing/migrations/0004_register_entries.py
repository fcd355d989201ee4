"""Give each certificate its holder, and put what happened so far into the register."""

import secrets
from datetime import UTC

from django.db import migrations
from django.utils import timezone

from licensing.canonical import canonical, sha256_of
from licensing.chain import Entry, Head


def fill(apps, schema_editor):
    """Append issues, signatures and ends in the order in which they happened; a suspension has no date of its own."""
    Certificate = apps.get_model("licensing", "Certificate")
    RegisterEntry = apps.get_model("licensing", "RegisterEntry")
    ChainHead = apps.get_model("licensing", "ChainHead")
    events = []
    for certificate in Certificate.objects.select_related("right").order_by("issued_at", "pk"):
        right = certificate.right
        Certificate.objects.filter(pk=certificate.pk).update(holder=right.holder_id)
        events.append((certificate.issued_at, 0, certificate.pk, "issued", canonical(certificate.facts), ""))
        if certificate.signed_at is not None:
            events.append((certificate.signed_at, 1, certificate.pk, "signed", certificate.document.encode(), ""))
        if right.state != "in_force":
            note = canonical({"reason": right.reason, "salt": secrets.token_hex(16)}).decode()
            at = right.ended_at or timezone.now()
            events.append((at, 2, certificate.pk, right.state, note.encode(), note))
    head = Head()
    for at, _order, copyright_id, kind, subject, note in sorted(events):
        at = at.astimezone(UTC).replace(microsecond=0)
        entry = Entry(
            number=head.number + 1,
            kind=kind,
            copyright_id=copyright_id,
            at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            digest=sha256_of(subject),
            successor="",
            previous=head.hash,
        )
        head = Head(entry.number, entry.hashed())
        RegisterEntry.objects.create(
            number=entry.number,
            kind=kind,
            certificate_id=copyright_id,
            at=at,
            digest=entry.digest,
            previous=entry.previous,
            hash=head.hash,
            note=note,
        )
    ChainHead.objects.update_or_create(pk=1, defaults={"number": head.number, "hash": head.hash})


class Migration(migrations.Migration):
    dependencies = [("licensing", "0003_register")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
