"""What partners can be told: the types of events, what each means, and an example of its ``data``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.db import models


class EventType(models.TextChoices):
    """The types, in the order of a piece's life. A new one may be added at any time, none is renamed."""

    COMPOSITION_READY = "composition.ready", "A piece is composed: it can be heard and bought."
    COMPOSITION_FAILED = (
        "composition.failed",
        "A piece could not be composed; `error_code` and `error` say why.",
    )
    PURCHASE_HELD = "purchase.held", "Somebody holds a piece and is about to pay for it."
    PURCHASE_PAID = "purchase.paid", "A piece is paid, and the exclusive right to it is granted."
    PURCHASE_CANCELLED = (
        "purchase.cancelled",
        "A hold ended without a sale: `cancelled`, or `expired` unpaid.",
    )
    PURCHASE_REFUNDED = "purchase.refunded", "The money went back, and the right has ended."
    CERTIFICATE_ISSUED = "certificate.issued", "A certificate was issued, for a sale or in place of another."
    CERTIFICATE_SUPERSEDED = (
        "certificate.superseded",
        "Another certificate stands in the place of this one, which was `transferred` or corrected (`superseded`).",
    )
    CERTIFICATE_REVOKED = "certificate.revoked", "The right has ended, and with it its certificate."
    PIECE_SOLD_ELSEWHERE = (
        "piece.sold_elsewhere",
        "A piece of yours has left the shop, since its kin was sold (`kin_sold`) or one too near to it (`too_near`).",
    )
    PING = "ping", "A test that you asked for."


_COMPOSITION = "5f0c6f9e-7d6c-4b0f-9a55-0f6d1b7f3c11"
_PURCHASE = {
    "purchase": "b7c6b0a4-52a3-4a38-9a2f-7c1f4d2f9e02",
    "composition": _COMPOSITION,
    "amount_minor": 4900,
    "currency": "eur",
    "is_test": False,
}
_CERTIFICATE = {"copyright_id": "SC-7K3M-9QXT-4B", "composition": _COMPOSITION, "is_test": False}

EXAMPLES: dict[str, dict[str, Any]] = {
    EventType.COMPOSITION_READY: {
        "composition": _COMPOSITION,
        "state": "ready",
        "title": "Guitar in D minor, no. 3c11",
        "seconds": 30.0,
    },
    EventType.COMPOSITION_FAILED: {
        "composition": _COMPOSITION,
        "state": "failed",
        "error_code": "fell_silent",
        "error": "Composing stopped 3 times without a sign of life.",
    },
    EventType.PURCHASE_HELD: {**_PURCHASE, "state": "held"},
    EventType.PURCHASE_PAID: {**_PURCHASE, "state": "sold", "copyright_id": _CERTIFICATE["copyright_id"]},
    EventType.PURCHASE_CANCELLED: {**_PURCHASE, "state": "expired"},
    EventType.PURCHASE_REFUNDED: {**_PURCHASE, "state": "refunded"},
    EventType.CERTIFICATE_ISSUED: _CERTIFICATE,
    EventType.CERTIFICATE_SUPERSEDED: {
        **_CERTIFICATE,
        "because": "transferred",
        "successor": "SC-2H8W-5NRD-6F",
    },
    EventType.CERTIFICATE_REVOKED: _CERTIFICATE,
    EventType.PIECE_SOLD_ELSEWHERE: {"composition": _COMPOSITION, "because": "kin_sold"},
    EventType.PING: {"webhook": "0d0a7a53-3c0b-4f3e-8f7e-2f8f5b5f6a10"},
}


def body_of(*, event_type: str, data: dict[str, Any], now: datetime) -> str:
    """Return what is sent and signed, as Standard Webhooks lays it out."""
    timestamp = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": event_type, "timestamp": timestamp, "data": data}, separators=(",", ":"))


def example_of(event_type: str) -> dict[str, Any]:
    """Return an example of a body, as an object."""
    now = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
    example: dict[str, Any] = json.loads(body_of(event_type=event_type, data=EXAMPLES[event_type], now=now))
    return example


def as_markdown() -> str:
    """Return the catalogue as the documentation shows it."""
    parts = []
    for kind in EventType:
        example = json.dumps(example_of(kind), indent=2)
        parts.append(f"### `{kind.value}`\n\n{kind.label}\n\n```json\n{example}\n```\n")
    return "\n".join(parts)
