"""Whatever happens, in whatever order: one piece, at most one owner, and no money without a right."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import User
from licensing.models import ExclusiveRight
from payments import gateway, services, settle
from payments.double.browser import CheckoutClosed
from payments.double.store import Document
from payments.errors import PaymentError
from payments.models import Incident, OutboxMessage, Purchase
from tests.factories import a_listed_composition, a_user
from tests.payments.shop import Shop

OWNED = {"sold", "disputed", "refunded", "lost"}


class Killed(Exception):
    """A process died in the middle of its work."""


class World:
    """One piece, two buyers, and everything that may happen to them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.piece = a_listed_composition()
        self.buyers = [a_user(), a_user()]
        self.events: list[Document] = []

    def purchases(self) -> list[Purchase]:
        return list(Purchase.objects.filter(composition=self.piece).order_by("created_at"))

    def opened(self) -> list[Purchase]:
        return [purchase for purchase in self.purchases() if purchase.session_id]

    def start(self, buyer: User) -> None:
        self.shop.start(piece=self.piece, buyer=buyer)

    def each(self, deed: Callable[[Any], Any], *arguments: Any) -> None:
        for argument in arguments:
            with suppress(CheckoutClosed):
                deed(argument)

    def at_stripe(self, deed: Callable[[Any], Any]) -> None:
        self.each(deed, *(purchase.session_id for purchase in self.opened()))

    def settle(self) -> None:
        for purchase in self.purchases():
            services.settle(purchase_id=purchase.pk)

    def killed_while(self, module: Any, name: str) -> None:
        real = getattr(module, name)

        def die(**_arguments: Any) -> None:
            raise Killed

        setattr(module, name, die)
        try:
            self.settle()
        finally:
            setattr(module, name, real)

    def collect(self) -> None:
        for event in self.shop.stripe.undelivered():
            self.shop.stripe.delivered(event["id"])
            self.events.append(event)

    def deliver(self, *, newest_first: bool) -> None:
        """Deliver every event so far, again."""
        self.collect()
        for event in reversed(self.events) if newest_first else self.events:
            self.shop.deliver(event)

    def lapse(self) -> None:
        for purchase in self.opened():
            intent = self.shop.session(purchase)["payment_intent"]
            if intent and gateway.retrieve_intent(intent).status == "requires_capture":
                self.shop.stripe.lapse(intent)

    def sweep_after(self, minutes: int) -> None:
        with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
            services.sweep_purchases()

    def check(self) -> None:
        """What must hold after every step."""
        purchases = self.purchases()
        assert sum(purchase.state not in Purchase.OVER for purchase in purchases) <= 1
        rights = ExclusiveRight.objects.filter(composition=self.piece)
        assert rights.count() <= 1
        ours = {str(purchase.pk): purchase for purchase in purchases}
        with self.shop.engine.store.open() as books:
            charges = [
                c for c in books.every("charge") if c["metadata"].get("purchase") in ours and c["captured"]
            ]
        assert len(charges) <= 1
        for charge in charges:
            assert ours[charge["metadata"]["purchase"]].state in OWNED | {"claimed"}
        for right in rights:
            assert ours[str(right.purchase_id)].state in OWNED
            assert len(charges) == 1
            assert OutboxMessage.objects.filter(purchase_id=right.purchase_id).count() == 2
        self.piece.refresh_from_db()
        live = [purchase.state for purchase in purchases if purchase.state not in Purchase.OVER]
        shown = {"held": "on_hold", "claimed": "on_hold", "sold": "sold"}
        assert self.piece.sale_state == (shown[live[0]] if live else "available")


STEPS: dict[str, Callable[[World], Any]] = {
    "first buyer starts": lambda w: w.start(w.buyers[0]),
    "second buyer starts": lambda w: w.start(w.buyers[1]),
    "pay": lambda w: w.at_stripe(w.shop.stripe.pay),
    "card declined": lambda w: w.at_stripe(w.shop.stripe.decline),
    "3-D Secure begun": lambda w: w.at_stripe(w.shop.stripe.ask_3ds),
    "page expires at Stripe": lambda w: w.at_stripe(w.shop.stripe.expire),
    "authorisation lapses": World.lapse,
    "cancel": lambda w: [services.cancel_purchase(purchase=purchase) for purchase in w.purchases()],
    "success page": World.settle,
    "killed before capture": lambda w: w.killed_while(gateway, "capture"),
    "killed before the right": lambda w: w.killed_while(settle, "grant_right"),
    "webhooks": lambda w: w.deliver(newest_first=False),
    "webhooks backwards": lambda w: w.deliver(newest_first=True),
    "sweeper": lambda w: w.sweep_after(0),
    "sweeper after the hold": lambda w: w.sweep_after(36),
    "reply to create lost": lambda w: w.shop.engine.fail("POST /v1/checkout/sessions", "lost_after", times=3),
    "reply to capture lost": lambda w: w.shop.engine.fail(
        "POST /v1/payment_intents/*/capture", "lost_after", times=3
    ),
    "capture fails": lambda w: w.shop.engine.fail("POST /v1/payment_intents/*/capture", "500"),
    "expire unanswered": lambda w: w.shop.engine.fail(
        "POST /v1/checkout/sessions/*/expire", "lost_before", times=3
    ),
}


@hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(steps=st.lists(st.sampled_from([*STEPS, "pay", "pay", "pay"]), min_size=4, max_size=14))
def test_one_owner_and_no_money_without_a_right(shop: Shop, steps: list[str]) -> None:
    world = World(shop)
    for step in ["first buyer starts", *steps]:
        with suppress(PaymentError, gateway.GatewayError, Killed):
            STEPS[step](world)
        world.check()
    with shop.engine.store.open() as books:
        books.clear_faults()
    world.sweep_after(60)
    world.sweep_after(63)
    world.check()
    assert all(purchase.state in OWNED | set(Purchase.OVER) for purchase in world.purchases())
    assert Incident.objects.exclude(kind="authorised_after_release").count() == 0
