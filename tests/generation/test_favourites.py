"""Favourites: kept by guests too, and theirs still after they sign in."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.services import SESSION_KEY, claim_guest_works
from generation.models import Composition, Favourite
from tests.factories import a_listed_composition, a_maker, a_ready_composition, a_user

pytestmark = pytest.mark.django_db


def press(client: Client, piece: Composition, *, keep: bool = True, **options: object) -> object:
    address = reverse("composition_favourite", args=[piece.pk])
    return client.post(address, {"keep": "1" if keep else "", "next": "/shop/?page=2"}, **options)


def kept(client: Client) -> list[Composition]:
    return list(client.get("/favourites/").context["pieces"])


def test_a_guest_keeps_a_piece_and_drops_it_again() -> None:
    piece, client = a_listed_composition(), Client()
    assert kept(client) == []
    answer = press(client, piece)
    assert (answer.status_code, answer["Location"]) == (302, f"/shop/?page=2#piece-{piece.pk}")
    assert kept(client) == [piece]
    assert 'aria-pressed="true"' in client.get("/shop/").content.decode()
    press(client, piece)
    assert Favourite.objects.count() == 1
    press(client, piece, keep=False)
    assert kept(client) == []
    assert kept(Client()) == []


def test_a_heart_of_the_landing_page_keeps_its_piece(client: Client) -> None:
    pieces = [a_listed_composition() for _ in range(3)]
    press(client, pieces[1])
    page = client.get("/").content.decode()
    for piece in pieces:
        # Where the way back leads to, too.
        assert page.count(f'id="piece-{piece.pk}"') == 1
        assert page.count(f'action="{reverse("composition_favourite", args=[piece.pk])}"') == 1
    assert page.count('aria-pressed="true"') == 1


def test_what_a_guest_kept_is_theirs_after_signing_in() -> None:
    piece, guest, user = a_listed_composition(), Client(), a_user()
    press(guest, piece)
    assert claim_guest_works(user=user, maker_id=guest.session[SESSION_KEY])
    a_maker(user=user)
    signed_in = Client()
    signed_in.force_login(user)
    assert kept(signed_in) == [piece]
    press(signed_in, piece, keep=False)
    assert kept(signed_in) == []


def test_a_kept_piece_that_is_gone_is_still_shown_one_that_was_hidden_is_not() -> None:
    sold, hidden, client = a_listed_composition(), a_listed_composition(), Client()
    for piece in (sold, hidden):
        press(client, piece)
    Composition.objects.filter(pk=sold.pk).update(sale_state="sold")
    Composition.objects.filter(pk=hidden.pk).update(is_private=True)
    assert kept(client) == [sold]


def test_a_script_is_answered_in_json_and_nobody_is_led_elsewhere() -> None:
    piece, client = a_listed_composition(), Client()
    assert press(client, piece, headers={"accept": "application/json"}).json() == {"kept": True}
    address = reverse("composition_favourite", args=[piece.pk])
    answer = client.post(address, {"keep": "1", "next": "https://example.com/"})
    assert answer["Location"].startswith(f"/compositions/{piece.pk}/")


def test_a_piece_that_may_not_be_seen_cannot_be_kept() -> None:
    assert press(Client(), a_ready_composition()).status_code == 404
    assert Client(enforce_csrf_checks=True).post("/favourites/").status_code in {403, 405}
    assert Favourite.objects.count() == 0
