"""What happens at Stripe without our asking: a buyer pays, a bank lapses or disputes, staff use the Dashboard."""

from __future__ import annotations

import time

from payments.double.engine import API_VERSION, Engine, cancel, close_session, find, with_tax
from payments.double.store import Books, Document, new_id


class CheckoutClosed(Exception):
    """The page is no longer open: paid already, or expired."""


class Browser:
    """Drives the double from outside the API. Every method leaves the events that Stripe would send."""

    def __init__(self, engine: Engine) -> None:
        self._store = engine.store

    def session(self, session_id: str) -> Document | None:
        """Return the session as it is now, with the order's name and the payment's state; None if there is none."""
        with self._store.open() as books:
            if books.get(session_id) is None:
                return None
            session = find(books, session_id, "checkout.session")
            intent = books.get(session["payment_intent"]) if session["payment_intent"] else None
            return session | {
                "name": books.hidden(session_id).get("name", ""),
                "payment_state": intent["status"] if intent else "",
            }

    def pay(self, session_id: str) -> None:
        """Pay with a good card, or finish the 3-D Secure step that was asked for."""
        with self._store.open() as books:
            session = self._open_session(books, session_id)
            intent = self._intent(books, session)
            self._authorise(books, intent)
            manual = intent["capture_method"] == "manual"
            self._complete(books, session, payment_status="unpaid" if manual else "paid")

    def decline(self, session_id: str) -> None:
        """Try a card that the bank refuses; the page stays open for another one."""
        with self._store.open() as books:
            intent = self._intent(books, self._open_session(books, session_id))
            intent |= {
                "status": "requires_payment_method",
                "last_payment_error": {"code": "card_declined", "type": "card_error"},
            }
            books.put(intent)
            books.announce("payment_intent.payment_failed", intent, api_version=API_VERSION)

    def ask_3ds(self, session_id: str) -> None:
        """Use a card whose bank asks for 3-D Secure; ``pay`` finishes it, anything else abandons it."""
        with self._store.open() as books:
            intent = self._intent(books, self._open_session(books, session_id))
            intent |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}}
            books.put(intent)
            books.announce("payment_intent.requires_action", intent, api_version=API_VERSION)

    def pay_by_delayed_method(self, session_id: str) -> None:
        """Complete the page while the money is still on its way."""
        with self._store.open() as books:
            session = self._open_session(books, session_id)
            books.put(self._intent(books, session) | {"status": "processing"})
            self._complete(books, session, payment_status="unpaid")

    def delayed_money_arrives(self, intent_id: str) -> None:
        """Let a delayed payment succeed."""
        with self._store.open() as books:
            intent = find(books, intent_id, "payment_intent")
            self._authorise(books, intent)
            session = next(s for s in books.every("checkout.session") if s["payment_intent"] == intent_id)
            books.announce("checkout.session.async_payment_succeeded", session, api_version=API_VERSION)

    def delayed_money_fails(self, intent_id: str) -> None:
        """Let a delayed payment fail."""
        with self._store.open() as books:
            cancel(books, find(books, intent_id, "payment_intent"), reason="failed_invoice")
            session = next(s for s in books.every("checkout.session") if s["payment_intent"] == intent_id)
            books.announce("checkout.session.async_payment_failed", session, api_version=API_VERSION)

    def expire(self, session_id: str) -> None:
        """Let the page's time run out now."""
        with self._store.open() as books:
            session = self._open_session(books, session_id)
            session["expires_at"] = min(session["expires_at"], int(time.time()))
            close_session(books, session)

    def lapse(self, intent_id: str) -> None:
        """Let the bank drop an authorisation that was not captured in time."""
        with self._store.open() as books:
            cancel(books, find(books, intent_id, "payment_intent"), reason="automatic")

    def open_review(self, intent_id: str) -> None:
        """Put a payment under review by Radar."""
        self.change(intent_id, review=new_id("prv"))

    def close_review(self, intent_id: str) -> None:
        """Approve a reviewed payment."""
        self.change(intent_id, review=None)

    def dispute(self, intent_id: str, *, status: str = "needs_response") -> str:
        """Let the card holder dispute the charge; returns the dispute's id."""
        with self._store.open() as books:
            intent = find(books, intent_id, "payment_intent")
            inquiry = status.startswith("warning_")
            charge = find(books, intent["latest_charge"], "charge") | {"disputed": not inquiry}
            books.put(charge)
            dispute = books.put(
                {
                    "id": new_id("dp"),
                    "object": "dispute",
                    "amount": charge["amount_captured"],
                    "charge": charge["id"],
                    "created": int(time.time()),
                    "currency": charge["currency"],
                    "livemode": charge["livemode"],
                    "metadata": {},
                    "payment_intent": intent_id,
                    "reason": "fraudulent",
                    "status": status,
                }
            )
            books.announce("charge.dispute.created", dispute, api_version=API_VERSION)
            return str(dispute["id"])

    def close_dispute(self, dispute_id: str, *, status: str) -> None:
        """Decide a dispute: ``won`` or ``lost``. The charge stays marked as disputed, as at Stripe."""
        with self._store.open() as books:
            dispute = books.put(find(books, dispute_id, "dispute") | {"status": status})
            books.announce("charge.dispute.closed", dispute, api_version=API_VERSION)

    def fail_refund(self, refund_id: str) -> None:
        """Let the bank refuse a refund: the money comes back to us."""
        with self._store.open() as books:
            refund = books.put(find(books, refund_id, "refund") | {"status": "failed"})
            charge = find(books, refund["charge"], "charge")
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False
            books.put(charge)
            books.announce("refund.failed", refund, api_version=API_VERSION)

    def change(self, identity: str, **fields: object) -> None:
        """Forge any object: what tests of the impossible need."""
        with self._store.open() as books:
            body = books.get(identity)
            if body is None:
                raise KeyError(identity)
            books.put(body | fields)

    def capture_automatically(self, session_id: str) -> None:
        """Forge a session into automatic capture: what tests of the second wall need."""
        with self._store.open() as books:
            hidden = books.hidden(session_id)
            hidden["payment_intent_data"]["capture_method"] = "automatic"
            books.put(find(books, session_id, "checkout.session"), hidden=hidden)

    def undelivered(self) -> list[Document]:
        """Return the events nobody has got yet, oldest first."""
        with self._store.open() as books:
            return books.outgoing()

    def delivered(self, event_id: str) -> None:
        """Take an event off the list, whether it arrived or was lost."""
        with self._store.open() as books:
            books.mark_delivered(event_id)

    def _open_session(self, books: Books, session_id: str) -> Document:
        session = find(books, session_id, "checkout.session")
        if session["status"] != "open":
            raise CheckoutClosed(f"This checkout is {session['status']}.")
        return session

    def _intent(self, books: Books, session: Document) -> Document:
        if session["payment_intent"]:
            return find(books, session["payment_intent"], "payment_intent")
        hidden = books.hidden(session["id"])
        data = hidden.get("payment_intent_data", {})
        session |= with_tax(session, on_top=hidden.get("tax_on_top", False))
        intent = {
            "id": new_id(f"pi_{books.mark}"),
            "object": "payment_intent",
            "amount": session["amount_total"],
            "amount_capturable": 0,
            "amount_received": 0,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": data.get("capture_method", "automatic"),
            "created": int(time.time()),
            "currency": session["currency"],
            "description": data.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": session["livemode"],
            "metadata": data.get("metadata", {}),
            "next_action": None,
            "payment_method_types": ["card"],
            "review": None,
            "status": "requires_payment_method",
        }
        books.put(intent)
        books.put(session | {"payment_intent": intent["id"]})
        session["payment_intent"] = intent["id"]
        return intent

    def _authorise(self, books: Books, intent: Document) -> None:
        manual = intent["capture_method"] == "manual"
        charge = {
            "id": new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0 if manual else intent["amount"],
            "amount_refunded": 0,
            "captured": not manual,
            "created": int(time.time()),
            "currency": intent["currency"],
            "disputed": False,
            "livemode": intent["livemode"],
            "metadata": intent["metadata"],
            "paid": True,
            "payment_intent": intent["id"],
            "refunded": False,
            "status": "succeeded",
        }
        books.put(charge)
        intent |= {
            "status": "requires_capture" if manual else "succeeded",
            "amount_capturable": intent["amount"] if manual else 0,
            "amount_received": 0 if manual else intent["amount"],
            "latest_charge": charge["id"],
            "next_action": None,
            "last_payment_error": None,
        }
        books.put(intent)
        books.announce("charge.succeeded", charge, api_version=API_VERSION)
        kind = "payment_intent.amount_capturable_updated" if manual else "payment_intent.succeeded"
        books.announce(kind, intent, api_version=API_VERSION)

    def _complete(self, books: Books, session: Document, *, payment_status: str) -> None:
        session |= {"status": "complete", "payment_status": payment_status, "url": None}
        books.put(session)
        books.announce("checkout.session.completed", session, api_version=API_VERSION)
