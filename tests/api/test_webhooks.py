"""A partner's webhooks by API: their own alone, secrets shown once, everything sent again that should be."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.webhooks.catalogue import EventType
from accounts.webhooks.delivery import deliver_due
from accounts.webhooks.events import tell_partner
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.accounts.webhooks import Receiver, a_receiver
from tests.api.test_api import Partner
from tests.factories import a_user

pytestmark = pytest.mark.django_db

WEBHOOKS = "/api/v1/webhooks/"


@pytest.fixture(autouse=True)
def _localhost(settings: Settings, _isolated: None) -> None:
    cache.clear()
    settings.WEBHOOKS_TO_LOCALHOST = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as one:
        yield one


def send(partner: Partner, method: str, path: str, **body: Any) -> Any:
    if method == "get":
        return partner.http.get(path)
    return getattr(partner.http, method)(path, json.dumps(body), content_type="application/json")


def created(partner: Partner, url: str = "http://localhost:9/nobody", **fields: Any) -> Any:
    answer = send(partner, "post", WEBHOOKS, url=url, **fields)
    assert answer.status_code == 201, answer.content
    return answer.json()


def tell(partner: Partner, count: int = 1) -> None:
    for _ in range(count):
        tell_partner(maker=partner.maker, type=EventType.COMPOSITION_READY, about=uuid.uuid4(), data={})


def test_a_webhook_is_made_and_its_secret_is_shown_once(receiver: Receiver) -> None:
    partner = Partner()
    wishes = {"event_types": ["purchase.paid", "composition.ready"], "contact_email": "ops@partner.example"}
    answer = send(partner, "post", WEBHOOKS, url=receiver.url, **wishes)
    made = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == f"http://testserver{WEBHOOKS}{made['id']}/"
    assert made["secret"].startswith("whsec_")
    assert made["event_types"] == ["composition.ready", "purchase.paid"]
    shown = partner.http.get(answer["Location"]).json()
    assert shown == {key: value for key, value in made.items() if key != "secret"}
    assert partner.http.get(WEBHOOKS).json()["results"] == [shown]


def test_a_test_arrives_with_a_signature_the_shown_secret_verifies(receiver: Receiver) -> None:
    partner = Partner()
    made = created(partner, receiver.url, event_types=["purchase.paid"])
    answer = send(partner, "post", f"{WEBHOOKS}{made['id']}/test/")
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    deliver_due()
    [told] = receiver.told
    assert told.verified(made["secret"])["type"] == "ping"
    [row] = partner.http.get(f"{WEBHOOKS}{made['id']}/deliveries/").json()["results"]
    assert (row["id"], row["state"], row["last_status"], row["response"]) == (
        answer.json()["id"],
        "delivered",
        200,
        "thanks",
    )
    assert row["body"] == json.loads(told.body)
    assert row["event"] == told.headers["webhook-id"]
    assert row["next_attempt_at"] is None


def test_a_new_secret_is_shown_once_and_the_old_one_signs_for_a_day(receiver: Receiver) -> None:
    partner = Partner()
    made = created(partner, receiver.url)
    answer = send(partner, "post", f"{WEBHOOKS}{made['id']}/secret/")
    assert answer.status_code == 200
    assert answer.json()["secret"] != made["secret"]
    assert answer.json()["previous_secret_until"] is not None
    send(partner, "post", f"{WEBHOOKS}{made['id']}/test/")
    deliver_due()
    for secret in (made["secret"], answer.json()["secret"]):
        receiver.told[0].verified(secret)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", None), ("url", ""), ("url", "http://partner.example/"), ("url", "https://127.0.0.1/"),
        ("url", "https://user:secret@partner.example/"), ("url", "https://partner.example:22/"), ("url", 5),
        ("url", "https://" + "x" * 600), ("event_types", ["nonsense"]), ("event_types", "ping"),
        ("event_types", [["ping"]]), ("description", "x" * 121), ("contact_email", "nobody"), ("secret", "mine"),
        ("description", "a\0b"),
    ],
)  # fmt: skip
def test_a_bad_value_is_a_422_that_names_it_and_nothing_is_made_or_changed(field: str, value: object) -> None:
    partner = Partner()
    refused = send(partner, "post", WEBHOOKS, **({"url": "http://localhost:9/"} | {field: value}))
    assert refused.status_code == 422, refused.content
    assert refused["Content-Type"] == "application/problem+json"
    assert list(refused.json()["errors"]) == [field]
    assert not WebhookEndpoint.objects.exists()
    made = created(partner)
    assert send(partner, "patch", f"{WEBHOOKS}{made['id']}/", **{field: value}).status_code == 422
    assert partner.http.get(f"{WEBHOOKS}{made['id']}/").json()["url"] == made["url"]


def test_a_partner_has_ten_at_most() -> None:
    partner = Partner()
    for _ in range(10):
        made = created(partner)
    refused = send(partner, "post", WEBHOOKS, url="http://localhost:9/")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert partner.http.delete(f"{WEBHOOKS}{made['id']}/").status_code == 204
    created(partner)


def test_a_webhook_is_changed_switched_off_and_on_and_deleted(receiver: Receiver) -> None:
    partner = Partner()
    made = created(partner)
    one = f"{WEBHOOKS}{made['id']}/"
    off = send(partner, "patch", one, is_active=False, description="night").json()
    assert (off["is_active"], off["disabled_because"], off["description"]) == (False, "partner", "night")
    assert send(partner, "post", f"{one}test/").status_code == 409
    tell(partner)
    on = send(partner, "patch", one, is_active=True, url=receiver.url).json()
    assert (on["is_active"], on["disabled_because"], on["url"]) == (True, "", receiver.url)
    assert deliver_due() == 1
    assert partner.http.delete(one).status_code == 204
    assert [partner.http.get(one).status_code, partner.http.delete(one).status_code] == [404, 404]
    assert partner.http.get(WEBHOOKS).json()["results"] == []


def test_deliveries_are_paged_filtered_and_sent_again(receiver: Receiver) -> None:
    partner = Partner()
    made = created(partner, receiver.url)
    one = f"{WEBHOOKS}{made['id']}/"
    tell(partner, 53)
    WebhookDelivery.objects.update(state="failed")
    old = WebhookDelivery.objects.order_by("pk").first()
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    first = partner.http.get(f"{one}deliveries/?state=failed").json()
    second = partner.http.get(first["next"]).json()
    listed = [row["id"] for row in (*first["results"], *second["results"])]
    assert listed == sorted(listed, reverse=True)
    assert (len(first["results"]), len(listed), second["next"]) == (50, 53, None)
    assert partner.http.get(f"{one}deliveries/?state=delivered").json()["results"] == []
    assert partner.http.get(f"{one}deliveries/?state=lost").status_code == 422
    again = send(partner, "post", f"{one}deliveries/{old.pk}/replay/")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    since = (timezone.now() - timedelta(days=1)).isoformat()
    assert send(partner, "post", f"{one}replay/", since=since).json() == {"replayed": 52}
    assert send(partner, "post", f"{one}replay/", since="yesterday").status_code == 422
    assert send(partner, "post", f"{one}replay/").status_code == 422
    while deliver_due():
        pass
    assert len(receiver.told) == 53
    WebhookDelivery.objects.update(state="sending")
    assert send(partner, "post", f"{one}deliveries/{old.pk}/replay/").status_code == 409


# Who

PATHS = [
    ("get", ""), ("patch", ""), ("delete", ""), ("post", "secret/"), ("post", "test/"), ("get", "deliveries/"),
    ("post", "replay/"), ("post", "deliveries/{delivery}/replay/"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_another_partners_webhook_is_a_404_and_stays_as_it_is(method: str, path: str) -> None:
    partner, other = Partner(), Partner()
    made = created(partner)
    tell(partner)
    WebhookDelivery.objects.update(state="failed")
    before = [WebhookEndpoint.objects.values().get(), WebhookDelivery.objects.values().get()]
    where = f"{WEBHOOKS}{made['id']}/{path}".format(delivery=before[1]["id"])
    answer = send(other, method, where, **({"since": "2026-01-01T00:00:00Z"} if method == "post" else {}))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert [WebhookEndpoint.objects.values().get(), WebhookDelivery.objects.values().get()] == before
    own = created(other)
    foreign = f"{WEBHOOKS}{own['id']}/deliveries/{before[1]['id']}/replay/"
    assert send(other, "post", foreign).status_code == 404
    assert other.http.get(f"{WEBHOOKS}{own['id']}/deliveries/").json()["results"] == []


@pytest.mark.parametrize(("method", "path"), [("post", None), ("get", None), *PATHS])
def test_every_call_wants_its_scope_and_a_partner(method: str, path: str | None) -> None:
    made = created(Partner())
    where = WEBHOOKS if path is None else f"{WEBHOOKS}{made['id']}/{path}".format(delivery=1)
    lacking = "compositions:read compositions:write webhooks:" + ("write" if method == "get" else "read")
    refused = send(Partner(scope=lacking), method, where, url="http://localhost:9/")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert getattr(Client(), method)(where).status_code == 401
    person = Client()
    person.force_login(a_user())
    assert getattr(person, method)(where).status_code == 403
    assert WebhookEndpoint.objects.count() == 1
