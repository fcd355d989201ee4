"""What listeners say about pieces: from 1, discordant, to 5, melodious."""

from __future__ import annotations

import re

import pytest
from django.contrib.messages import get_messages
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from accounts.models import Maker
from accounts.services import SESSION_KEY
from generation import services
from generation.errors import InvalidRating, NotAllowed
from generation.models import ComposerModel, Composition, Rating
from generation.selectors import ratings_by_model
from tests.factories import (
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_staff_user,
    a_user,
    an_instrument,
)

pytestmark = pytest.mark.django_db


def guest(maker: Maker) -> Client:
    client = Client()
    session = client.session
    session[SESSION_KEY] = str(maker.pk)
    session.save()
    return client


def address(piece: Composition) -> str:
    return reverse("composition_rating", args=[piece.pk])


def page(client: Client, piece: Composition) -> str:
    return client.get(reverse("composition", args=[piece.pk])).content.decode()


def kept() -> list[tuple[object, object, int]]:
    return list(Rating.objects.order_by("pk").values_list("composition", "maker", "stars"))


def test_a_guest_rates_a_listed_piece_and_finds_the_rating_on_the_page() -> None:
    piece, maker = a_listed_composition(), a_maker()
    client = guest(maker)
    assert "Rate this piece" in page(client, piece)
    answer = client.post(address(piece), {"stars": "4"})
    assert (answer.status_code, answer["Location"]) == (302, reverse("composition", args=[piece.pk]))
    assert kept() == [(piece.pk, maker.pk, 4)]
    shown = page(client, piece)
    assert 'value="4" id="id_stars_3" checked' in shown
    assert "Change your rating" in shown
    assert not re.search(r'id="id_stars_\d" checked', page(Client(), piece))


def test_the_five_choices_go_from_discordant_to_melodious() -> None:
    shown = page(Client(), a_listed_composition())
    assert "<b>1</b> discordant<" in shown
    assert "<b>5</b> melodious<" in shown
    assert shown.count('name="stars"') == 5


def test_a_first_visit_that_rates_makes_a_listener() -> None:
    piece = a_listed_composition()
    Client().post(address(piece), {"stars": "5"})
    assert [row[2] for row in kept()] == [5]
    assert kept()[0][1] != piece.maker_id


def test_rating_twice_replaces_the_first() -> None:
    piece, client = a_listed_composition(), guest(a_maker())
    client.post(address(piece), {"stars": "1"})
    before = Rating.objects.get()
    client.post(address(piece), {"stars": "5"})
    after = Rating.objects.get()
    assert (before.pk, before.stars, after.pk, after.stars) == (after.pk, 1, before.pk, 5)
    assert after.rated_at > before.rated_at


def test_a_listener_with_two_makers_has_one_voice() -> None:
    user = a_user()
    piece = a_listed_composition()
    client = Client()
    client.force_login(user)
    first = a_maker(user=user)
    client.post(address(piece), {"stars": "2"})
    a_maker(user=user)
    client.post(address(piece), {"stars": "3"})
    assert kept() == [(piece.pk, first.pk, 3)]


def test_a_rating_replaces_the_earlier_one_of_the_same_listener() -> None:
    piece, maker = a_listed_composition(), a_maker()
    services.rate_composition(composition=piece, maker=maker, stars=3)
    services.rate_composition(composition=piece, maker=maker, stars=4)
    assert kept() == [(piece.pk, maker.pk, 4)]


def test_the_mean_counts_from_the_third_listener_on_and_follows_every_rating() -> None:
    piece, other = a_listed_composition(), a_listed_composition()
    makers = [a_maker() for _ in range(3)]

    def stars() -> tuple[int, float]:
        piece.refresh_from_db()
        return piece.stars_count, piece.stars_mean

    services.rate_composition(composition=other, maker=makers[0], stars=1)
    seen = []
    for maker, given in zip(makers, (5, 4, 4), strict=True):
        services.rate_composition(composition=piece, maker=maker, stars=given)
        seen.append(stars())
    assert seen == [(1, 0.0), (2, 0.0), (3, pytest.approx(13 / 3))]
    services.rate_composition(composition=piece, maker=makers[0], stars=1)
    assert stars() == (3, 3.0)


@pytest.mark.parametrize("stars", ["0", "6", "-1", "3.5", "five", "", "²", "9" * 5000, "\x00", None])
def test_anything_but_one_to_five_is_refused_with_one_line_and_not_kept(stars: str | None) -> None:
    piece = a_listed_composition()
    answer = guest(a_maker()).post(address(piece), {} if stars is None else {"stars": stars})
    assert answer.status_code == 302
    said = [str(message) for message in get_messages(answer.wsgi_request)]
    assert said == ["Choose a rating from 1 (discordant) to 5 (melodious)."]
    assert kept() == []


@pytest.mark.parametrize("stars", [0, 6, -3])
def test_the_service_and_the_database_refuse_as_well(stars: int) -> None:
    piece, maker = a_listed_composition(), a_maker()
    with pytest.raises(InvalidRating):
        services.rate_composition(composition=piece, maker=maker, stars=stars)
    with pytest.raises(IntegrityError):
        Rating.objects.create(composition=piece, maker=maker, stars=stars)


def test_somebody_who_may_not_listen_cannot_rate() -> None:
    owner = a_maker()
    unlisted = a_ready_composition(maker=owner)
    sold = a_listed_composition(sale_state="sold")
    waiting = a_queued_composition(maker=owner)
    for client, piece in ((guest(a_maker()), unlisted), (Client(), sold), (guest(owner), waiting)):
        assert client.post(address(piece), {"stars": "5"}).status_code == 404
    assert 'name="stars"' not in page(Client(), sold)
    with pytest.raises(NotAllowed):
        services.rate_composition(composition=unlisted, maker=a_maker(), stars=5)
    assert kept() == []


def test_the_maker_rates_an_unlisted_piece_of_their_own() -> None:
    user = a_user()
    older = a_maker(user=user)
    piece = a_ready_composition(maker=older)
    a_maker(user=user)
    client = Client()
    client.force_login(user)
    assert client.post(address(piece), {"stars": "5"}).status_code == 302
    assert kept() == [(piece.pk, older.pk, 5)]


def test_nothing_is_rated_by_a_get_or_without_the_token() -> None:
    piece = a_listed_composition()
    assert Client().get(address(piece)).status_code == 405
    assert Client(enforce_csrf_checks=True).post(address(piece), {"stars": "5"}).status_code == 403
    assert kept() == []


def test_ratings_are_counted_by_model_version() -> None:
    assert ratings_by_model() == {}
    piano = an_instrument()
    old = ComposerModel.objects.create(
        instrument=piano, version="test-0", weights_sha256="0" * 64, ledger_sha256="b" * 64
    )
    pieces = [a_listed_composition(), a_listed_composition(), a_listed_composition(model=old)]
    for piece, stars in zip([*pieces, pieces[0]], (5, 5, 1, 3), strict=True):
        services.rate_composition(composition=piece, maker=a_maker(), stars=stars)
    assert ratings_by_model() == {"test-0": (1, 0, 0, 0, 0), "test-1": (0, 0, 1, 0, 2)}


def test_the_staff_reads_ratings_and_changes_none() -> None:
    client = Client()
    client.force_login(a_staff_user())
    piece = a_listed_composition()
    services.rate_composition(composition=piece, maker=a_maker(), stars=2)
    listed = client.get("/admin/generation/rating/").content.decode()
    assert piece.title in listed
    assert "piano test-1" in listed
    assert client.get("/admin/generation/rating/add/").status_code == 403
    rating = Rating.objects.get()
    assert 'name="_save"' not in client.get(f"/admin/generation/rating/{rating.pk}/change/").content.decode()
