"""What comes out of the gateway: plain values, and errors by what the caller should do about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class GatewayError(Exception):
    """Something went wrong between us and Stripe."""


class Unreachable(GatewayError):
    """No answer came: nobody knows whether the request took effect. Asking again with the same key is safe."""


class Busy(GatewayError):
    """Stripe asks us to slow down; nothing happened."""


class Fault(GatewayError):
    """Stripe answered with an error of its own, which it repeats for the same idempotency key."""


class Refused(GatewayError):
    """Stripe refused the request as it is; sending it again changes nothing."""


class Misconfigured(GatewayError):
    """Our key is missing, wrong or may not do this."""


class KeyReused(GatewayError):
    """An idempotency key was used with other parameters: a bug on our side."""


class SignatureInvalid(GatewayError):
    """A webhook does not carry a valid signature of any configured secret."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a Checkout Session is opened for. ``email`` is empty where nobody is to be written to."""

    purchase_id: str
    title: str
    amount: int
    currency: str
    email: str
    expires_at: datetime
    success_url: str
    cancel_url: str
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent with its latest charge. ``amount_refunded`` and ``disputed`` belong to that charge."""

    id: str
    status: str
    amount: int
    amount_capturable: int
    amount_received: int
    currency: str
    livemode: bool
    metadata: Mapping[str, str]
    under_review: bool
    amount_refunded: int = 0
    refunded: bool = False
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A Checkout Session with its PaymentIntent, if one was begun. Amounts are in cents; a total includes its tax."""

    id: str
    url: str
    status: str
    payment_status: str
    amount_subtotal: int
    amount_total: int
    amount_tax: int
    is_taxed: bool
    currency: str
    livemode: bool
    client_reference_id: str
    metadata: Mapping[str, str]
    intent: Intent | None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money sent back."""

    id: str
    status: str
    amount: int


@dataclass(frozen=True, slots=True)
class Dispute:
    """A card holder's complaint; ``warning_…`` states are inquiries, which take no money."""

    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Event:
    """A verified webhook event, reduced to what points at one of our purchases."""

    id: str
    type: str
    livemode: bool
    api_version: str
    purchase_id: str
    session_id: str
    intent_id: str
    environment: str
