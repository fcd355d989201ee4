"""Stripe, and the only module that knows it. Everything that comes out is a plain dataclass or one of our own errors.

Without a key, development talks to the double in ``payments.double`` through the same client. Partners' sandboxes do so
everywhere, with books of their own: the ids of what is in there say it, and no such id is ever sent to Stripe.
stripe is imported on first use: a page that sells nothing should not pay for it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from payments.gateway_types import (
    Busy,
    CheckoutSession,
    Dispute,
    Event,
    Fault,
    GatewayError,
    Intent,
    KeyReused,
    Misconfigured,
    Order,
    Refund,
    Refused,
    SignatureInvalid,
    Unreachable,
)

if TYPE_CHECKING:
    import stripe
    from stripe.params import PaymentIntentListParams
    from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItemPriceData

__all__ = [
    "Busy",
    "CheckoutSession",
    "Dispute",
    "Event",
    "Fault",
    "GatewayError",
    "Intent",
    "KeyReused",
    "Misconfigured",
    "Order",
    "Refund",
    "Refused",
    "SignatureInvalid",
    "Unreachable",
    "available",
    "cancel_intent",
    "capture",
    "create_session",
    "disputes_of",
    "expire_session",
    "intents_since",
    "is_sandbox",
    "livemode",
    "refund",
    "retrieve_intent",
    "retrieve_session",
    "signed",
    "verified_event",
]

API_VERSION = "2026-10-28.endive"
TIMEOUT_SECONDS = (5, 15)
NETWORK_RETRIES = 2
DOUBLE_KEY = "sk_test_soloscore_double"
SANDBOX = "sandbox"
INTENT_DETAILS = "latest_charge"

TAX_CODE = "txcd_10401100"
"""Digital audio works, downloaded, no subscription, with permanent rights (docs.stripe.com/tax/digital-products)."""

log = logging.getLogger(__name__)


def livemode() -> bool:
    """Return whether real money moves."""
    return not settings.TEST_CHECKOUT and "_live_" in settings.STRIPE_SECRET_KEY


def is_sandbox(identity: str) -> bool:
    """Return whether a session or intent lies in the books of the sandbox."""
    return identity.startswith((f"cs_{SANDBOX}_", f"pi_{SANDBOX}_"))


def available() -> bool:
    """Return whether anything can be sold at all: there is a key, or the test checkout stands in."""
    return bool(settings.TEST_CHECKOUT or settings.STRIPE_SECRET_KEY)


def create_session(*, order: Order, idempotency_key: str) -> CheckoutSession:
    """Open a Checkout Session that only authorises the money; it is captured when the right is claimed."""
    metadata = {"purchase": order.purchase_id, "environment": settings.ENVIRONMENT}
    price: SessionCreateParamsLineItemPriceData = {
        "currency": order.currency,
        "unit_amount": order.amount,
        "product_data": {"name": order.title},
    }
    if settings.STRIPE_TAX:
        price["tax_behavior"] = settings.STRIPE_TAX_BEHAVIOR
        price["product_data"]["tax_code"] = TAX_CODE
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "allowed_payment_method_types": ["card"],
        "payment_intent_data": {
            "capture_method": "manual",
            "metadata": metadata,
            "description": f"{settings.SITE_NAME}: {order.title}",
        },
        "client_reference_id": order.purchase_id,
        "metadata": metadata,
        "expires_at": int(order.expires_at.timestamp()),
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
    }
    if order.email:
        params["customer_email"] = order.email
    if settings.STRIPE_TAX:
        params["automatic_tax"] = {"enabled": True}
        params["billing_address_collection"] = "required"
    with _told_plainly():
        client = _client(sandbox=order.sandbox)
        return _session(
            client.v1.checkout.sessions.create(params=params, options={"idempotency_key": idempotency_key})
        )


def retrieve_session(session_id: str) -> CheckoutSession:
    """Read a session, its intent and the intent's charge as they are now."""
    with _told_plainly():
        return _session(
            _client_of(session_id).v1.checkout.sessions.retrieve(
                session_id, params={"expand": ["payment_intent", f"payment_intent.{INTENT_DETAILS}"]}
            )
        )


def expire_session(session_id: str) -> CheckoutSession:
    """Ask Stripe to close a session. The answer is its state: ``expired``, or ``complete`` if the buyer was faster."""
    try:
        with _told_plainly():
            return _session(_client_of(session_id).v1.checkout.sessions.expire(session_id))
    except Refused:
        return retrieve_session(session_id)


def retrieve_intent(intent_id: str) -> Intent:
    """Read a PaymentIntent and its charge as they are now."""
    with _told_plainly():
        client = _client_of(intent_id)
        return _intent(client.v1.payment_intents.retrieve(intent_id, params={"expand": [INTENT_DETAILS]}))


def intents_since(moment: datetime) -> Iterator[Intent]:
    """Yield every PaymentIntent of the account created since ``moment``, newest first."""
    params: PaymentIntentListParams = {
        "created": {"gte": int(moment.timestamp())},
        "limit": 100,
        "expand": [f"data.{INTENT_DETAILS}"],
    }
    while True:
        with _told_plainly():
            page = _client(sandbox=False).v1.payment_intents.list(params=params)
        yield from map(_intent, page.data)
        if not page.has_more:
            return
        params["starting_after"] = page.data[-1].id


def capture(*, intent_id: str, idempotency_key: str) -> Intent:
    """Take the money that was authorised."""
    with _told_plainly():
        return _intent(
            _client_of(intent_id).v1.payment_intents.capture(
                intent_id, params={"expand": [INTENT_DETAILS]}, options={"idempotency_key": idempotency_key}
            )
        )


def cancel_intent(intent_id: str) -> Intent:
    """Give up an authorisation; return the intent as it is then, not ``canceled`` if the money was taken already."""
    try:
        with _told_plainly():
            return _intent(_client_of(intent_id).v1.payment_intents.cancel(intent_id))
    except Refused:
        return retrieve_intent(intent_id)


def refund(*, intent_id: str, purchase_id: str, idempotency_key: str) -> Refund:
    """Send all the money of a captured intent back."""
    with _told_plainly():
        refund = _client_of(intent_id).v1.refunds.create(
            params={"payment_intent": intent_id, "metadata": {"purchase": purchase_id}},
            options={"idempotency_key": idempotency_key},
        )
        return Refund(id=refund.id, status=refund.status or "", amount=refund.amount)


def disputes_of(intent_id: str) -> list[Dispute]:
    """Return every dispute about an intent, newest first."""
    with _told_plainly():
        page = _client_of(intent_id).v1.disputes.list(params={"payment_intent": intent_id, "limit": 100})
        return [Dispute(id=dispute.id, status=dispute.status) for dispute in page.data]


def verified_event(*, payload: bytes, signature: str) -> Event:
    """Check a webhook against every configured secret and reduce it. Raises ``SignatureInvalid``."""
    import stripe

    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise SignatureInvalid("The body is not UTF-8.") from error
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            stripe.WebhookSignature.verify_header(text, signature, secret, stripe.Webhook.DEFAULT_TOLERANCE)
        except (stripe.SignatureVerificationError, ValueError, IndexError):
            continue
        return _event(text)
    raise SignatureInvalid("No configured secret matches the signature, or it is too old.")


def signed(payload: str, *, secret: str) -> str:
    """Sign a payload as Stripe does: for the test checkout, which posts to our own webhook."""
    import stripe

    return str(stripe.WebhookSignature.generate_signature_header(payload, secret))


def _event(text: str) -> Event:
    try:
        body = json.loads(text)
        item = body["data"]["object"]
        kind = item.get("object", "")
        metadata = item.get("metadata") or {}
        return Event(
            id=str(body["id"]),
            type=str(body["type"]),
            livemode=bool(body["livemode"]),
            api_version=str(body.get("api_version") or ""),
            purchase_id=str(item.get("client_reference_id") or metadata.get("purchase") or ""),
            session_id=str(item["id"]) if kind == "checkout.session" else "",
            intent_id=str(item["id"] if kind == "payment_intent" else item.get("payment_intent") or ""),
            environment=str(metadata.get("environment") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignatureInvalid("The body is signed and is not an event.") from error


def _session(session: stripe.checkout.Session) -> CheckoutSession:
    intent = None if isinstance(session.payment_intent, str) else session.payment_intent
    return CheckoutSession(
        id=session.id,
        url=session.url or "",
        status=session.status or "",
        payment_status=session.payment_status,
        amount_subtotal=session.amount_subtotal or 0,
        amount_total=session.amount_total or 0,
        amount_tax=session.total_details.amount_tax if session.total_details else 0,
        is_taxed=session.automatic_tax.enabled,
        currency=session.currency or "",
        livemode=session.livemode,
        client_reference_id=session.client_reference_id or "",
        metadata=dict(session.metadata.to_dict()) if session.metadata else {},
        intent=_intent(intent) if intent else None,
    )


def _intent(intent: stripe.PaymentIntent) -> Intent:
    # A charge that was not expanded is only its id.
    charge = None if isinstance(intent.latest_charge, str) else intent.latest_charge
    return Intent(
        id=intent.id,
        status=intent.status,
        amount=intent.amount,
        amount_capturable=intent.amount_capturable,
        amount_received=intent.amount_received,
        currency=intent.currency,
        livemode=intent.livemode,
        metadata=dict(intent.metadata.to_dict()) if intent.metadata else {},
        under_review=intent.review is not None,
        amount_refunded=charge.amount_refunded if charge else 0,
        refunded=charge.refunded if charge else False,
        disputed=charge.disputed if charge else False,
    )


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Turn stripe's exceptions into ours."""
    import stripe

    try:
        yield
    except stripe.APIConnectionError as error:
        raise Unreachable("Stripe did not answer.") from error
    except stripe.RateLimitError as error:
        raise Busy("Stripe asks us to slow down.") from error
    except stripe.IdempotencyError as error:
        raise KeyReused(str(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Misconfigured(f"Stripe does not accept our key: {error}") from error
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        raise Refused(str(error)) from error
    except stripe.StripeError as error:
        raise Fault(str(error)) from error


def _client_of(identity: str) -> stripe.StripeClient:
    return _client(sandbox=is_sandbox(identity))


def _client(*, sandbox: bool) -> stripe.StripeClient:
    if connection.in_atomic_block:
        raise RuntimeError("Stripe was called inside a database transaction; commit first.")
    if sandbox:
        return _double_client(settings.SANDBOX_STORE, mark=SANDBOX)
    if settings.TEST_CHECKOUT:
        return _double_client(settings.TEST_CHECKOUT_STORE, mark="test")
    if not settings.STRIPE_SECRET_KEY:
        raise Misconfigured("STRIPE_SECRET_KEY is not set.")
    return _stripe_client(settings.STRIPE_SECRET_KEY)


@lru_cache(maxsize=1)
def _stripe_client(key: str) -> stripe.StripeClient:
    import stripe

    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=NETWORK_RETRIES,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


@lru_cache(maxsize=4)
def _double_client(store: Path, *, mark: str) -> stripe.StripeClient:
    import stripe

    from payments.double.engine import Engine, ReplyLost

    class Transport(stripe.HTTPClient):
        """Hands each request to the double instead of the network."""

        name = "double"

        def request(
            self,
            method: str,
            url: str,
            headers: Mapping[str, str] | None,
            post_data: Any = None,
            **_unused: Any,
        ) -> tuple[str, int, Mapping[str, str]]:
            parts = urlsplit(url)
            try:
                status, body = engine.handle(
                    method=method,
                    path=parts.path,
                    form=post_data or parts.query,
                    key=(headers or {}).get("Idempotency-Key"),
                )
            except ReplyLost as error:
                lost = stripe.APIConnectionError(str(error), should_retry=True)  # type: ignore[no-untyped-call]
                raise lost from error
            return json.dumps(body), status, {"request-id": "req_double"}

        def _sleep_time_seconds(self, num_retries: int) -> float:
            return 0.0

        def close(self) -> None:
            """Nothing is open between two requests."""

    engine = Engine(store, mark=mark)
    return stripe.StripeClient(
        DOUBLE_KEY,
        stripe_version=API_VERSION,
        max_network_retries=NETWORK_RETRIES,
        http_client=Transport(),
    )
