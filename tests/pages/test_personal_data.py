"""What a person may take along: everything about them, and nothing about anybody else."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from generation.models import Rating
from tests.factories import PASSWORD, a_maker, a_ready_composition, a_user
from tests.licensing.factories import a_right

pytestmark = pytest.mark.django_db


def sign_in(client: Client, user: User) -> None:
    """Sign in, and prove it again as the page asks."""
    client.force_login(user)
    client.get(reverse("personal_data"))
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": reverse("personal_data")})


def test_a_person_gets_what_is_kept_about_them_and_nothing_of_others(client: Client) -> None:
    user, other = a_user(name="Ada"), a_user()
    mine = a_ready_composition(maker=a_maker(user=user), title="Mine")
    theirs = a_ready_composition(maker=a_maker(user=other), title="Theirs")
    Rating.objects.create(composition=mine, maker=mine.maker, stars=4)
    Rating.objects.create(composition=theirs, maker=theirs.maker, stars=1)
    right = a_right(holder=user, licensee="Ada Lovelace")
    a_right(holder=other, licensee="Somebody Else")
    sign_in(client, user)
    answer = client.get(reverse("personal_data"))
    data = answer.json()
    assert data["account"]["email"] == user.email
    assert [piece["title"] for piece in data["compositions"]] == ["Mine"]
    assert [rating["stars"] for rating in data["ratings"]] == [4]
    assert [one["copyright_id"] for one in data["certificates"]] == [right.certificate.pk]
    assert len(data["sessions"]) == 1
    text = answer.content.decode()
    assert other.email not in text
    assert "Somebody Else" not in text
    assert user.password not in text
    assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))


def test_nobody_else_gets_it(client: Client) -> None:
    answer = client.get(reverse("personal_data"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


def test_a_session_that_was_left_open_has_to_prove_itself(client: Client) -> None:
    client.force_login(a_user())
    answer = client.get(reverse("personal_data"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
