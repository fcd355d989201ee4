"""The copies of a recording and its score that an owner gets: labelled, signed, and marked as this sale's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from django.conf import settings

from accounts.addresses import address
from generation.audio.deliverables import Deliverables, write_deliverables
from generation.audio.labels import Labels
from generation.audio.marks import Mark, copy, house
from generation.audio.provenance import Signer
from generation.content_credentials import credentials
from licensing.models import Certificate
from licensing.recognition import sale_mark


def write_copies(
    *,
    certificate: Certificate,
    title: str,
    master: Path,
    musicxml: Path,
    directory: Path,
    midi: Sequence[Path] = (),
    mark: Mark | None = None,
) -> Deliverables:
    """Write the copies of ``master`` and its scores into ``directory``. Raises what ``write_deliverables`` raises."""
    facts = certificate.facts
    terms = f"Exclusive licence {facts['terms']['version']}, {address('terms')}"
    return write_deliverables(
        master=master,
        musicxml=musicxml,
        midi=midi,
        directory=directory,
        mark=mark,
        labels=Labels(
            title=title,
            artist=settings.SITE_NAME,
            copyright_id=certificate.pk,
            licence=facts.get("notice") or terms,
            licensee="one exclusive licensee",
            verify_url=verify_url(certificate),
        ),
        signer=Signer(
            credentials=credentials(),
            composer=facts["model"]["version"],
            made_at=certificate.right.composition.finished_at,
        ),
    )


def copy_mark(certificate: Certificate) -> Mark:
    """Return what writes the mark of this sale into the stored master."""
    work = certificate.right.composition_id.bytes
    return partial(copy.embed, secret=settings.MARK_SECRET.encode(), work=work, sale=sale_mark(certificate))


def house_mark(certificate: Certificate) -> Mark:
    """Return what writes the house mark into a recording that is made anew for the owner."""
    return partial(house.embed, secret=settings.MARK_SECRET.encode(), work=sale_mark(certificate))


def verify_url(certificate: Certificate) -> str:
    """Return the address at which anybody can look a certificate up."""
    return address("certificate", certificate.pk)
