"""The double's API: what Stripe answers to each request, and what it refuses."""

from __future__ import annotations

import fnmatch
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from payments.double.forms import decode
from payments.double.store import Books, Call, Document, Store, new_id

API_VERSION = "2026-10-28.endive"
SHORTEST_SESSION = 30 * 60
LONGEST_SESSION = 24 * 60 * 60
AUTHORISATION_LASTS = 7 * 24 * 60 * 60
SMALLEST_AMOUNT = 50
TAX_PERCENT = 20
"""What the double takes from everybody; at Stripe it depends on the address."""

SESSION_PARAMS = {
    "allowed_payment_method_types",
    "automatic_tax",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "expand",
    "expires_at",
    "line_items",
    "locale",
    "metadata",
    "mode",
    "payment_intent_data",
    "submit_type",
    "success_url",
}
INTENT_DATA_PARAMS = {"capture_method", "description", "metadata"}


class ReplyLost(Exception):
    """The connection broke; the caller cannot know whether the request took effect."""


class Refusal(Exception):
    """An error response."""

    def __init__(
        self, status: int, message: str, *, code: str = "", kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, "code": code}}


class Engine:
    """Answers requests; the state lies in the store, so any number of processes may share it."""

    def __init__(self, path: Path, *, mark: str = "test") -> None:
        self.store = Store(path, mark=mark)

    def handle(self, *, method: str, path: str, form: str, key: str | None) -> tuple[int, Document]:
        """Answer one request. Raises ``ReplyLost`` when the fault script says so."""
        call = f"{method.upper()} {path}"
        params = decode(form)
        with self.store.open() as books:
            fault = next(((n, k) for n, pattern, k in books.faults() if fnmatch.fnmatch(call, pattern)), None)
            if fault:
                books.use_fault(fault[0])
            status, body = self._answer(
                books, call=call, params=params, key=key, fault=fault[1] if fault else ""
            )
            books.log(Call(call, params, key, status or None))
        if not status:
            raise ReplyLost(f"no reply to {call}")
        return status, body

    def fail(self, call: str, kind: str, *, times: int = 1) -> None:
        """Script a fault for requests such as ``POST /v1/checkout/sessions``; ``*`` matches any id.

        Kinds: ``lost_before`` and ``lost_after`` the effect, ``500`` and ``500_after`` it, ``429``, ``401``, ``400``.
        """
        with self.store.open() as books:
            books.add_fault(call=call, kind=kind, times=times)

    def calls(self, pattern: str = "*") -> list[Call]:
        """Return the requests that matched, oldest first."""
        with self.store.open() as books:
            return [call for call in books.calls() if fnmatch.fnmatch(call.call, pattern)]

    def _answer(
        self, books: Books, *, call: str, params: Document, key: str | None, fault: str
    ) -> tuple[int, Document]:
        request = json.dumps([call, params], sort_keys=True)
        seen = books.replay(key) if key else None
        if seen and seen[0] != request:
            message = f"Keys for idempotent requests can only be used with the parameters first sent ({key})."
            return 400, Refusal(400, message, kind="idempotency_error").body
        if fault == "lost_before":
            return 0, {}
        if fault in {"429", "401", "400"}:
            return int(fault), Refusal(int(fault), f"The script says {fault}.").body
        if seen:
            return (0, {}) if fault == "lost_after" else (seen[1], seen[2])
        if fault == "500":
            status, body = 500, Refusal(500, "An unknown error occurred.", kind="api_error").body
        else:
            try:
                status, body = 200, _dispatch(books, call, params)
            except Refusal as refusal:
                status, body = refusal.status, refusal.body
        if fault == "500_after":
            status, body = 500, Refusal(500, "An unknown error occurred.", kind="api_error").body
        if key and status in {200, 402, 500}:
            books.remember(key=key, request=request, status=status, body=body)
        return (0, {}) if fault == "lost_after" else (status, body)


def _dispatch(books: Books, call: str, params: Document) -> Document:
    params = dict(params)
    expand = params.pop("expand", [])
    for pattern, handler in ROUTES:
        match = re.fullmatch(pattern, call)
        if match:
            return _expanded(books, handler(books, params, *match.groups()), expand)
    raise Refusal(404, f"Unrecognized request URL ({call}).")


def refresh(books: Books, body: Document) -> Document:
    """Let time pass for an object: sessions expire, authorisations lapse."""
    now = int(time.time())
    if body["object"] == "checkout.session" and body["status"] == "open" and body["expires_at"] <= now:
        return close_session(books, body)
    if (
        body["object"] == "payment_intent"
        and body["status"] == "requires_capture"
        and body["created"] + AUTHORISATION_LASTS <= now
    ):
        return cancel(books, body, reason="automatic")
    return body


def close_session(books: Books, session: Document) -> Document:
    """Expire a session, with whatever payment was begun in it."""
    session |= {"status": "expired", "url": None}
    books.put(session)
    books.announce("checkout.session.expired", session, api_version=API_VERSION)
    intent = books.get(session["payment_intent"]) if session["payment_intent"] else None
    if intent and intent["status"] not in {"requires_capture", "succeeded", "canceled", "processing"}:
        cancel(books, intent, reason="void_invoice")
    return session


def cancel(books: Books, intent: Document, *, reason: str) -> Document:
    """Void an intent; nothing is refunded, since nothing was taken."""
    intent |= {
        "status": "canceled",
        "canceled_at": int(time.time()),
        "cancellation_reason": reason,
        "amount_capturable": 0,
    }
    books.put(intent)
    books.announce("payment_intent.canceled", intent, api_version=API_VERSION)
    return intent


def find(books: Books, identity: str, kind: str) -> Document:
    """Return an object as it is now, or refuse with 404."""
    body = books.get(identity)
    if body is None or body["object"] != kind:
        raise Refusal(404, f"No such {kind}: '{identity}'", code="resource_missing")
    return refresh(books, body)


def _create_session(books: Books, params: Document) -> Document:
    data = params.get("payment_intent_data", {})
    unknown = (set(params) - SESSION_PARAMS) | (set(data) - INTENT_DATA_PARAMS)
    if unknown:
        raise Refusal(400, f"Received unknown parameter: {sorted(unknown)[0]}", code="parameter_unknown")
    now = int(time.time())
    expires_at = int(params.get("expires_at", now + LONGEST_SESSION))
    if not now + SHORTEST_SESSION <= expires_at <= now + LONGEST_SESSION:
        raise Refusal(400, "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.")
    if params.get("mode") != "payment" or not params.get("success_url") or not params.get("line_items"):
        raise Refusal(
            400, "Missing required param: mode, success_url or line_items.", code="parameter_missing"
        )
    prices = [line["price_data"] for line in params["line_items"]]
    amount = sum(
        int(line["quantity"]) * int(price["unit_amount"])
        for line, price in zip(params["line_items"], prices, strict=True)
    )
    if amount < SMALLEST_AMOUNT:
        raise Refusal(400, "The total amount due is below the minimum.", code="amount_too_small")
    currency = prices[0]["currency"]
    if not re.fullmatch("[a-z]{3}", currency):
        raise Refusal(400, f"Invalid currency: {currency}.")
    taxed = params.get("automatic_tax", {}).get("enabled") == "true"
    behaviours = {price.get("tax_behavior") for price in prices}
    if taxed and not behaviours <= {"inclusive", "exclusive"}:
        raise Refusal(400, "With automatic tax, every price needs a `tax_behavior`: inclusive or exclusive.")
    identity = new_id(f"cs_{books.mark}")
    session = {
        "id": identity,
        "object": "checkout.session",
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount_subtotal": amount,
        "amount_total": amount,
        "automatic_tax": {"enabled": taxed, "status": "requires_location_inputs" if taxed else None},
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": now,
        "currency": currency,
        "customer_email": params.get("customer_email"),
        "expires_at": expires_at,
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "payment_intent": None,
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "status": "open",
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"/test-checkout/{identity}/",
    }
    hidden = {
        "payment_intent_data": data,
        "name": prices[0]["product_data"]["name"],
        "tax_on_top": behaviours == {"exclusive"},
    }
    return books.put(session, hidden=hidden)


def with_tax(session: Document, *, on_top: bool) -> Document:
    """Return a session as it is once the buyer's address is known: taxed, if it was opened so."""
    if not session["automatic_tax"]["enabled"]:
        return session
    net = session["amount_subtotal"]
    tax = round(net * TAX_PERCENT / (100 if on_top else 100 + TAX_PERCENT))
    return session | {
        "amount_total": net + tax if on_top else net,
        "automatic_tax": {"enabled": True, "status": "complete"},
        "total_details": session["total_details"] | {"amount_tax": tax},
    }


def _get_session(books: Books, params: Document, identity: str) -> Document:
    return find(books, identity, "checkout.session")


def _list_sessions(books: Books, params: Document) -> Document:
    return _list(
        books, "checkout.session", params, "/v1/checkout/sessions", filters=("payment_intent", "status")
    )


def _expire_session(books: Books, params: Document, identity: str) -> Document:
    session = find(books, identity, "checkout.session")
    if session["status"] != "open":
        message = f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.'
        raise Refusal(400, message)
    return close_session(books, session)


def _get_intent(books: Books, params: Document, identity: str) -> Document:
    return find(books, identity, "payment_intent")


def _list_intents(books: Books, params: Document) -> Document:
    return _list(books, "payment_intent", params, "/v1/payment_intents", filters=("customer",))


def _capture(books: Books, params: Document, identity: str) -> Document:
    intent = find(books, identity, "payment_intent")
    if intent["status"] != "requires_capture":
        message = f"This PaymentIntent could not be captured because it has a status of {intent['status']}."
        raise Refusal(400, message, code="payment_intent_unexpected_state")
    amount = int(params.get("amount_to_capture") or intent["amount_capturable"])
    if amount > intent["amount_capturable"]:
        raise Refusal(400, "The amount is greater than what may be captured.", code="amount_too_large")
    charge = find(books, intent["latest_charge"], "charge") | {"captured": True, "amount_captured": amount}
    books.put(charge)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    books.put(intent)
    books.announce("charge.captured", charge, api_version=API_VERSION)
    books.announce("payment_intent.succeeded", intent, api_version=API_VERSION)
    return intent


def _cancel_intent(books: Books, params: Document, identity: str) -> Document:
    intent = find(books, identity, "payment_intent")
    if intent["status"] in {"succeeded", "canceled", "processing"}:
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise Refusal(400, message, code="payment_intent_unexpected_state")
    return cancel(books, intent, reason=params.get("cancellation_reason", "requested_by_customer"))


def _create_refund(books: Books, params: Document) -> Document:
    intent = find(books, params["payment_intent"], "payment_intent")
    charge = find(books, intent["latest_charge"], "charge") if intent["latest_charge"] else None
    if charge is None or not charge["captured"]:
        raise Refusal(400, "This PaymentIntent does not have a successful charge to refund.")
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = int(params.get("amount", left))
    if left == 0:
        raise Refusal(
            400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if charge["disputed"]:
        raise Refusal(400, f"Charge {charge['id']} has been charged back.", code="charge_disputed")
    if amount > left:
        raise Refusal(400, f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    books.put(charge)
    refund = books.put(
        {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": int(time.time()),
            "currency": charge["currency"],
            "metadata": params.get("metadata", {}),
            "payment_intent": intent["id"],
            "reason": params.get("reason"),
            "status": "succeeded",
        }
    )
    books.announce("refund.created", refund, api_version=API_VERSION)
    books.announce("charge.refunded", charge, api_version=API_VERSION)
    return refund


def _list_refunds(books: Books, params: Document) -> Document:
    return _list(books, "refund", params, "/v1/refunds", filters=("payment_intent",))


def _list_disputes(books: Books, params: Document) -> Document:
    return _list(books, "dispute", params, "/v1/disputes", filters=("payment_intent",))


def _list(books: Books, kind: str, params: Document, url: str, *, filters: tuple[str, ...]) -> Document:
    found = [refresh(books, body) for body in books.every(kind)]
    for name in filters:
        if name in params:
            found = [body for body in found if body.get(name) == params[name]]
    since = int(params.get("created", {}).get("gte", 0))
    found = [body for body in found if body["created"] >= since]
    after = params.get("starting_after")
    if after:
        ids = [body["id"] for body in found]
        found = found[ids.index(after) + 1 :] if after in ids else []
    limit = int(params.get("limit", 10))
    return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": url}


def _expanded(books: Books, body: Document, expand: list[str]) -> Document:
    for path in expand:
        _expand(books, body, path.split("."))
    return body


def _expand(books: Books, body: Document, path: list[str]) -> None:
    name, *rest = path
    value: Any = body.get(name)
    if name == "data":
        for item in value:
            _expand(books, item, rest)
        return
    if isinstance(value, str):
        value = body[name] = books.get(value)
    if rest and isinstance(value, dict):
        _expand(books, refresh(books, value), rest)


ROUTES: list[tuple[str, Callable[..., Document]]] = [
    (r"POST /v1/checkout/sessions", _create_session),
    (r"GET /v1/checkout/sessions", _list_sessions),
    (r"GET /v1/checkout/sessions/([^/]+)", _get_session),
    (r"POST /v1/checkout/sessions/([^/]+)/expire", _expire_session),
    (r"GET /v1/payment_intents", _list_intents),
    (r"GET /v1/payment_intents/([^/]+)", _get_intent),
    (r"POST /v1/payment_intents/([^/]+)/capture", _capture),
    (r"POST /v1/payment_intents/([^/]+)/cancel", _cancel_intent),
    (r"POST /v1/refunds", _create_refund),
    (r"GET /v1/refunds", _list_refunds),
    (r"GET /v1/disputes", _list_disputes),
]
