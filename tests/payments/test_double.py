"""The double behaves like Stripe where the product leans on it. (Row I5.)"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from payments import gateway, services
from payments.double.browser import CheckoutClosed
from payments.double.forms import decode
from payments.gateway import Order
from tests.payments.shop import Shop


def order(**changes: Any) -> Order:
    values = {
        "purchase_id": "p-1",
        "title": "Piece",
        "amount": 4900,
        "currency": "eur",
        "email": "ada@example.com",
        "expires_at": timezone.now() + timedelta(minutes=35),
        "success_url": "http://testserver/back",
        "cancel_url": "http://testserver/",
    }
    return Order(**values | changes)


@pytest.mark.row("I5")
def test_stripe_is_never_called_inside_a_transaction(shop: Shop) -> None:
    purchase = shop.paid()
    for call in (
        lambda: gateway.create_session(order=order(), idempotency_key="k"),
        lambda: gateway.retrieve_session(purchase.session_id or ""),
        lambda: services.settle(purchase_id=purchase.pk),
    ):
        with pytest.raises(RuntimeError, match="inside a database transaction"), transaction.atomic():
            call()
    assert len(shop.calls("POST *")) == 1


def test_forms_are_decoded_as_stripe_encodes_them() -> None:
    form = "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=eur&expand[0]=a&expand[1]=b&x="
    assert decode(form) == {
        "mode": "payment",
        "line_items": [{"quantity": "1", "price_data": {"currency": "eur"}}],
        "expand": ["a", "b"],
        "x": "",
    }


def test_the_same_key_gives_the_same_session_and_other_parameters_are_refused(shop: Shop) -> None:
    same = order()
    first = gateway.create_session(order=same, idempotency_key="key")
    assert gateway.create_session(order=same, idempotency_key="key").id == first.id
    with pytest.raises(gateway.KeyReused):
        gateway.create_session(order=order(amount=5000), idempotency_key="key")
    assert gateway.create_session(order=same, idempotency_key="other").id != first.id


def test_a_fault_is_replayed_for_its_key_and_a_refusal_is_not(shop: Shop) -> None:
    same = order()
    shop.engine.fail("POST /v1/checkout/sessions", "500")
    for _ in range(2):
        with pytest.raises(gateway.Fault):
            gateway.create_session(order=same, idempotency_key="key")
    with pytest.raises(gateway.Refused):
        gateway.create_session(order=order(amount=1), idempotency_key="small")
    assert gateway.create_session(order=order(amount=5000), idempotency_key="small").amount_total == 5000


@pytest.mark.parametrize("minutes", [29, 24 * 60 + 1])
def test_a_checkout_lives_between_half_an_hour_and_a_day(shop: Shop, minutes: int) -> None:
    with pytest.raises(gateway.Refused):
        gateway.create_session(
            order=order(expires_at=timezone.now() + timedelta(minutes=minutes)), idempotency_key="k"
        )


@pytest.mark.parametrize("change", [{"amount": 49}, {"currency": "euro"}])
def test_an_impossible_price_is_refused(shop: Shop, change: dict[str, Any]) -> None:
    with pytest.raises(gateway.Refused):
        gateway.create_session(order=order(**change), idempotency_key="k")


def test_manual_capture_takes_nothing_until_it_is_told(shop: Shop) -> None:
    purchase = shop.paid()
    intent = shop.intent(purchase)
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 4900, 0)
    assert shop.session(purchase)["payment_status"] == "unpaid"
    taken = gateway.capture(intent_id=intent.id, idempotency_key="c")
    assert (taken.status, taken.amount_capturable, taken.amount_received) == ("succeeded", 0, 4900)
    with pytest.raises(gateway.Refused):
        gateway.capture(intent_id=intent.id, idempotency_key="again")


def test_an_authorisation_lapses_after_seven_days(shop: Shop) -> None:
    purchase = shop.paid()
    intent = shop.intent(purchase).id
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1)):
        assert gateway.retrieve_intent(intent).status == "canceled"


def test_a_checkout_expires_by_itself_and_takes_no_payment_then(shop: Shop) -> None:
    purchase = shop.start()
    with time_machine.travel(timezone.now() + timedelta(minutes=36)):
        assert gateway.retrieve_session(purchase.session_id or "").status == "expired"
        with pytest.raises(CheckoutClosed):
            shop.stripe.pay(purchase.session_id)


def test_a_refund_above_the_amount_or_a_second_one_is_refused(shop: Shop) -> None:
    purchase = shop.sold()
    intent = purchase.payment_intent_id or ""
    too_much = shop.engine.handle(
        method="post", path="/v1/refunds", form=f"payment_intent={intent}&amount=4901", key=None
    )
    assert too_much[0] == 400
    gateway.refund(intent_id=intent, purchase_id="p", idempotency_key="one")
    with pytest.raises(gateway.Refused):
        gateway.refund(intent_id=intent, purchase_id="p", idempotency_key="two")
    assert len(shop.refunds()) == 1


def test_an_unknown_parameter_is_refused_as_stripe_does(shop: Shop) -> None:
    status, body = shop.engine.handle(
        method="post", path="/v1/checkout/sessions", form="payment_method_types[0]=card", key=None
    )
    assert (status, body["error"]["code"]) == (400, "parameter_unknown")


def test_two_engines_on_one_file_are_one_stripe(shop: Shop) -> None:
    purchase = shop.start()
    other = Shop.open()
    other.stripe.pay(purchase.session_id)
    assert shop.session(purchase)["status"] == "complete"
