"""The address Stripe reports to. (Rows W1–W10, P17's warning.)"""

from __future__ import annotations

import hmac
import itertools
import json
import time
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from licensing.models import ExclusiveRight
from payments import gateway, webhooks
from payments.double.store import Document
from payments.models import Incident, Purchase, WebhookEvent
from payments.moves import move_if
from tests.payments.shop import Shop, post


def completed(shop: Shop, purchase: Purchase) -> Document:
    assert purchase.session_id
    return shop.event("checkout.session.completed")


def signed(body: str, *, secret: str | None = None, at: int | None = None, scheme: str = "v1") -> str:
    import stripe

    header = stripe.WebhookSignature.generate_signature_header(
        body, secret or settings.STRIPE_WEBHOOK_SECRETS[0], timestamp=at
    )
    return header.replace(",v1=", f",{scheme}=")


@pytest.mark.row("W1")
def test_what_is_not_from_stripe_is_refused_and_not_kept(shop: Shop) -> None:
    purchase = shop.paid()
    body = json.dumps(completed(shop, purchase))
    old = int(time.time()) - 301
    refused: list[tuple[str | bytes, str | None, int]] = [
        (body, None, 400),
        (body, "", 400),
        (body, "garbage", 400),
        (body, signed(body, secret="whsec_wrong"), 400),
        (body.replace("complete", "comp1ete"), signed(body), 400),
        (body, signed(body, at=old), 400),
        (body, signed(body, scheme="v0"), 400),
        ("", signed(""), 400),
        (b"\xff\xfe", "t=1,v1=00", 400),
        ("{", signed("{"), 400),
        ("[]", signed("[]"), 400),
        ('{"id": "evt_1"}', signed('{"id": "evt_1"}'), 400),
        ("x" * (600 * 1024), signed("x"), 413),
    ]
    assert [post(content, signature=header) for content, header, _status in refused] == [
        status for _content, _header, status in refused
    ]
    assert WebhookEvent.objects.count() == 0
    purchase.refresh_from_db()
    assert purchase.state == "held"


@pytest.mark.row("W1")
def test_bytes_that_are_no_text_are_refused_even_when_they_are_signed(shop: Shop) -> None:
    content, now = b'{"id": "evt_\xff\xfe"}', int(time.time())
    key = settings.STRIPE_WEBHOOK_SECRETS[0].encode()
    signature = hmac.new(key, f"{now}.".encode() + content, "sha256").hexdigest()
    assert post(content, signature=f"t={now},v1={signature}") == 400
    assert WebhookEvent.objects.count() == 0


@pytest.mark.row("W2")
def test_the_same_event_twice_is_processed_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    event = completed(shop, shop.paid())
    settled: list[uuid.UUID] = []
    settle = webhooks.settle
    monkeypatch.setattr(
        webhooks,
        "settle",
        lambda *, purchase_id: (settled.append(purchase_id), settle(purchase_id=purchase_id)),
    )
    assert [shop.deliver(event), shop.deliver(event)] == [200, 200]
    assert len(settled) == 1
    assert WebhookEvent.objects.get().processed_at is not None
    assert ExclusiveRight.objects.count() == 1


@pytest.mark.row("W3")
def test_one_fact_told_by_many_events_is_one_sale(shop: Shop) -> None:
    shop.paid()
    shop.deliver_everything()
    types = set(WebhookEvent.objects.values_list("type", flat=True))
    assert types >= {
        "checkout.session.completed",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "charge.succeeded",
        "charge.captured",
    }
    assert (ExclusiveRight.objects.count(), shop.captures()) == (1, 1)


@pytest.mark.row("W4")
def test_every_order_of_the_events_ends_the_same(shop: Shop) -> None:
    """All permutations, a stale "expired" among them."""
    first = shop.paid()
    stale = json.loads(json.dumps(completed(shop, first)))
    stale |= {"id": "evt_stale", "type": "checkout.session.expired"}
    count = 0
    for order in itertools.permutations(range(4)):
        purchase = shop.paid()
        events = [*shop.stripe.undelivered()[-3:], json.loads(json.dumps(stale))]
        events[3]["id"] = f"evt_stale_{count}"
        events[3]["data"]["object"] |= {"id": purchase.session_id, "client_reference_id": str(purchase.pk)}
        for index in order:
            assert shop.deliver(events[index]) == 200
        purchase.refresh_from_db()
        assert purchase.state == "sold", order
        count += 1
    assert count == 24
    assert ExclusiveRight.objects.count() == count
    assert Incident.objects.count() == 0


@pytest.mark.row("W4")
def test_every_order_of_sale_and_refund_ends_in_refunded(shop: Shop) -> None:
    """What came after the sale may overtake it, and be overtaken."""
    for order in itertools.permutations(range(4)):
        purchase = shop.sold()
        shop.engine.handle(
            method="post", path="/v1/refunds", form=f"payment_intent={purchase.payment_intent_id}", key=None
        )
        sale = {"id": purchase.session_id, "object": "checkout.session", "metadata": {}}
        late = [("checkout.session.completed", sale), ("checkout.session.expired", sale)]
        events = [
            *shop.stripe.undelivered(),
            *(
                {"id": f"evt_{kind}_{purchase.pk}", "type": kind, "livemode": False, "data": {"object": item}}
                for kind, item in late
            ),
        ]
        assert len(events) == 4
        for index in order:
            assert shop.deliver(events[index]) == 200
        shop.forget_events()
        purchase.refresh_from_db()
        assert purchase.state == "refunded", order
    assert ExclusiveRight.objects.exclude(state="revoked").count() == 0


@pytest.mark.row("W5")
def test_an_event_of_ours_that_comes_too_early_is_asked_for_again(shop: Shop) -> None:
    event = completed(shop, shop.paid())
    item = event["data"]["object"]
    unknown = str(uuid.uuid4())
    item |= {"id": "cs_test_unknown", "client_reference_id": unknown, "payment_intent": "pi_unknown"}
    item["metadata"]["purchase"] = unknown
    assert shop.deliver(event) == 500
    assert WebhookEvent.objects.get(pk=event["id"]).processed_at is None


@pytest.mark.row("W5")
def test_an_event_is_found_by_its_reference_before_the_session_is_stored(shop: Shop) -> None:
    """Nothing to settle yet, and nothing lost: the session is asked for later."""
    purchase = shop.paid()
    event = completed(shop, purchase)
    event["data"]["object"]["id"] = "cs_test_other"
    assert shop.deliver(event) == 200
    purchase.refresh_from_db()
    assert purchase.state == "sold"


@pytest.mark.parametrize("metadata", [{}, {"environment": "production", "purchase": str(uuid.uuid4())}])
@pytest.mark.row("W5")
def test_a_foreign_event_is_taken_and_ignored(shop: Shop, metadata: dict[str, str]) -> None:
    """Another shop on the same account."""
    event = completed(shop, shop.paid())
    event["data"]["object"] |= {
        "id": "cs_test_foreign",
        "client_reference_id": None,
        "payment_intent": "pi_foreign",
        "metadata": metadata,
    }
    assert shop.deliver(event) == 200
    assert Purchase.objects.get().state == "held"


@pytest.mark.row("W6")
def test_while_the_secret_changes_either_one_is_accepted(shop: Shop, settings: Any) -> None:
    old, new = "whsec_old", "whsec_new"
    settings.STRIPE_WEBHOOK_SECRETS = [new, old]
    event = completed(shop, shop.paid())
    body = json.dumps(event)
    both = signed(body, secret=old) + "," + signed(body, secret=new).partition(",")[2]
    assert [
        post(body, signature=header) for header in (signed(body, secret=old), signed(body, secret=new), both)
    ] == [
        200,
        200,
        200,
    ]
    settings.STRIPE_WEBHOOK_SECRETS = [new]
    assert post(body, signature=signed(body, secret=old)) == 400
    assert post(body, signature=both) == 200


@pytest.mark.parametrize(
    "change",
    [{"type": "customer.created"}, {"type": "invoice.paid"}, {"livemode": True}],
    ids=lambda value: str(value),
)
@pytest.mark.row("W7")
def test_what_does_not_concern_us_is_taken_and_ignored(shop: Shop, change: dict[str, Any]) -> None:
    event = completed(shop, shop.paid()) | change
    assert shop.deliver(event) == 200
    assert Purchase.objects.get().state == "held"
    assert WebhookEvent.objects.get().processed_at is not None


@pytest.mark.row("W7")
def test_another_api_version_still_rings_the_bell(shop: Shop) -> None:
    event = completed(shop, shop.paid()) | {"api_version": "2020-08-27"}
    assert shop.deliver(event) == 200
    assert Purchase.objects.get().state == "sold"


@pytest.mark.row("W8")
def test_a_failing_handler_is_told_to_stripe_and_the_next_delivery_succeeds(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = completed(shop, shop.paid())

    def fail(**_arguments: Any) -> None:
        raise RuntimeError("boom")

    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "settle", fail)
        assert shop.deliver(event) == 500
    kept = WebhookEvent.objects.get()
    assert (kept.processed_at, kept.error) == (None, "RuntimeError: boom")
    assert shop.deliver(event) == 200
    kept.refresh_from_db()
    assert kept.processed_at is not None
    assert kept.error == ""
    assert Purchase.objects.get().state == "sold"


def test_stripe_out_of_reach_during_an_event_is_a_503(shop: Shop) -> None:
    event = completed(shop, shop.paid())
    shop.engine.fail("GET /v1/checkout/sessions/*", "lost_before", times=3)
    assert shop.deliver(event) == 503
    assert shop.deliver(event) == 200
    assert Purchase.objects.get().state == "sold"


@pytest.mark.parametrize(("failures", "status"), [(2, 200), (3, 503)])
@pytest.mark.row("W9")
def test_a_lock_that_cannot_be_had_is_tried_again_and_then_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, failures: int, status: int
) -> None:
    event = completed(shop, shop.paid())
    settle, left = webhooks.settle, [OperationalError("deadlock detected")] * failures

    def settle_late(*, purchase_id: uuid.UUID) -> Purchase:
        if left:
            raise left.pop()
        return settle(purchase_id=purchase_id)

    monkeypatch.setattr(webhooks, "settle", settle_late)
    monkeypatch.setattr(webhooks, "PAUSE_SECONDS", 0)
    assert shop.deliver(event) == status
    assert Purchase.objects.get().state == ("sold" if status == 200 else "held")


@pytest.mark.row("W10")
def test_the_webhook_needs_no_token_and_knows_only_post(shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get(reverse("stripe_webhook")).status_code == 405
    event = completed(shop, shop.paid())
    body = json.dumps(event)
    client.cookies["sessionid"] = "whatever"
    answer = client.post(
        reverse("stripe_webhook"),
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": signed(body)},
    )
    assert answer.status_code == 200


@pytest.mark.row("P17")
def test_a_warning_of_fraud_becomes_a_task_for_staff(shop: Shop) -> None:
    purchase = shop.sold()
    event = {
        "id": "evt_warning",
        "object": "event",
        "api_version": gateway.API_VERSION,
        "type": "radar.early_fraud_warning.created",
        "livemode": False,
        "data": {
            "object": {
                "id": "issfr_1",
                "object": "radar.early_fraud_warning",
                "payment_intent": purchase.payment_intent_id,
            }
        },
    }
    assert shop.deliver(event) == 200
    assert [(incident.kind, incident.purchase) for incident in Incident.objects.all()] == [
        ("fraud_warning", purchase)
    ]


@pytest.mark.row("W4")
def test_a_late_expired_event_does_not_free_what_was_sold(shop: Shop) -> None:
    purchase = shop.sold()
    event = {
        "id": "evt_late",
        "object": "event",
        "api_version": gateway.API_VERSION,
        "type": "checkout.session.expired",
        "livemode": False,
        "data": {"object": {"id": purchase.session_id, "object": "checkout.session", "metadata": {}}},
    }
    assert shop.deliver(event) == 200
    purchase.refresh_from_db()
    assert purchase.state == "sold"


def test_the_expired_event_frees_the_piece(shop: Shop) -> None:
    purchase = shop.start()
    shop.stripe.expire(purchase.session_id)
    shop.deliver_everything()
    purchase.refresh_from_db()
    purchase.composition.refresh_from_db()
    assert (purchase.state, purchase.composition.sale_state) == ("expired", "available")
    assert not move_if(purchase, expected="held", to="cancelled", reason="late")
