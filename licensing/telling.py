"""What a partner is told of the certificates of their pieces: part of the transaction in which one changes."""

from __future__ import annotations

from accounts.webhooks.catalogue import EventType
from accounts.webhooks.events import tell_partner
from licensing.models import Certificate


def tell_of_certificate(certificate: Certificate, *, type: EventType, **more: str) -> None:  # noqa: A002
    """Tell what became of a certificate. No name is told."""
    piece = certificate.right.composition
    data = {
        "copyright_id": certificate.pk,
        "composition": str(piece.pk),
        "is_test": certificate.is_test,
        **more,
    }
    tell_partner(maker=piece.maker, type=type, about=piece.pk, data=data)
