"""The API for partners: tokens, orders, polling, refusals."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from allauth.idp.oidc.models import Client as PartnerClient
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.services import PARTNER_SCOPES, create_partner
from generation.models import Composition
from tests.api.partners import COMPOSITIONS, Partner, token_of
from tests.factories import (
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_user,
    an_instrument,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _piano_is_offered(db: None) -> None:
    cache.clear()
    an_instrument("piano")


# Who


def test_a_partner_gets_a_token_for_an_hour_with_their_secret() -> None:
    client_id, secret = create_partner(name="Acme")
    answer = token_of(client_id, secret).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert set(answer["scope"].split()) == set(PARTNER_SCOPES)


def test_a_wrong_secret_gets_no_token_and_the_secret_is_kept_hashed() -> None:
    client_id, secret = create_partner(name="Acme")
    assert token_of(client_id, "wrong").status_code == 401
    assert token_of("nobody", secret).status_code == 401
    assert secret not in PartnerClient.objects.get(pk=client_id).secret
    assert not Token.objects.exists()


def test_no_scope_beyond_ours_is_granted() -> None:
    client_id, secret = create_partner(name="Acme")
    answer = token_of(client_id, secret, scope="openid admin")
    assert answer.status_code == 400
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "header", [None, "Bearer ", "Bearer nonsense", "Bearer a.b.c", "Basic YTpi", "Token x"]
)
@pytest.mark.parametrize("path", [COMPOSITIONS, "/api/v1/instruments/"])
def test_without_a_valid_token_the_answer_is_a_401_that_says_how(path: str, header: str | None) -> None:
    answer = Client(headers={"Authorization": header} if header else None).get(path)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 401
    assert answer.json()["code"] in {"not_authenticated", "authentication_failed"}


def test_a_token_in_the_address_is_no_token() -> None:
    assert Client().get(COMPOSITIONS, {"access_token": Partner().token}).status_code == 401


def test_a_token_that_is_over_or_revoked_is_a_401() -> None:
    partner = Partner()
    assert partner.http.get(COMPOSITIONS).status_code == 200
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert partner.http.get(COMPOSITIONS).status_code == 401
    other = Partner()
    PartnerClient.objects.filter(pk=other.client_id).delete()
    assert other.http.get(COMPOSITIONS).status_code == 401


def test_a_token_for_reading_orders_nothing() -> None:
    partner = Partner(scope="compositions:read")
    assert partner.http.get(COMPOSITIONS).status_code == 200
    refused = partner.order()
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert not Composition.objects.exists()


def test_a_person_uses_the_api_by_session_but_not_without_the_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    user = a_user()
    client.force_login(user)
    assert client.get(COMPOSITIONS).json()["results"] == []
    refused = client.post(COMPOSITIONS, {"instrument": "piano"}, content_type="application/json")
    assert refused.status_code == 403
    allowed = Client()
    allowed.force_login(user)
    assert (
        allowed.post(COMPOSITIONS, {"instrument": "piano"}, content_type="application/json").status_code
        == 202
    )
    assert Composition.objects.get().maker.user == user


# Ordering


def test_an_order_is_answered_202_with_where_to_look() -> None:
    partner = Partner()
    answer = partner.order(
        seconds=45,
        mood="calm",
        tonic="Eb",
        mode="minor",
        bpm=80,
        density="sparse",
        register="middle",
        seed=12,
    )
    piece = Composition.objects.get()
    assert answer.status_code == 202
    assert answer["Location"] == f"http://testserver{COMPOSITIONS}{piece.pk}/"
    assert int(answer["Retry-After"]) >= 1
    body = answer.json()
    assert (body["id"], body["state"], body["percent"], body["queue_place"]) == (
        str(piece.pk),
        "queued",
        0,
        1,
    )
    assert body["estimate_seconds"] > 0
    assert body["price"] == {"amount_minor": 4900, "currency": "eur"}
    assert (body["seed"], body["ordered_seconds"], body["wished_tonic"], body["preview_url"]) == (
        12,
        45,
        "E-",
        None,
    )
    assert piece.maker == partner.maker
    assert (piece.wished_bpm, piece.density, piece.register) == (80, "sparse", "middle")
    assert (body["register"], piece.temperature) == ("middle", Decimal("1.00"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instrument", "theremin"), ("instrument", None), ("instrument", 5.5), ("seconds", 0), ("seconds", 10**9),
        ("seconds", "thirty"), ("seconds", 30.5), ("seconds", True), ("seconds", []), ("seed", -1), ("seed", 2**53),
        ("seed", "lucky"), ("mood", "furious"), ("tonic", "H"), ("mode", "dorian"), ("bpm", 1000), ("density", "x"),
        ("register", "deep"), ("temperature", 0.1), ("temperature", "hot"), ("temperature", 0.955), ("lenght", 30),
        ("maker", "x"),
    ],
)  # fmt: skip
def test_a_bad_value_is_a_422_that_names_it_and_nothing_is_ordered(field: str, value: object) -> None:
    answer = Partner().order(**{field: value})
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [field]
    assert not Composition.objects.exists()


@pytest.mark.parametrize("body", ["{", "[]", '"piano"', "null", '{"seconds": NaN}', ""])
def test_a_body_that_is_no_order_is_refused(body: str) -> None:
    answer = Partner().http.post(COMPOSITIONS, body, content_type="application/json")
    assert answer.status_code in {400, 422}
    assert answer.json()["status"] == answer.status_code
    assert Partner().http.post(COMPOSITIONS, "a=b", content_type="text/plain").status_code == 415


def test_too_many_orders_are_a_429_that_says_when_to_come_back(settings: Any) -> None:
    partner = Partner()
    for _ in range(3):
        assert partner.order().status_code == 202
    refused = partner.order()
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_compositions")
    assert int(refused["Retry-After"]) > 0
    settings.COMPOSITIONS_QUEUED_AT_MOST = 3
    full = Partner().order()
    assert (full.status_code, full.json()["code"]) == (503, "queue_full")
    assert Composition.objects.count() == 3


# Polling


def test_polling_follows_a_piece_and_costs_nothing_while_nothing_changes() -> None:
    partner = Partner()
    address = partner.order()["Location"]
    first = partner.http.get(address)
    assert first.status_code == 200
    assert partner.http.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    Composition.objects.update(state="composing", progress=40, notes=99)
    second = partner.http.get(address, headers={"If-None-Match": first["ETag"]})
    assert second.status_code == 200
    assert (second.json()["state"], second.json()["percent"], second.json()["notes"]) == ("composing", 40, 99)


def test_a_ready_pieces_preview_is_heard_by_its_link_alone() -> None:
    partner = Partner()
    piece = a_ready_composition(maker=partner.maker, preview=b"the preview")
    first = partner.http.get(f"{COMPOSITIONS}{piece.pk}/")
    body = first.json()
    heard = Client().get(body["preview_url"])
    assert b"".join(heard.streaming_content) == b"the preview"
    assert body["originality"]["longest_run_corpus"] == 8
    assert (body["model"], body["sale_state"], body["estimate_seconds"]) == ("test-1", "available", None)
    assert body["url"] == f"http://testserver/compositions/{piece.pk}/"
    assert not {"master_sha256", "roll", "peaks", "fingerprint", "claim", "maker"} & set(body)
    time.sleep(1.1)
    assert (
        partner.http.get(f"{COMPOSITIONS}{piece.pk}/", headers={"If-None-Match": first["ETag"]}).status_code
        == 304
    )


def test_a_failed_piece_says_why() -> None:
    partner = Partner()
    piece = a_queued_composition(maker=partner.maker, state="failed", error="Our disk is full.")
    body = partner.http.get(f"{COMPOSITIONS}{piece.pk}/").json()
    assert (body["state"], body["error"], body["preview_url"]) == ("failed", "Our disk is full.", None)


def test_a_partner_sees_their_own_pieces_only() -> None:
    partner, other = Partner(), Partner()
    mine = a_ready_composition(maker=partner.maker)
    others = [
        a_ready_composition(maker=other.maker),
        a_listed_composition(),
        a_queued_composition(maker=a_maker()),
    ]
    assert [item["id"] for item in partner.http.get(COMPOSITIONS).json()["results"]] == [str(mine.pk)]
    for piece in others:
        answer = partner.http.get(f"{COMPOSITIONS}{piece.pk}/")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_list_is_paged_by_cursor_newest_first() -> None:
    partner = Partner()
    pieces = [a_ready_composition(maker=partner.maker) for _ in range(23)]
    first = partner.http.get(COMPOSITIONS).json()
    a_ready_composition(maker=partner.maker)
    second = partner.http.get(first["next"]).json()
    listed = [item["id"] for item in (*first["results"], *second["results"])]
    assert listed == [str(piece.pk) for piece in reversed(pieces)]
    assert (len(first["results"]), second["next"]) == (20, None)
    assert partner.http.get(COMPOSITIONS, {"cursor": "garbage"}).status_code == 404


def test_a_page_of_the_list_asks_the_database_a_fixed_number_of_times(
    django_assert_max_num_queries: Any,
) -> None:
    partner = Partner()
    for _ in range(20):
        a_ready_composition(maker=partner.maker)
    with django_assert_max_num_queries(12):
        partner.http.get(COMPOSITIONS)


def test_instruments_are_listed_with_their_prices() -> None:
    an_instrument("guitar", price_minor=3900, is_active=True)
    an_instrument("organ", is_active=False)
    listed = Partner().http.get("/api/v1/instruments/").json()
    assert [(item["slug"], item["price"]["amount_minor"]) for item in listed] == [
        ("guitar", 3900),
        ("piano", 4900),
    ]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_a_405_problem(method: str) -> None:
    answer = getattr(Partner().http, method)(COMPOSITIONS, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_a_failure_has_a_code_for_programs_and_a_reason_in_the_language_asked_for() -> None:
    partner = Partner()
    coded = a_queued_composition(maker=partner.maker, state="failed", failure={"code": "disk_full"})
    old = a_queued_composition(maker=partner.maker, state="failed", error="Told long ago.")
    german = partner.http.get(f"{COMPOSITIONS}{coded.pk}/", headers={"Accept-Language": "de"}).json()
    assert german["error_code"] == "disk_full"
    assert german["error"].startswith("Unser Speicher ist voll")
    assert partner.http.get(f"{COMPOSITIONS}{coded.pk}/").json()["error"].startswith("Our disk is full")
    answer = partner.http.get(f"{COMPOSITIONS}{old.pk}/").json()
    assert (answer["error_code"], answer["error"]) == ("", "Told long ago.")


# More from a piece


TWELVE_BARS = {"ordered_seconds": 30, "seconds": 30.0, "bpm": 96.0, "metre": "4/4"}


def more(partner: Partner, piece: Composition, **asked: object) -> Any:
    return partner.http.post(f"{COMPOSITIONS}{piece.pk}/variations/", asked, content_type="application/json")


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({"kind": "variation", "from_bar": 9}, 30),
        ({"kind": "extension", "seconds": 47}, 47),
        ({"kind": "cut", "seconds": 15}, 15),
    ],
)
def test_a_version_of_ones_own_piece_is_answered_as_an_order_with_its_family(
    asked: dict[str, Any], seconds: int
) -> None:
    partner = Partner()
    first = a_ready_composition(maker=partner.maker, mood="calm", **TWELVE_BARS)
    take = a_ready_composition(maker=partner.maker, mood="calm", origin=first, variant=1, **TWELVE_BARS)
    answer = more(partner, take, **asked)
    assert answer.status_code == 202, answer.content
    made = Composition.objects.exclude(parent=None).get()
    assert answer["Location"] == f"http://testserver{COMPOSITIONS}{made.pk}/"
    assert int(answer["Retry-After"]) >= 1
    body = partner.http.get(answer["Location"]).json()
    assert body == answer.json()
    assert (body["kind"], body["from_bar"]) == (asked["kind"], asked.get("from_bar"))
    assert (body["origin"], body["made_from"], body["ordered_seconds"]) == (
        str(first.pk),
        str(take.pk),
        seconds,
    )
    assert (body["state"], body["mood"], made.maker) == ("queued", "calm", partner.maker)
    origin = partner.http.get(f"{COMPOSITIONS}{first.pk}/").json()
    assert (origin["kind"], origin["origin"], origin["made_from"], origin["from_bar"]) == (
        "original",
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "medley"}, "kind"), ({}, "kind"), ({"kind": "variation"}, "from_bar"),
        ({"kind": "variation", "from_bar": 1}, "from_bar"), ({"kind": "variation", "from_bar": 12}, "from_bar"),
        ({"kind": "variation", "from_bar": 5, "seconds": 30}, "seconds"), ({"kind": "extension"}, "seconds"),
        ({"kind": "extension", "seconds": 30}, "seconds"), ({"kind": "cut", "seconds": 30}, "seconds"),
        ({"kind": "cut", "seconds": 4}, "seconds"), ({"kind": "cut", "seconds": 15, "from_bar": 5}, "from_bar"),
        ({"kind": "cut", "seconds": 15, "mood": "sad"}, "mood"),
    ],
)  # fmt: skip
def test_a_version_that_cannot_be_made_is_a_422_that_names_the_field(
    asked: dict[str, Any], field: str
) -> None:
    partner = Partner()
    answer = more(partner, a_ready_composition(maker=partner.maker, **TWELVE_BARS), **asked)
    assert answer.status_code == 422, answer.content
    assert list(answer.json()["errors"]) == [field]
    assert Composition.objects.count() == 1


def test_a_version_is_made_from_what_one_may_hear_and_what_is_free() -> None:
    partner = Partner()
    cut = {"kind": "cut", "seconds": 15}
    assert more(partner, a_listed_composition(**TWELVE_BARS), **cut).status_code == 202
    assert Composition.objects.exclude(parent=None).get().maker == partner.maker
    assert more(partner, a_ready_composition(**TWELVE_BARS), **cut).status_code == 404
    waiting = a_queued_composition(maker=partner.maker)
    for piece in (
        waiting,
        a_ready_composition(maker=partner.maker, sale_state="on_hold", **TWELVE_BARS),
        a_ready_composition(maker=partner.maker, sale_state="sold", **TWELVE_BARS),
        a_ready_composition(maker=partner.maker, sale_state="retired", **TWELVE_BARS),
        a_listed_composition(sale_state="sold", **TWELVE_BARS),
    ):
        refused = more(partner, piece, **cut)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_allowed")
    assert Composition.objects.exclude(parent=None).count() == 1


def test_a_token_for_reading_has_nothing_made_and_limits_count_versions_too() -> None:
    cut = {"kind": "cut", "seconds": 15}
    reader = Partner(scope="compositions:read")
    assert more(reader, a_listed_composition(**TWELVE_BARS), **cut).status_code == 403
    partner = Partner()
    piece = a_listed_composition(**TWELVE_BARS)
    assert [more(partner, piece, **cut).status_code for _ in range(4)] == [202, 202, 202, 429]
