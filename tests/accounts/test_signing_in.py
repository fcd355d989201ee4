"""Signing in and registering tell a stranger nothing, and cannot be tried without end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from tests.factories import PASSWORD, a_staff_user, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_limits_left_over(db: None) -> None:
    cache.clear()


def test_a_wrong_password_and_an_unknown_address_look_alike(client: Client) -> None:
    user = a_user()
    wrong = client.post("/accounts/login/", {"login": user.email, "password": "not-the-password"})
    unknown = client.post("/accounts/login/", {"login": "nobody@example.com", "password": "not-the-password"})
    assert wrong.status_code == unknown.status_code == 200
    assert wrong.context["form"].errors == unknown.context["form"].errors
    assert "not correct" in str(wrong.context["form"].errors)


def test_registering_a_known_address_looks_like_registering_a_new_one() -> None:
    for known in ("known@example.com", "shouting@example.com"):
        a_user(email=known)
    addresses = ["known@example.com", "SHOUTING@example.com", "new@example.com"]
    answers = [
        Client().post("/accounts/signup/", {"email": email, "password1": PASSWORD}) for email in addresses
    ]
    assert {answer.status_code for answer in answers} == {302}
    assert len({answer["Location"] for answer in answers}) == 1
    assert User.objects.count() == 3
    assert [message.to[0].lower() for message in mail.outbox] == [email.lower() for email in addresses]


def test_a_reset_of_an_unknown_address_looks_like_one_of_a_known() -> None:
    a_user(email="known@example.com")
    answers = [
        Client().post("/accounts/password/reset/", {"email": email})
        for email in ("known@example.com", "un@example.com")
    ]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, answers[0]["Location"])}


def test_guessing_a_password_is_stopped_even_for_the_right_one(client: Client) -> None:
    user = a_user()
    answers = [
        client.post("/accounts/login/", {"login": user.email, "password": f"guess-number-{number}"})
        for number in range(6)
    ]
    assert "Too many" in str(answers[-1].context["form"].errors)
    right = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert right.status_code == 200
    assert "_auth_user_id" not in client.session


def test_addresses_differ_by_more_than_case() -> None:
    from django.db import IntegrityError

    a_user(email="case@example.com")
    with pytest.raises(IntegrityError):
        User.objects.create_user("CASE@example.com")


def test_the_admin_asks_through_the_rate_limited_log_in(client: Client) -> None:
    answer = client.get("/admin/", follow=False)
    assert answer.status_code == 302
    assert client.get(answer["Location"])["Location"].startswith("/accounts/login/")


def test_staff_opens_every_list_of_the_admin(client: Client) -> None:
    from django.contrib import admin

    from tests.factories import a_listed_composition, a_queued_composition

    a_listed_composition()
    a_queued_composition()
    client.force_login(a_staff_user())
    for model in admin.site._registry:
        meta = model._meta
        assert client.get(f"/admin/{meta.app_label}/{meta.model_name}/").status_code == 200, meta.label


def test_the_mailbox_shows_mails_newest_first_and_only_in_development(
    client: Client, settings: object
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"  # type: ignore[attr-defined]
    assert client.get("/dev/mailbox/").context["mails"] == []
    # A mail's date has whole seconds, and mails of one second may share a file.
    for number in range(3):
        with time_machine.travel(datetime(2026, 11, 27, 12, 0, number, tzinfo=UTC), tick=False):
            mail.send_mail(f"Mail {number}", f"Text {number} ü", None, [f"reader{number}@example.com"])
    mails = client.get("/dev/mailbox/").context["mails"]
    assert [m.subject for m in mails] == ["Mail 2", "Mail 1", "Mail 0"]
    assert (mails[0].to, mails[0].body) == ("reader2@example.com", "Text 2 ü")
    settings.DEVELOPMENT_MAILBOX = False  # type: ignore[attr-defined]
    assert client.get("/dev/mailbox/").status_code == 404


def test_mails_are_signed_with_the_shops_name_whatever_host_the_browser_sent(settings: object) -> None:
    Client(HTTP_HOST="127.0.0.1").post(
        "/accounts/signup/", {"email": "host@example.com", "password1": PASSWORD}
    )
    body = mail.outbox[-1].body
    assert "Soloscore" in body
    assert "127.0.0.1" not in body
