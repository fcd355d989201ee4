"""The e-mail after a sale."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from licensing.models import Certificate
from payments.models import Purchase


def send_receipt(purchase_id: uuid.UUID) -> None:
    """Tell the buyer what they own and where it lies. At least once: a worker that dies after sending sends again."""
    purchase = Purchase.objects.select_related("buyer", "composition__instrument").get(pk=purchase_id)
    certificate = Certificate.objects.filter(right__purchase_id=purchase_id).earliest("issued_at")
    context = {
        "purchase": purchase,
        "composition": purchase.composition,
        "certificate": certificate,
        "url": settings.SITE_URL.rstrip("/") + reverse("purchase", args=[purchase.pk]),
        "site_name": settings.SITE_NAME,
    }
    subject = " ".join(render_to_string("payments/email/receipt_subject.txt", context).split())
    mail = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string("payments/email/receipt.txt", context),
        to=[purchase.buyer.email],
    )
    mail.attach_alternative(render_to_string("payments/email/receipt.html", context), "text/html")
    mail.send()
