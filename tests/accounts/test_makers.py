"""Guests, accounts and partners: whose a piece is."""

from __future__ import annotations

import re
import uuid

import pytest
from django.core import mail
from django.test import Client

from accounts import services
from accounts.models import Maker, User
from accounts.services import SESSION_KEY, claim_guest_works, maker_of_client
from generation.models import Composition
from tests.factories import PASSWORD, a_maker, a_queued_composition, a_user, an_instrument

pytestmark = pytest.mark.django_db


def log_in(client: Client, user: User) -> None:
    answer = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.context["form"].errors


def test_a_guests_pieces_are_the_users_after_log_in() -> None:
    an_instrument()
    client, user = Client(), a_user()
    client.post("/compose/", {"instrument": "piano"})
    guest = Composition.objects.get(variant=0).maker
    assert guest.user is None
    log_in(client, user)
    guest.refresh_from_db()
    assert guest.user == user
    assert SESSION_KEY not in client.session
    elsewhere = Client()
    log_in(elsewhere, user)
    assert elsewhere.get(f"/compositions/{Composition.objects.get(variant=0).pk}/").status_code == 200


def test_a_guests_pieces_are_the_users_after_registering_with_the_mailed_code(settings: object) -> None:
    an_instrument()
    client = Client()
    client.post("/compose/", {"instrument": "piano"})
    answer = client.post("/accounts/signup/", {"email": "new@example.com", "password1": PASSWORD})
    assert answer.status_code == 302
    assert Composition.objects.get(variant=0).maker.user is None, "an unverified address claims nothing"
    code = re.search(r"^\s*([A-Z0-9]{3,}-?[A-Z0-9]{3,})\s*$", mail.outbox[-1].body, re.MULTILINE)
    assert code, mail.outbox[-1].body
    client.post(answer["Location"], {"code": code.group(1)})
    assert Composition.objects.get(variant=0).maker.user == User.objects.get(email="new@example.com")


def test_after_logging_out_the_browser_speaks_for_nobody() -> None:
    an_instrument()
    client, user = Client(), a_user()
    client.post("/compose/", {"instrument": "piano"})
    log_in(client, user)
    client.post("/accounts/logout/")
    assert client.get(f"/compositions/{Composition.objects.get(variant=0).pk}/").status_code == 404


def test_the_next_person_at_the_same_browser_gets_nothing_of_the_first() -> None:
    an_instrument()
    client, first, second = Client(), a_user(), a_user()
    client.post("/compose/", {"instrument": "piano"})
    log_in(client, first)
    client.post("/accounts/logout/")
    log_in(client, second)
    assert Composition.objects.get(variant=0).maker.user == first


def test_works_are_claimed_once_and_never_from_a_user_or_a_partner() -> None:
    first, second = a_user(), a_user()
    guest, partner = a_maker(), a_maker(client_id="partner")
    assert claim_guest_works(user=first, maker_id=guest.pk)
    assert not claim_guest_works(user=second, maker_id=guest.pk)
    assert not claim_guest_works(user=second, maker_id=partner.pk)
    assert not claim_guest_works(user=second, maker_id=uuid.uuid4())
    guest.refresh_from_db()
    partner.refresh_from_db()
    assert (guest.user, partner.user) == (first, None)


@pytest.mark.parametrize("kind", ["user", "partner", "garbage", "number"])
def test_a_session_speaks_only_for_an_unclaimed_guest(kind: str) -> None:
    maker = {"user": a_maker(user=a_user()), "partner": a_maker(client_id="x")}.get(kind)
    client = Client()
    session = client.session
    session[SESSION_KEY] = str(maker.pk) if maker else {"garbage": "nonsense", "number": 5}[kind]
    session.save()
    piece = a_queued_composition(maker=maker or a_maker())
    assert client.get(f"/compositions/{piece.pk}/").status_code == 404


def test_a_user_composes_as_one_maker(client: Client) -> None:
    an_instrument()
    user = a_user()
    client.force_login(user)
    for _ in range(2):
        client.post("/compose/", {"instrument": "piano"})
    assert Maker.objects.get(user=user).compositions.filter(variant=0).count() == 2


def test_a_partners_client_has_one_maker() -> None:
    assert maker_of_client("acme") == maker_of_client("acme")
    with pytest.raises(ValueError, match="empty"):
        maker_of_client("")


def test_a_partner_cannot_be_created_over_the_house() -> None:
    client_id, secret = services.create_partner(name="house")
    assert client_id != services.HOUSE_CLIENT
    assert len(secret) >= 40
