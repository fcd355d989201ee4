"""What every answer of the API promises: quotas said and kept, problems as documents, requests done once."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import models
from accounts.idempotency import forget_old_keys
from accounts.models import IdempotencyKey
from generation import api, services
from generation.audio.drawing import ROLL_ROW_SEMITONES
from generation.models import Composition
from tests.api.partners import API, COMPOSITIONS, Partner
from tests.factories import a_user, an_instrument

pytestmark = pytest.mark.django_db

NOON = "2026-11-27T12:00:10Z"


@pytest.fixture(autouse=True)
def _piano_is_offered(db: None) -> None:
    cache.clear()
    an_instrument("piano")


def is_problem(answer: Any, status: int) -> bool:
    body = answer.json()
    return (
        answer.status_code == body["status"] == status
        and answer["Content-Type"] == "application/problem+json"
        and bool(body["code"] and body["detail"] and body["title"])
    )


# Quotas


def test_every_answer_says_how_many_requests_are_left() -> None:
    partner = Partner()
    with time_machine.travel(NOON, tick=False):
        first, second = partner.http.get(f"{API}account/"), partner.http.get(f"{API}certificates/nonsense/")
        again = partner.http.get(f"{API}account/", headers={"If-None-Match": "x"})
    assert first["RateLimit-Policy"] == '"requests";q=120;w=60'
    assert [answer["RateLimit"] for answer in (first, second, again)] == [
        '"requests";r=119;t=50',
        '"requests";r=118;t=50',
        '"requests";r=117;t=50',
    ]
    refused = Client().get(COMPOSITIONS)
    assert refused.status_code == 401
    assert re.fullmatch(r'"requests";r=119;t=\d+', refused["RateLimit"])


def test_one_request_too_many_is_a_429_until_the_minute_is_over_and_nobody_elses() -> None:
    partner, other = Partner(), Partner()
    models.Partner.objects.filter(client_id=partner.client_id).update(requests_per_minute=2)
    with time_machine.travel(NOON, tick=False) as clock:
        assert [partner.http.get(f"{API}account/").status_code for _ in range(3)] == [200, 200, 429]
        refused = partner.order()
        assert is_problem(refused, 429)
        assert (refused["Retry-After"], refused["RateLimit"]) == ("50", '"requests";r=0;t=50')
        assert not Composition.objects.exists()
        assert other.http.get(f"{API}account/").status_code == 200
        clock.shift(50)
        assert partner.http.get(f"{API}account/").status_code == 200


def test_the_day_of_compositions_is_the_partners_own() -> None:
    partner = Partner()
    models.Partner.objects.filter(client_id=partner.client_id).update(compositions_per_day=1)
    assert partner.order().status_code == 202
    Composition.objects.update(state="cancelled")
    refused = partner.order()
    assert is_problem(refused, 429)
    assert int(refused["Retry-After"]) > 3600
    usage = partner.http.get(f"{API}usage/").json()
    assert usage["compositions_in_24_hours"] == {"used": 1, "limit": 1}
    assert (usage["requests_this_minute"]["limit"], usage["unpaid_invoices"]) == (120, None)


# Problems


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head"])
@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v2/compositions/", "/api/v1/nothing"])
def test_an_unknown_address_is_a_problem_document_too(path: str, method: str) -> None:
    answer = getattr(Partner().http, method)(path)
    if method == "head":
        assert answer.status_code == 404
    else:
        assert is_problem(answer, 404)


def test_refused_types_methods_and_bodies_are_problems() -> None:
    http = Partner().http
    assert is_problem(http.get(COMPOSITIONS, headers={"Accept": "text/html"}), 406)
    assert is_problem(http.post(COMPOSITIONS, "a=b", content_type="text/plain"), 415)
    assert is_problem(http.post(COMPOSITIONS, "{", content_type="application/json"), 400)
    refused = http.delete(COMPOSITIONS)
    assert is_problem(refused, 405)
    assert "POST" in refused["Allow"]
    assert is_problem(http.options(COMPOSITIONS), 405)
    assert is_problem(Client(HTTP_HOST="evil.example").get(COMPOSITIONS), 400)


def test_a_fault_of_ours_is_a_problem_that_tells_nothing_of_the_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(**_order: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(services, "request_composition", broken)
    partner = Partner()
    partner.http.raise_request_exception = False
    answer = partner.order(key="once")
    assert is_problem(answer, 500)
    assert b"secret" not in answer.content
    monkeypatch.undo()
    assert partner.order(key="once").status_code == 202


def test_problems_are_told_in_the_readers_language() -> None:
    answer = Partner().http.get(f"{API}nothing/", headers={"Accept-Language": "de"})
    assert (answer.json()["code"], answer.json()["detail"]) == (
        "not_found",
        "Unter dieser Adresse gibt es nichts.",
    )


# Once


def test_the_same_key_and_body_give_the_first_answer_and_order_once() -> None:
    partner = Partner()
    first, second = partner.order(key="a", seconds=30), partner.order(key="a", seconds=30)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert second["Location"] == first["Location"]
    assert (second["Idempotent-Replayed"], "Idempotent-Replayed" in first) == ("true", False)
    assert Composition.objects.count() == 1


def test_the_same_key_with_another_body_is_a_422_and_orders_nothing() -> None:
    partner = Partner()
    partner.order(key="a", seconds=30)
    refused = partner.order(key="a", seconds=31)
    assert is_problem(refused, 422)
    assert refused.json()["code"] == "idempotency_key_reused"
    assert Composition.objects.count() == 1


def test_a_key_is_its_owners_and_lasts_a_day() -> None:
    partner = Partner()
    with time_machine.travel("2026-11-27T12:00:00Z", tick=False) as clock:
        partner.order(key="a")
        assert Partner().order(key="a").status_code == 202
        Composition.objects.update(state="cancelled")
        clock.shift(timedelta(hours=23, minutes=59))
        assert forget_old_keys() == 0
    assert Composition.objects.count() == 2
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert partner.order(key="a", seconds=60).status_code == 202
    assert Composition.objects.count() == 3
    assert forget_old_keys() == 1


def test_a_refusal_is_not_kept() -> None:
    partner = Partner()
    assert partner.order(key="a", seconds=1).status_code == 422
    assert partner.order(key="a", seconds=30).status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "snow☃"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    headers = {"Idempotency-Key": key.encode().decode("latin-1")}
    answer = Partner().post(COMPOSITIONS, {"instrument": "piano"}, **headers)
    assert is_problem(answer, 422)
    assert not Composition.objects.exists()


def test_a_request_in_flight_is_a_409_until_its_process_must_be_dead() -> None:
    partner = Partner()
    first = partner.order(key="a")
    IdempotencyKey.objects.update(answered_at=None)
    refused = partner.order(key="a")
    assert is_problem(refused, 409)
    assert (refused.json()["code"], refused["Retry-After"]) == ("idempotency_key_in_flight", "1")
    assert Composition.objects.count() == 1
    # The order and the answer are written in one transaction: without the answer there was no order.
    Composition.objects.filter(pk=first.json()["id"]).delete()
    IdempotencyKey.objects.update(claimed_at=timezone.now() - timedelta(minutes=2))
    assert partner.order(key="a").status_code == 202
    assert Composition.objects.count() == 1


# Who


def test_an_account_says_who_one_is_and_what_one_may() -> None:
    body = Partner(credit_limit_minor=500_000).http.get(f"{API}account/").json()
    assert (body["name"], body["kind"], body["may_pay_by_invoice"]) == ("Acme", "live", True)
    assert body["quotas"] == {"requests_per_minute": 120, "compositions_per_day": 60, "holds_at_once": 10}
    person = Client()
    person.force_login(a_user())
    assert is_problem(person.get(f"{API}account/"), 403)
    assert is_problem(person.get(f"{API}purchases/"), 403)


@pytest.mark.parametrize(
    ("scope", "path", "method"),
    [
        ("compositions:read", "purchases/", "get"),
        ("compositions:write", "compositions/", "get"),
        ("compositions:read", "compositions/", "post"),
        ("purchases:write", "purchases/", "get"),
        ("purchases:write", "certificates/", "get"),
        ("purchases:read", "purchases/", "post"),
        ("purchases:read", "offers/", "get"),
        ("webhooks:read", "instruments/", "get"),
    ],
)
def test_a_token_without_the_scope_is_refused(scope: str, path: str, method: str) -> None:
    partner = Partner(scope=scope)
    answer = partner.post(API + path) if method == "post" else partner.http.get(API + path)
    assert is_problem(answer, 403)


def test_a_partners_account_lets_nobody_in() -> None:
    account = Partner().row.account
    assert not account.is_active
    assert not account.has_usable_password()
    assert not account.emailaddress_set.exists()


def test_the_command_makes_partners_of_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_partner", "Acme", "--sandbox")
    call_command("create_partner", "Big", "--invoice", "5000")
    assert [
        (partner.name, partner.kind, partner.credit_limit_minor) for partner in models.Partner.objects.all()
    ] == [("Acme", "sandbox", None), ("Big", "live", 500_000)]
    assert capsys.readouterr().out.count("client_secret: ") == 2
    for wrong in ("-1", "0", "lots", "0.001", "NaN"):
        with pytest.raises(CommandError):
            call_command("create_partner", "Bad", f"--invoice={wrong}")


# Pieces


def test_a_piece_is_cancelled_once_and_a_finished_one_not() -> None:
    partner = Partner()
    address = partner.order()["Location"] + "cancel/"
    for _ in range(2):
        answer = partner.post(address)
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    Composition.objects.update(state="failed")
    assert is_problem(partner.post(address), 409)
    assert is_problem(Partner().post(address), 404)


def test_an_instrument_says_what_it_can_be_asked_for() -> None:
    [piano] = Partner().http.get(f"{API}instruments/").json()
    able = piano["capabilities"]
    assert (able["lowest_pitch"], able["highest_pitch"], able["seconds"]) == (24, 103, [5, 180])
    assert json.dumps(able).count("calm") == 1


def test_the_rolls_scale_is_that_of_the_drawing() -> None:
    assert api.SEMITONES_PER_ROW == ROLL_ROW_SEMITONES
