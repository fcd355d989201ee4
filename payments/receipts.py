"""The e-mail after a sale. It is the confirmation on a durable medium: what was bought, agreed and declared."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from django.conf import settings

from accounts.addresses import address
from licensing.models import Certificate
from licensing.terms import terms_sha256, terms_text
from payments.models import Purchase
from payments.notices import purchase_url, send


def send_receipt(purchase_id: uuid.UUID) -> None:
    """Tell the buyer what they own, where it lies and what they declared; the licence goes with it, word for word."""
    purchase = Purchase.objects.select_related("buyer", "composition__instrument").get(pk=purchase_id)
    certificate = Certificate.objects.filter(right__purchase_id=purchase_id).earliest("issued_at")
    context: dict[str, Any] = {
        "purchase": purchase,
        "composition": purchase.composition,
        "certificate": certificate,
        "declarations": purchase.declarations.all(),
        "terms_sha256": terms_sha256(purchase.terms_version),
        "seller": settings.SELLER_NAME,
        "url": purchase_url(purchase),
        "certificate_url": address("certificate", certificate.pk),
    }
    licence = (f"licence-{purchase.terms_version}.md", terms_text(purchase.terms_version), "text/markdown")
    send(
        purchase,
        template="payments/email/receipt",
        context=partial(dict, context),
        attachments=(licence,),
    )
