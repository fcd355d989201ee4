"""The double against stripe-python's own types, generated from Stripe's OpenAPI description. (Row I6.)"""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.utils import timezone

from payments import gateway, services
from payments.double.engine import API_VERSION, INTENT_DATA_PARAMS, SESSION_PARAMS
from payments.double.store import Document
from tests.payments.shop import Shop

PARAMS = {
    "POST /v1/checkout/sessions": "checkout._session_create_params.SessionCreateParams",
    "GET /v1/checkout/sessions/*": "checkout._session_retrieve_params.SessionRetrieveParams",
    "POST /v1/checkout/sessions/*/expire": "checkout._session_expire_params.SessionExpireParams",
    "GET /v1/payment_intents": "_payment_intent_list_params.PaymentIntentListParams",
    "GET /v1/payment_intents/*": "_payment_intent_retrieve_params.PaymentIntentRetrieveParams",
    "POST /v1/payment_intents/*/capture": "_payment_intent_capture_params.PaymentIntentCaptureParams",
    "POST /v1/payment_intents/*/cancel": "_payment_intent_cancel_params.PaymentIntentCancelParams",
    "POST /v1/refunds": "_refund_create_params.RefundCreateParams",
    "GET /v1/disputes": "_dispute_list_params.DisputeListParams",
}
"""Every request of the gateway, with the type that describes its parameters."""

NESTED = {
    "payment_intent_data": "checkout._session_create_params.SessionCreateParamsPaymentIntentData",
    "line_items": "checkout._session_create_params.SessionCreateParamsLineItem",
    "price_data": "checkout._session_create_params.SessionCreateParamsLineItemPriceData",
    "product_data": "checkout._session_create_params.SessionCreateParamsLineItemPriceDataProductData",
}

RESOURCES: dict[str, type] = {
    "checkout.session": stripe.checkout.Session,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
}


def keys_of(name: str) -> set[str]:
    module, _, kind = name.rpartition(".")
    found = set(getattr(importlib.import_module(f"stripe.params.{module}"), kind).__annotations__)
    assert found
    return found


@pytest.fixture
def world(shop: Shop) -> Shop:
    """A shop in which every call of the gateway was made."""
    purchase = shop.sold()
    services.refund_purchase(purchase=purchase, reason="test")
    disputed = shop.sold()
    shop.stripe.dispute(disputed.payment_intent_id or "")
    services.settle(purchase_id=disputed.pk)
    services.cancel_purchase(purchase=shop.start())
    gateway.cancel_intent(shop.intent(shop.paid()).id)
    list(gateway.intents_since(timezone.now() - timedelta(days=1)))
    return shop


@pytest.mark.row("I6")
def test_every_parameter_we_send_exists_at_stripe(world: Shop) -> None:
    for pattern, kind in PARAMS.items():
        calls = world.calls(pattern)
        assert calls, f"{pattern} was never asked"
        for call in calls:
            assert set(call.params) <= keys_of(kind)
            for name, inner in NESTED.items():
                for sent in nested(call.params, name):
                    assert set(sent) <= keys_of(inner)
    covered = {call.call for pattern in PARAMS for call in world.calls(pattern)}
    assert {call.call for call in world.calls("*")} == covered


def nested(value: Any, name: str) -> list[Document]:
    if isinstance(value, list):
        return [found for item in value for found in nested(item, name)]
    if not isinstance(value, dict):
        return []
    here = value.get(name)
    mine = here if isinstance(here, list) else [here] if isinstance(here, dict) else []
    return [*mine, *(found for item in value.values() for found in nested(item, name))]


@pytest.mark.row("I6")
def test_every_field_the_double_answers_exists_at_stripe(world: Shop) -> None:
    events = world.stripe.undelivered()
    with world.engine.store.open() as books:
        answers = {kind: books.every(kind) for kind in RESOURCES} | {"event": events}
    for kind, resource in RESOURCES.items():
        assert answers[kind]
        for body in answers[kind]:
            assert set(body) <= set(resource.__annotations__)
            assert body["object"] == kind


@pytest.mark.row("I6")
def test_what_the_gateway_reads_exists_at_stripe() -> None:
    assert {"amount_refunded", "refunded", "disputed"} <= set(stripe.Charge.__annotations__)
    assert {"review", "latest_charge", "amount_capturable"} <= set(stripe.PaymentIntent.__annotations__)
    assert {"client_reference_id", "payment_intent", "amount_total"} <= set(
        stripe.checkout.Session.__annotations__
    )


@pytest.mark.row("I6")
def test_what_the_double_accepts_is_no_more_than_stripe_accepts() -> None:
    assert keys_of("checkout._session_create_params.SessionCreateParams") >= SESSION_PARAMS
    assert keys_of(NESTED["payment_intent_data"]) >= INTENT_DATA_PARAMS
    assert "payment_method_types" not in keys_of("checkout._session_create_params.SessionCreateParams")


@pytest.mark.row("I6")
def test_the_version_we_ask_for_is_the_one_the_library_was_made_for() -> None:
    assert gateway.API_VERSION == API_VERSION == stripe.api_version


@pytest.mark.row("I6")
def test_states_we_decide_by_are_stripes_own() -> None:
    intent = str(stripe.PaymentIntent.__annotations__["status"])
    for state in ("requires_capture", "processing", "succeeded", "canceled"):
        assert state in intent
    session = str(stripe.checkout.Session.__annotations__["status"])
    for state in ("open", "complete", "expired"):
        assert state in session
    dispute = str(stripe.Dispute.__annotations__["status"])
    for state in ("won", "lost", "prevented", "warning_needs_response", "needs_response", "under_review"):
        assert state in dispute
