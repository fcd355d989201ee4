"""``manage.py sample_mails``: one of every e-mail, into development's mailbox."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.context import request_context
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.test import RequestFactory

from accounts.languages import language_of
from accounts.models import User
from generation.failures import failure
from generation.models import Composition
from generation.ready_mails import tell
from payments.models import Declaration, Purchase
from payments.notices import NOTICES, send_notice
from payments.receipts import send_receipt

ACCOUNT_MAILS = (
    "account/email/email_confirmation_signup",
    "account/email/login_code",
    "account/email/password_reset_code",
    "account/email/account_already_exists",
    "account/email/unknown_account",
    "account/email/password_changed",
    "account/email/email_changed",
    "mfa/email/webauthn_added",
    "mfa/email/recovery_codes_generated",
)


ORDER_MAILS = 2
"""One for an order that is ready, and one for an order that failed."""


class Command(BaseCommand):
    help = "Write one of every e-mail about the newest sold purchase into the mailbox of development (/dev/mailbox/)."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT_MAILBOX:
            raise CommandError("Sample mails would reach real people: this command is for development only.")
        sold = Purchase.objects.filter(state=Purchase.State.SOLD)
        purchase = sold.select_related("buyer").order_by("-created_at").first()
        if purchase is None:
            raise CommandError("Nothing was sold here yet: buy a piece in the test checkout first.")
        # allauth writes its mails within a request.
        with request_context(RequestFactory(SERVER_NAME="localhost").get("/")):
            for prefix in ACCOUNT_MAILS:
                get_adapter().send_mail(prefix, purchase.buyer.email, _said_to(purchase.buyer))
        send_receipt(purchase.pk)
        _tell_of_orders(purchase)
        with transaction.atomic():
            # The withdrawal that a mail quotes is only there while the mail is written.
            Declaration.objects.get_or_create(
                purchase=purchase,
                kind=Declaration.Kind.WITHDRAWAL,
                defaults={
                    "user": purchase.buyer,
                    "text": "I withdraw.",
                    "terms_version": purchase.terms_version,
                },
            )
            for kind in NOTICES:
                send_notice(kind, purchase.pk)
            transaction.set_rollback(True)
        self.stdout.write(
            f"{len(ACCOUNT_MAILS) + 1 + ORDER_MAILS + len(NOTICES)} e-mails are in /dev/mailbox/."
        )


def _tell_of_orders(purchase: Purchase) -> None:
    piece = Composition.objects.select_related("instrument").get(pk=purchase.composition_id)
    language = language_of(purchase.buyer)
    tell(purchase.buyer.email, language=language, takes=[piece], is_guest=False)
    piece.state, piece.failure = Composition.State.FAILED, failure("disk_full")
    tell(purchase.buyer.email, language=language, takes=[piece], is_guest=True)


def _said_to(user: User) -> dict[str, Any]:
    """What the mails about an account may speak of."""
    url = settings.SITE_URL.rstrip("/")
    return {
        "user": user,
        "email": user.email,
        "code": "ABCD-EFGH",
        "from_email": user.email,
        "to_email": f"new-{user.email}",
        "password_reset_url": url,
        "signup_url": url,
        "ip": "192.0.2.1",
        "user_agent": "Firefox",
        "timestamp": user.date_joined,
    }
