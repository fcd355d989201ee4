"""The open shop: what is in it, how it is looked through, and how it stays true while it is open."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from generation.models import Composition
from generation.shop import COUNTED_UP_TO
from tests.factories import (
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_user,
    an_instrument,
)

pytestmark = pytest.mark.django_db


def shown(client: Client, **query: str) -> list[Composition]:
    return list(client.get("/shop/", query).context["page"])


def said(client: Client, **query: str) -> list[str]:
    answer = client.get("/shop/", query)
    assert answer.status_code == 200
    return list(answer.context["problems"])


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


# What is in it


def test_the_shop_shows_what_can_be_bought_and_by_a_filter_what_is_gone() -> None:
    pieces = {
        state: a_listed_composition(sale_state=state) for state in ("available", "on_hold", "sold", "retired")
    }
    a_listed_composition(is_private=True)
    a_listed_composition(sale_state="retired", retired_because="deleted")
    a_ready_composition()
    a_queued_composition(listed_from=timezone.now() - timedelta(days=1))
    client = Client()
    assert set(shown(client)) == {pieces["available"], pieces["on_hold"]}
    for state, piece in pieces.items():
        assert shown(client, state=state) == [piece]
    assert set(shown(client, state="all")) == set(pieces.values())


def test_the_shop_is_narrowed_by_instrument_mood_mode_and_key(client: Client) -> None:
    calm = a_listed_composition(mood="calm", mode="major", tonic="E-")
    tense = a_listed_composition(mood="tense", mode="minor", tonic="A")
    guitar = a_listed_composition(mood="calm", mode="minor", tonic="A", instrument=an_instrument("guitar"))
    assert shown(client, instrument="guitar") == [guitar]
    assert set(shown(client, mood="calm")) == {calm, guitar}
    assert shown(client, mood="calm", mode="minor") == [guitar]
    assert set(shown(client, tonic="A")) == {tense, guitar}
    assert shown(client, tonic="E-") == [calm]


def test_tempo_and_length_are_chosen_in_plain_words(client: Client) -> None:
    slow = a_listed_composition(bpm=60.0, seconds=6.0)
    fast = a_listed_composition(bpm=156.0, seconds=30.2)
    assert shown(client, tempo="slow") == [slow]
    assert shown(client, tempo="very-slow") == []
    assert shown(client, tempo="fast") == [fast]
    assert shown(client, length="10") == [slow]
    assert shown(client, length="45") == [fast]


@pytest.mark.parametrize(
    "words",
    [
        "guitar", "CLASS", "calm", "calm guitar in E flat minor", "eb", "E♭ minor", "minor", "river", "slow river",
        "a slow one",
    ],
)  # fmt: skip
def test_a_search_understands_titles_instruments_moods_and_keys(client: Client, words: str) -> None:
    guitar = an_instrument("guitar", name="Classical guitar")
    wanted = a_listed_composition(
        title="River in one", instrument=guitar, mood="calm", tonic="E-", mode="minor", bpm=70.0
    )
    a_listed_composition(title="Storm", mood="tense", tonic="D", mode="major", bpm=140.0)
    assert shown(client, q=words) == [wanted]


@pytest.mark.parametrize(
    "words",
    [
        "Gitarre", "konzertgitarre", "ruhig", "Moll", "h-Moll", "H moll", "H", "ruhige gitarre in h-moll", "B minor",
        "calm", "classical guitar", "B", "Konzertgitarre in H-Moll, Nr.",
    ],
)  # fmt: skip
def test_a_german_finds_in_german_and_in_english(words: str) -> None:
    client = Client(headers={"Accept-Language": "de"})
    guitar = an_instrument("guitar", name="Classical guitar")
    wanted = a_listed_composition(
        title="Classical guitar in B minor", instrument=guitar, mood="calm", tonic="B", mode="minor"
    )
    a_listed_composition(title="Storm", mood="tense", tonic="E-", mode="major")
    assert shown(client, q=words) == [wanted]


def test_a_b_is_a_b_flat_to_a_german_unless_the_mode_is_english() -> None:
    flat = a_listed_composition(title="One", tonic="B-", mode="minor")
    natural = a_listed_composition(title="Other", tonic="B", mode="minor")
    german = Client(headers={"Accept-Language": "de"})
    assert shown(german, q="b-Moll") == [flat]
    assert shown(german, q="B minor") == [natural]
    assert set(shown(german, q="B")) == {flat, natural}
    assert shown(german, q="Ais moll") == [flat]
    assert shown(Client(), q="B") == [natural]
    assert shown(Client(), q="a b flat minor one") == [flat]


@pytest.mark.parametrize("words", ["%", "_", "nothing like it", "storm guitar", "d minor"])
def test_a_search_takes_every_word_and_takes_it_literally(client: Client, words: str) -> None:
    a_listed_composition(title="Storm", mood="tense", tonic="D", mode="major")
    assert shown(client, q=words) == []


def test_the_shop_is_sorted_as_asked(client: Client) -> None:
    def piece(*, days: int, seconds: float, bpm: float, price: int, mean: float) -> Composition:
        listed = timezone.now() - timedelta(days=days)
        return a_listed_composition(
            listed_from=listed, seconds=seconds, bpm=bpm, price_minor=price, stars_mean=mean, stars_count=3
        )

    old = piece(days=3, seconds=90.0, bpm=60.0, price=100, mean=4.5)
    new = piece(days=1, seconds=10.0, bpm=90.0, price=900, mean=4.0)
    for sort, order in {
        "newest": [new, old], "price": [old, new], "shortest": [new, old], "longest": [old, new],
        "slowest": [old, new], "fastest": [new, old], "best": [old, new], "": [new, old],
    }.items():  # fmt: skip
        assert shown(client, sort=sort) == order, sort


# What is asked wrongly


def test_a_value_that_means_nothing_is_named_with_the_remedy_and_left_out(client: Client) -> None:
    piece = a_listed_composition()
    query = {"instrument": "theremin", "mood": "'"}
    assert shown(client, **query) == [piece]
    assert said(client, **query) == [
        "“theremin” is nothing we know for “Instrument”, so it was left out. Choose one from the list.",
        "“'” is nothing we know for “Mood”, so it was left out. Choose one from the list.",
    ]
    assert said(client, sort="random", tempo="quick") == [
        "“random” is nothing we know for “Sort”, so it was left out. Choose one from the list.",
        "“quick” is nothing we know for “Tempo”, so it was left out. Choose one from the list.",
    ]
    assert said(client) == []


@pytest.mark.parametrize("value", ["\x00", "²", "9" * 5000, "<b>", "\u202e", " ", "-1", "0", "1e9", "'; --"])
@pytest.mark.parametrize(
    "field", ["q", "sort", "instrument", "mood", "tempo", "length", "tonic", "mode", "state", "page"]
)
def test_nothing_that_is_typed_breaks_the_shop(client: Client, field: str, value: str) -> None:
    a_listed_composition()
    answer = client.get("/shop/", {field: value})
    assert answer.status_code == 200
    assert "<b>" not in "".join(str(problem) for problem in answer.context["problems"]) or value == "<b>"
    assert b"\xe2\x80\x9c<b>" not in answer.content


def test_a_page_that_does_not_exist_is_said_and_the_nearest_shown(client: Client) -> None:
    piece = a_listed_composition()
    assert shown(client, page="99999") == [piece]
    assert said(client, page="99999") == ["There is no page 99999. This is page 1."]
    assert said(client, page="abc") == ["There is no page “abc”. This is the first one."]


def test_what_is_empty_says_what_to_do(client: Client) -> None:
    an_instrument("guitar")
    assert "The shop is empty" in client.get("/shop/").content.decode()
    page = client.get("/shop/", {"instrument": "guitar", "mood": "calm", "tempo": "fast"}).content.decode()
    assert "Nothing here fits" in page
    assert 'href="/compose/?instrument=guitar&amp;mood=calm"' in page
    assert 'href="/shop/?mood=calm&amp;tempo=fast"' in page


# How it holds


def test_twelve_pieces_make_a_page(client: Client) -> None:
    for _ in range(13):
        a_listed_composition()
    assert len(shown(client)) == 12
    assert len(shown(client, page="2")) == 1


def many(count: int) -> None:
    """Put pieces into the shop that are all alike."""
    instrument = an_instrument("guitar")
    maker, like = a_maker(), a_listed_composition(instrument=instrument)
    values = {
        field.attname: getattr(like, field.attname)
        for field in Composition._meta.concrete_fields
        if field.attname not in {"id", "fingerprint", "created_at", "maker_id", "title_sought"}
    }
    Composition.objects.bulk_create(
        [Composition(**values, maker=maker, fingerprint=f"{count}-{number}") for number in range(count)],
        batch_size=500,
    )


def test_a_page_costs_as_many_queries_with_ten_thousand_pieces_as_with_ten() -> None:
    person = a_user()
    a_maker(user=person)
    clients = [Client(), Client()]
    clients[1].force_login(person)
    addresses = ["/shop/", "/shop/?instrument=guitar&sort=longest&q=piece", "/shop/states/", "/favourites/"]
    many(9)
    for client in clients:
        client.get("/shop/")  # a session is met for the first time only once
    few = [queries(client, address) for client in clients for address in addresses]
    many(COUNTED_UP_TO)
    assert [queries(client, address) for client in clients for address in addresses] == few
    assert max(few) <= 12
    page = Client().get("/shop/", {"page": "500"})
    assert (page.context["page"].number, len(list(page.context["page"]))) == (500, 12)
    assert "More than 10,000 pieces" in page.content.decode()


# How it stays true


def states(client: Client, *pieces: Composition) -> dict[str, str]:
    answer = client.get("/shop/states/", {"ids": ",".join(str(piece.pk) for piece in pieces)})
    return {key: value["state"] for key, value in answer.json()["states"].items()}


def test_an_open_page_asks_for_its_states_and_hears_nothing_where_nothing_changed(client: Client) -> None:
    until = datetime.fromisoformat("2026-11-27T21:15:00+00:00")
    free, held = a_listed_composition(), a_listed_composition(sale_state="on_hold", held_until=until)
    address = f"/shop/states/?ids={free.pk},{held.pk}"
    first = client.get(address)
    told = first.json()["states"]
    assert (told[str(free.pk)]["state"], told[str(held.pk)]["state"]) == ("available", "on_hold")
    assert "On hold until 21:15 UTC" in told[str(held.pk)]["badge"]
    tag = {"HTTP_IF_NONE_MATCH": first["ETag"]}
    assert client.get(address, **tag).status_code == 304
    Composition.objects.filter(pk=free.pk).update(sale_state="sold")
    again = client.get(address, **tag)
    assert (again.status_code, again.json()["states"][str(free.pk)]["state"]) == (200, "sold")


def test_states_are_asked_by_one_query_and_tell_nothing_of_what_is_not_shown(client: Client) -> None:
    unlisted, private = a_ready_composition(), a_listed_composition(is_private=True)
    sold = a_listed_composition(sale_state="sold", is_private=True)
    assert states(client, unlisted, private, sold) == {str(sold.pk): "sold"}
    assert queries(client, f"/shop/states/?ids={sold.pk}") == 1
    for ids in ("", "abc,'", "," * 1000, "\x00", str(sold.pk) * 3):
        assert client.get("/shop/states/", {"ids": ids}).json() == {"states": {}}


def test_a_card_carries_what_the_page_needs_to_stay_true(client: Client) -> None:
    piece = a_listed_composition()
    page = client.get("/shop/").content.decode()
    assert f'data-live="{reverse("shop_states")}"' in page
    assert f'data-piece="{piece.pk}" data-state="available"' in page
