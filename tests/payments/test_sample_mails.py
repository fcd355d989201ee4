"""Every e-mail in development's mailbox: plain and HTML, and nothing left behind in the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from marketplace.management.commands.sample_mails import ACCOUNT_MAILS, ORDER_MAILS
from payments.models import Declaration
from payments.notices import NOTICES
from tests.factories import a_user
from tests.payments.shop import Shop

pytestmark = pytest.mark.django_db


def test_one_of_every_mail_comes_with_both_parts_and_nothing_is_declared(shop: Shop) -> None:
    shop.sold()
    mail.outbox.clear()
    call_command("sample_mails")
    assert len(mail.outbox) == len(ACCOUNT_MAILS) + 1 + ORDER_MAILS + len(NOTICES)
    for message in mail.outbox:
        assert isinstance(message, EmailMultiAlternatives)
        ((html, kind),) = [(one.content, one.mimetype) for one in message.alternatives]
        assert kind == "text/html"
        assert "<h1" in str(html)
        assert message.body.strip()
        assert "\n" not in message.subject
        assert "{" not in message.subject + str(message.body)
    assert not Declaration.objects.filter(kind=Declaration.Kind.WITHDRAWAL).exists()


def test_without_a_sale_it_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="buy a piece in the test checkout first"):
        call_command("sample_mails")


def test_it_never_runs_where_mails_reach_people(settings: Any) -> None:
    settings.DEVELOPMENT_MAILBOX = False
    with pytest.raises(CommandError, match="development only"):
        call_command("sample_mails")


def test_the_mailbox_shows_the_html_part_and_lets_it_do_nothing(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = settings.MAIL_DIR = tmp_path
    user = a_user()
    client.post(reverse("account_request_login_code"), {"email": user.email})
    assertContains(client.get(reverse("dev_mailbox")), reverse("dev_mail", args=[0]))
    page = client.get(reverse("dev_mail", args=[0]))
    assertContains(page, "<h1")
    assert "sandbox" in page["Content-Security-Policy"]
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert client.get(reverse("dev_mail", args=[7])).status_code == 404
    settings.DEVELOPMENT_MAILBOX = False
    assert client.get(reverse("dev_mail", args=[0])).status_code == 404
