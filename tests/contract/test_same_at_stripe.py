"""What the product leans on, asked of the double and, with a key in ``STRIPE_TEST_KEY``, of Stripe itself alike.

``make test`` asks the double; ``make test-stripe`` asks both (docs/stripe.md).
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.utils import timezone

from payments import gateway
from payments.double.browser import Browser
from payments.double.engine import Engine
from payments.gateway import Intent, Order

KEY = os.environ.get("STRIPE_TEST_KEY", "")
WAIT_FOR_DISPUTE_SECONDS = 30
pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Side:
    """The double or Stripe, and how a card pays there without a browser."""

    authorise: Callable[[str], str]
    dispute: Callable[[], str]


def order(**changes: Any) -> Order:
    values = {
        "purchase_id": str(uuid.uuid4()),
        "title": "Piece",
        "amount": 4900,
        "currency": "eur",
        "email": "ada@example.com",
        "expires_at": timezone.now() + timedelta(minutes=35),
        "success_url": "https://shop.example/back",
        "cancel_url": "https://shop.example/",
    }
    return Order(**values | changes)


def new_key() -> str:
    return f"test:{uuid.uuid4()}"


@pytest.fixture(params=["double", "stripe"])
def side(request: pytest.FixtureRequest, settings: Any) -> Iterator[Side]:
    if request.param == "double":
        yield the_double(Browser(Engine(settings.TEST_CHECKOUT_STORE)))
        return
    if not KEY:
        pytest.skip(
            "STRIPE_TEST_KEY is not set: Stripe itself is not asked (docs/stripe.md tells how to get a key)"
        )
    if not KEY.startswith(("sk_test_", "rk_test_")):
        pytest.fail("STRIPE_TEST_KEY is not a test key; it starts with sk_test_ or rk_test_")
    settings.TEST_CHECKOUT = False
    settings.STRIPE_SECRET_KEY = KEY
    yield the_sandbox(stripe.StripeClient(KEY, stripe_version=gateway.API_VERSION))


def the_double(browser: Browser) -> Side:
    def authorise(purchase_id: str) -> str:
        session = gateway.create_session(order=order(purchase_id=purchase_id), idempotency_key=new_key())
        browser.pay(session.id)
        return str((browser.session(session.id) or {})["payment_intent"])

    def dispute() -> str:
        intent = authorise(str(uuid.uuid4()))
        gateway.capture(intent_id=intent, idempotency_key=new_key())
        browser.dispute(intent)
        return intent

    return Side(authorise, dispute)


def the_sandbox(client: stripe.StripeClient) -> Side:
    def pay(purchase_id: str, card: str, capture: str) -> str:
        return client.v1.payment_intents.create(
            params={
                "amount": 4900,
                "currency": "eur",
                "capture_method": capture,  # type: ignore[typeddict-item]
                "confirm": True,
                "payment_method": card,
                "payment_method_types": ["card"],
                "metadata": {"purchase": purchase_id, "environment": "development"},
            }
        ).id

    return Side(
        lambda purchase_id: pay(purchase_id, "pm_card_visa", "manual"),
        lambda: pay(str(uuid.uuid4()), "pm_card_createDispute", "automatic"),
    )


def test_a_session_opens_unpaid_and_names_the_purchase(side: Side) -> None:
    wanted = order()
    session = gateway.create_session(order=wanted, idempotency_key=new_key())
    assert session.url
    assert (session.status, session.payment_status, session.intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.currency, session.livemode) == (4900, "eur", False)
    assert session.client_reference_id == session.metadata["purchase"] == wanted.purchase_id
    assert gateway.retrieve_session(session.id) == session


@pytest.mark.row("R6")
def test_the_same_key_gives_the_same_session(side: Side) -> None:
    wanted, key = order(), new_key()
    first = gateway.create_session(order=wanted, idempotency_key=key)
    assert gateway.create_session(order=wanted, idempotency_key=key).id == first.id


@pytest.mark.row("R8")
def test_the_same_key_with_other_parameters_is_refused(side: Side) -> None:
    wanted, key = order(), new_key()
    gateway.create_session(order=wanted, idempotency_key=key)
    with pytest.raises(gateway.KeyReused):
        gateway.create_session(order=order(purchase_id=wanted.purchase_id, amount=5000), idempotency_key=key)


@pytest.mark.row("R13")
def test_an_expired_session_says_so_and_again(side: Side) -> None:
    session = gateway.create_session(order=order(), idempotency_key=new_key())
    assert gateway.expire_session(session.id).status == "expired"
    assert gateway.expire_session(session.id).status == "expired"


@pytest.mark.row("R9")
@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1},
        {"currency": "euro"},
        {"expires_in": timedelta(minutes=29)},
        {"expires_in": timedelta(hours=25)},
    ],
    ids=["too little", "no currency", "too short", "too long"],
)
def test_an_impossible_order_is_refused(side: Side, change: dict[str, Any]) -> None:
    if "expires_in" in change:
        change = {"expires_at": timezone.now() + change["expires_in"]}
    with pytest.raises(gateway.Refused):
        gateway.create_session(order=order(**change), idempotency_key=new_key())


def test_money_is_taken_only_when_it_is_captured_and_only_once(side: Side) -> None:
    purchase = str(uuid.uuid4())
    intent = gateway.retrieve_intent(side.authorise(purchase))
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 4900, 0)
    assert (intent.metadata["purchase"], intent.under_review, intent.livemode) == (purchase, False, False)
    key = new_key()
    taken = gateway.capture(intent_id=intent.id, idempotency_key=key)
    assert (taken.status, taken.amount_capturable, taken.amount_received) == ("succeeded", 0, 4900)
    assert gateway.capture(intent_id=intent.id, idempotency_key=key).status == "succeeded"
    with pytest.raises(gateway.Refused):
        gateway.capture(intent_id=intent.id, idempotency_key=new_key())


@pytest.mark.row("P8")
def test_an_authorisation_is_given_up_without_a_refund(side: Side) -> None:
    intent = side.authorise(str(uuid.uuid4()))
    assert gateway.cancel_intent(intent).status == "canceled"
    after = gateway.cancel_intent(intent)
    assert (after.status, after.amount_received, after.amount_refunded) == ("canceled", 0, 0)


@pytest.mark.row("A4")
def test_money_goes_back_once(side: Side) -> None:
    intent = side.authorise(str(uuid.uuid4()))
    gateway.capture(intent_id=intent, idempotency_key=new_key())
    assert gateway.cancel_intent(intent).status == "succeeded"
    key = new_key()
    refund = gateway.refund(intent_id=intent, purchase_id="p", idempotency_key=key)
    assert gateway.refund(intent_id=intent, purchase_id="p", idempotency_key=key).id == refund.id
    after = gateway.retrieve_intent(intent)
    assert (after.refunded, after.amount_refunded, after.status) == (True, 4900, "succeeded")
    with pytest.raises(gateway.Refused):
        gateway.refund(intent_id=intent, purchase_id="p", idempotency_key=new_key())


@pytest.mark.row("A6")
def test_a_dispute_shows_at_the_charge_and_stops_a_refund(side: Side) -> None:
    intent = side.dispute()
    shown = _disputed(intent)
    assert shown.disputed
    assert [dispute.status for dispute in gateway.disputes_of(intent)] == ["needs_response"]
    with pytest.raises(gateway.Refused):
        gateway.refund(intent_id=intent, purchase_id="p", idempotency_key=new_key())


def _disputed(intent: str) -> Intent:
    """Wait for the dispute, which Stripe opens a moment after the payment."""
    deadline = time.monotonic() + WAIT_FOR_DISPUTE_SECONDS
    while True:
        shown = gateway.retrieve_intent(intent)
        if shown.disputed or time.monotonic() > deadline:
            return shown
        time.sleep(1)


@pytest.mark.row("W11")
def test_recent_payments_are_listed(side: Side) -> None:
    intent = side.authorise(str(uuid.uuid4()))
    recent = gateway.intents_since(timezone.now() - timedelta(minutes=10))
    assert intent in [listed.id for listed, _ in zip(recent, range(500), strict=False)]
