"""A shop for tests: the real services, the double of Stripe behind them, and hands to play buyer, bank and Stripe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from generation.models import Composition
from payments import gateway, services
from payments.double.browser import Browser
from payments.double.engine import Engine
from payments.double.store import Call, Document
from payments.models import Purchase
from tests.factories import a_listed_composition, a_user

CONSENTS = ("immediate_delivery", "withdrawal_lost")


@dataclass(slots=True)
class Shop:
    """Everything a test does to a purchase, in a word each."""

    engine: Engine
    stripe: Browser

    @classmethod
    def open(cls) -> Shop:
        engine = Engine(settings.TEST_CHECKOUT_STORE)
        return cls(engine=engine, stripe=Browser(engine))

    def start(
        self, *, piece: Composition | None = None, buyer: User | None = None, licensee: str = "Ada Lovelace"
    ) -> Purchase:
        """Hold a piece and open its checkout."""
        return services.start_purchase(
            composition_id=(piece or a_listed_composition()).pk,
            buyer=buyer or a_user(),
            licensee=licensee,
            consents=CONSENTS,
        )

    def paid(self, **fields: Any) -> Purchase:
        """A purchase that is paid at Stripe while nobody has told us."""
        purchase = self.start(**fields)
        self.stripe.pay(purchase.session_id)
        return purchase

    def sold(self, **fields: Any) -> Purchase:
        """A purchase that is through."""
        purchase = services.settle(purchase_id=self.paid(**fields).pk)
        assert purchase.state == Purchase.State.SOLD
        self.forget_events()
        return purchase

    def session(self, purchase: Purchase) -> Document:
        """The session as Stripe has it."""
        session = self.stripe.session(purchase.session_id)
        assert session is not None
        return session

    def intent(self, purchase: Purchase) -> gateway.Intent:
        """The payment as Stripe has it."""
        return gateway.retrieve_intent(self.session(purchase)["payment_intent"])

    def calls(self, pattern: str) -> list[Call]:
        """What Stripe was asked."""
        return self.engine.calls(pattern)

    def captures(self) -> int:
        """How often money was taken."""
        with self.engine.store.open() as books:
            return sum(charge["captured"] for charge in books.every("charge"))

    def refunds(self) -> list[Document]:
        """The refunds at Stripe."""
        with self.engine.store.open() as books:
            return books.every("refund")

    def event(self, kind: str) -> Document:
        """The newest event of a type that is not delivered yet."""
        return next(event for event in reversed(self.stripe.undelivered()) if event["type"] == kind)

    def forget_events(self) -> None:
        """Lose every webhook so far."""
        for event in self.stripe.undelivered():
            self.stripe.delivered(event["id"])

    def deliver(self, event: Document) -> int:
        """Post one event as Stripe does; the answer's status."""
        body = json.dumps(event)
        return post(body, signature=gateway.signed(body, secret=settings.STRIPE_WEBHOOK_SECRETS[0]))

    def deliver_everything(self) -> None:
        """Deliver events until there are none; every one must be taken."""
        while events := self.stripe.undelivered():
            for event in events:
                assert self.deliver(event) == 200
                self.stripe.delivered(event["id"])


def post(body: str | bytes, *, signature: str | None) -> int:
    """Post a body to the webhook; the answer's status."""
    headers = {} if signature is None else {"Stripe-Signature": signature}
    answer = Client(enforce_csrf_checks=True).post(
        reverse("stripe_webhook"), data=body, content_type="application/json", headers=headers
    )
    return answer.status_code
