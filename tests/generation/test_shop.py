"""The open shop: what is in it, and how it is browsed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from generation.models import Composition
from tests.factories import a_listed_composition, a_queued_composition, a_ready_composition, an_instrument

pytestmark = pytest.mark.django_db


def shown(client: Client, **query: str) -> list[Composition]:
    return list(client.get("/shop/", query).context["page"])


def test_the_shop_shows_listed_pieces_on_hold_and_sold_ones_included_and_nothing_else(client: Client) -> None:
    listed = {a_listed_composition(sale_state=state) for state in ("available", "on_hold", "sold")}
    a_listed_composition(sale_state="retired")
    a_listed_composition(is_private=True)
    a_ready_composition()
    a_queued_composition(listed_from=timezone.now() - timedelta(days=1))
    assert set(shown(client)) == listed


def test_the_shop_is_narrowed_by_instrument_mood_and_mode(client: Client) -> None:
    calm = a_listed_composition(mood="calm", mode="major")
    tense = a_listed_composition(mood="tense", mode="minor")
    guitar = a_listed_composition(mood="calm", mode="minor", instrument=an_instrument("guitar"))
    assert shown(client, instrument="guitar") == [guitar]
    assert set(shown(client, mood="calm")) == {calm, guitar}
    assert shown(client, mood="calm", mode="minor") == [guitar]
    assert set(shown(client, mode="minor")) == {tense, guitar}


def test_a_filter_that_means_nothing_is_ignored(client: Client) -> None:
    piece = a_listed_composition()
    assert shown(client, instrument="theremin", mood="'", sort="random", page="99999") == [piece]
    assert shown(client, page="abc") == [piece]


def test_the_shop_is_sorted_as_asked(client: Client) -> None:
    now = timezone.now()
    old = a_listed_composition(seconds=90.0, price_minor=100, listed_from=now - timedelta(days=3))
    new = a_listed_composition(seconds=10.0, price_minor=900, listed_from=now - timedelta(days=1))
    assert shown(client) == [new, old]
    assert shown(client, sort="price") == [old, new]
    assert shown(client, sort="shortest") == [new, old]
    assert shown(client, sort="longest") == [old, new]


def test_twelve_pieces_make_a_page(client: Client) -> None:
    for _ in range(13):
        a_listed_composition()
    assert len(shown(client)) == 12
    assert len(shown(client, page="2")) == 1


def test_a_page_of_the_shop_asks_the_database_a_fixed_number_of_times(
    client: Client, django_assert_max_num_queries: object
) -> None:
    for _ in range(12):
        a_listed_composition()
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        client.get("/shop/")
