"""The open shop in the API."""

from __future__ import annotations

import uuid

import pytest
from django.core.cache import cache

from tests.api.partners import API, Partner
from tests.factories import a_listed_composition, a_ready_composition, an_instrument

pytestmark = pytest.mark.django_db

OFFERS = f"{API}offers/"


@pytest.fixture(autouse=True)
def _no_counts(db: None) -> None:
    cache.clear()


def ids(answer: object) -> list[str]:
    return [item["id"] for item in answer.json()["results"]]  # type: ignore[attr-defined]


def test_offers_are_narrowed_and_sorted_like_the_page() -> None:
    partner = Partner()
    slow = a_listed_composition(bpm=50.0, mood="calm")
    fast = a_listed_composition(bpm=170.0, instrument=an_instrument("guitar"))
    sold = a_listed_composition(sale_state="sold")
    a_ready_composition()
    get = partner.http.get
    assert ids(get(OFFERS)) == [str(fast.pk), str(slow.pk)]
    assert ids(get(OFFERS, {"sort": "slowest"})) == [str(slow.pk), str(fast.pk)]
    assert ids(get(OFFERS, {"instrument": "guitar"})) == ids(get(OFFERS, {"tempo": "fast"})) == [str(fast.pk)]
    assert ids(get(OFFERS, {"mood": "calm", "q": "piano"})) == [str(slow.pk)]
    assert ids(get(OFFERS, {"state": "sold"})) == [str(sold.pk)]


@pytest.mark.parametrize(
    ("name", "value"), [("mood", "furious"), ("instrument", "theremin"), ("sort", "x"), ("tempo", "9")]
)
def test_a_filter_that_means_nothing_is_refused(name: str, value: str) -> None:
    answer = Partner().http.get(OFFERS, {name: value})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [name])


@pytest.mark.parametrize("sort", ["newest", "shortest", "longest", "slowest", "fastest", "best", "price"])
def test_cursor_pages_show_each_piece_once(sort: str) -> None:
    partner = Partner()
    pieces = {str(a_listed_composition(seconds=20.0 + n % 3, bpm=90.0 + n % 2).pk) for n in range(7)}
    page, found = partner.http.get(OFFERS, {"sort": sort, "page_size": 3}), []
    while True:
        found += ids(page)
        if not page.json()["next"]:
            break
        page = partner.http.get(page.json()["next"])
    assert len(found) == 7
    assert set(found) == pieces


def test_an_offer_keeps_its_makers_secrets_and_says_what_may_be_done() -> None:
    partner = Partner()
    piece = a_listed_composition(preview=b"sound")
    body = partner.http.get(f"{OFFERS}{piece.pk}/").json()
    assert not {"seed", "ordered_seconds", "wished_mode", "maker", "fingerprint"} & set(body)
    assert body["free"] is True
    assert body["rights"]["permissions"] == ["preview"]
    assert (body["rights"]["held_by"], body["rights"]["terms_version"]) == (None, "2026-11")
    assert body["rights"]["terms_url"].endswith("/terms/2026-11/")
    assert partner.http.get(f"{OFFERS}{piece.pk}/originality/").json()["longest_run_corpus"] == 8
    roll = partner.http.get(f"{OFFERS}{piece.pk}/roll/").json()
    assert (roll["rectangles"], roll["seconds_per_column"]) == ([[0, 20, 2]], 0.333333)


def test_the_nearest_free_pieces_are_offered_to_whoever_came_too_late() -> None:
    gone, near = a_listed_composition(sale_state="sold"), a_listed_composition()
    answer = Partner().http.get(f"{OFFERS}{gone.pk}/similar/").json()
    assert [item["id"] for item in answer] == [str(near.pk)]


@pytest.mark.parametrize("rest", ["", "similar/", "originality/", "roll/"])
def test_what_is_not_in_the_shop_is_a_404(rest: str) -> None:
    partner = Partner()
    for key in (a_ready_composition().pk, uuid.uuid4()):
        assert partner.http.get(f"{OFFERS}{key}/{rest}").status_code == 404
