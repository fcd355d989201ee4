"""A person is spoken to in the language they chose, whoever asks for the mail."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.models import User
from tests.factories import PASSWORD, a_user

pytestmark = pytest.mark.django_db

GERMAN, ENGLISH = {"Accept-Language": "de"}, {"Accept-Language": "en"}


def sign_up(client: Client, email: str) -> User:
    client.post(reverse("account_signup"), {"email": email, "password1": PASSWORD}, headers=GERMAN)
    return User.objects.get(email=email)


def log_in(client: Client, user: User, **headers: str) -> None:
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, headers=headers)


def test_the_language_of_the_registration_is_remembered(client: Client) -> None:
    assert sign_up(client, "neu@example.com").language == "de"
    assert mail.outbox[-1].body.startswith("Hallo von Soloscore")


def test_a_choice_on_the_site_changes_what_a_person_is_written_in(client: Client) -> None:
    user = a_user(language="de")
    client.force_login(user)
    page = client.get(reverse("account_language"))
    assertContains(page, 'value="de" id="id_language_de" checked')
    client.post(reverse("set_language"), {"language": "en", "next": "/"})
    user.refresh_from_db()
    assert user.language == "en"
    client.post(reverse("set_language"), {"language": "tlh", "next": "/"})
    user.refresh_from_db()
    assert user.language == "en"


def test_a_visitors_choice_changes_nobody(client: Client) -> None:
    user = a_user(language="en")
    client.post(reverse("set_language"), {"language": "de", "next": "/"})
    user.refresh_from_db()
    assert user.language == "en"


def test_the_pages_follow_the_account_to_a_new_browser_but_not_against_its_choice(client: Client) -> None:
    user = a_user(language="de")
    log_in(client, user, **ENGLISH)
    assertContains(client.get("/", headers=ENGLISH), "Musik mit einem Eigentümer")
    other = Client()
    other.post(reverse("set_language"), {"language": "en", "next": "/"})
    log_in(other, user)
    assertContains(other.get("/"), "Music with one owner")


def test_an_account_from_before_takes_the_language_of_its_next_log_in(client: Client) -> None:
    user = a_user()
    log_in(client, user, **GERMAN)
    user.refresh_from_db()
    assert user.language == "de"


def test_a_code_comes_in_the_language_of_its_reader(client: Client) -> None:
    user = a_user(language="de")
    client.post(reverse("account_request_login_code"), {"email": user.email.upper()}, headers=ENGLISH)
    [message] = mail.outbox
    assert message.subject == "Anmeldecode"
    assert 'lang="de"' in str(message.alternatives[0][0])
