"""Many at the same instant, one owner. Every promise here has the control below to thank for its meaning."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from generation.models import Composition
from licensing.errors import AlreadyGranted
from licensing.models import Certificate, ExclusiveRight
from licensing.services import grant_right
from payments import gateway, outbox, services
from payments.errors import AlreadyHeld, AlreadyRefunded, NotForSale, TooManyHolds
from payments.models import Incident, OutboxMessage, Purchase, WebhookEvent
from payments.services import _is_taken
from tests.factories import a_listed_composition, a_user
from tests.payments.shop import Shop, post
from tests.races.crowd import at_once, of_type

CROWD = 8
ROUNDS = 10


def held(piece: Composition, buyer: User) -> Purchase:
    return Purchase.objects.create(
        composition=piece,
        buyer=buyer,
        licensee="x",
        price_minor=4900,
        currency="eur",
        expires_at=timezone.now() + timedelta(minutes=35),
        terms_version="2026-11",
    )


@pytest.fixture
def without_the_constraint(shop: Shop) -> Iterator[None]:
    """Take the wall away, and put it back."""
    wall = next(c for c in Purchase._meta.constraints if c.name == "payments_purchase_one_live")
    with connection.schema_editor() as editor:
        editor.remove_constraint(Purchase, wall)
    yield
    Purchase.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(Purchase, wall)


@pytest.mark.row("R1")
def test_control_a_naive_shop_sells_twice(shop: Shop, without_the_constraint: None) -> None:
    """Look, then insert, with no wall: if this sold only once, the tests below would prove nothing."""

    def naive(piece: Composition, buyer: User) -> Purchase:
        if Purchase.objects.exclude(state__in=Purchase.OVER).filter(composition=piece).exists():
            raise AlreadyHeld
        return held(piece, buyer)

    buyers = [a_user() for _ in range(CROWD)]
    sold_twice = 0
    for _ in range(ROUNDS):
        piece = a_listed_composition()
        winners = of_type(at_once(*(partial(naive, piece, buyer) for buyer in buyers)), Purchase)
        sold_twice += len(winners) > 1
    assert sold_twice > 0


@pytest.mark.row("R1")
def test_the_constraint_alone_lets_one_in(shop: Shop) -> None:
    """The same naive insert, with the wall."""
    buyers = [a_user() for _ in range(CROWD)]
    for _ in range(ROUNDS):
        piece = a_listed_composition()
        outcomes = at_once(*(partial(held, piece, buyer) for buyer in buyers))
        assert len(of_type(outcomes, Purchase)) == 1
        refused = of_type(outcomes, IntegrityError)
        assert len(refused) == CROWD - 1
        assert all(_is_taken(error) for error in refused)


@pytest.mark.row("R1")
def test_of_many_buyers_at_once_one_holds_and_nobody_else_reaches_stripe(shop: Shop) -> None:
    buyers = [a_user() for _ in range(CROWD)]
    for number in range(1, 6):
        piece = a_listed_composition()
        outcomes = at_once(*(partial(shop.start, piece=piece, buyer=buyer) for buyer in buyers))
        [winner] = of_type(outcomes, Purchase)
        assert len(of_type(outcomes, AlreadyHeld)) == CROWD - 1, outcomes
        assert len(shop.calls("POST /v1/checkout/sessions")) == number
        services.cancel_purchase(purchase=winner)


@pytest.mark.row("R2")
def test_one_buyer_clicking_everywhere_at_once_gets_one_page(shop: Shop) -> None:
    piece, buyer = a_listed_composition(), a_user()
    outcomes = at_once(*[partial(shop.start, piece=piece, buyer=buyer)] * CROWD)
    assert len(of_type(outcomes, Purchase)) == CROWD, outcomes
    assert len({(purchase.pk, purchase.session_id) for purchase in outcomes}) == 1
    assert Purchase.objects.count() == 1
    with shop.engine.store.open() as books:
        assert len(books.every("checkout.session")) == 1


@pytest.mark.row("R3")
def test_the_limit_of_holds_is_exact(shop: Shop) -> None:
    buyer = a_user()
    pieces = [a_listed_composition() for _ in range(CROWD)]
    outcomes = at_once(*(partial(shop.start, piece=piece, buyer=buyer) for piece in pieces))
    assert len(of_type(outcomes, Purchase)) == settings.HOLDS_PER_BUYER
    assert len(of_type(outcomes, TooManyHolds)) == CROWD - settings.HOLDS_PER_BUYER
    assert Composition.objects.filter(sale_state="on_hold").count() == settings.HOLDS_PER_BUYER


@pytest.mark.row("P5", "W2")
def test_webhooks_success_page_and_sweeper_at_once_sell_once(shop: Shop) -> None:
    for _ in range(4):
        purchase = shop.paid()
        event = shop.event("checkout.session.completed")
        Purchase.objects.filter(pk=purchase.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        outcomes = at_once(
            *[partial(services.settle, purchase_id=purchase.pk)] * 3,
            *[partial(shop.deliver, event)] * 3,
            services.sweep_purchases,
            partial(services.cancel_purchase, purchase=Purchase.objects.get(pk=purchase.pk)),
        )
        assert not of_type(outcomes, Exception), outcomes
        assert outcomes[3:6] == [200, 200, 200]
        purchase.refresh_from_db()
        assert purchase.state == "sold"
        assert [entry.to_state for entry in purchase.events.all()] == ["held", "claimed", "sold"]
        assert ExclusiveRight.objects.filter(purchase_id=purchase.pk).count() == 1
        assert OutboxMessage.objects.filter(purchase=purchase).count() == 2
        assert WebhookEvent.objects.get(pk=event["id"]).processed_at is not None
    assert (shop.captures(), Certificate.objects.count(), Incident.objects.count()) == (4, 4, 0)


@pytest.mark.row("R13", "P7")
def test_paying_and_cancelling_at_once_end_in_one_of_the_two(shop: Shop) -> None:
    """Whatever the order, money and right agree."""
    for _ in range(6):
        purchase = shop.start()
        other = a_user()
        at_once(
            partial(shop.stripe.pay, purchase.session_id),
            partial(services.cancel_purchase, purchase=Purchase.objects.get(pk=purchase.pk)),
            partial(shop.start, piece=purchase.composition, buyer=other),
            partial(services.settle, purchase_id=purchase.pk),
        )
        services.settle(purchase_id=purchase.pk)
        purchase.refresh_from_db()
        sold = purchase.state == "sold"
        assert purchase.state in {"sold", "cancelled", "expired"}
        assert ExclusiveRight.objects.filter(purchase_id=purchase.pk).exists() == sold
        assert (
            Purchase.objects.exclude(state__in=Purchase.OVER).filter(composition=purchase.composition).count()
            <= 1
        )
    assert shop.captures() == ExclusiveRight.objects.count()
    assert Incident.objects.count() == 0


def test_a_hold_that_ends_and_one_that_begins_never_overlap(shop: Shop) -> None:
    for _ in range(5):
        purchase = shop.start()
        Purchase.objects.filter(pk=purchase.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        newcomers = [a_user() for _ in range(5)]
        outcomes = at_once(
            *[services.sweep_purchases] * 2,
            *(partial(shop.start, piece=purchase.composition, buyer=buyer) for buyer in newcomers),
        )
        winners = of_type(outcomes, Purchase)
        live = Purchase.objects.exclude(state__in=Purchase.OVER).filter(composition=purchase.composition)
        assert len(winners) == live.count() <= 1
        assert all(isinstance(o, AlreadyHeld | NotForSale | Purchase | dict) for o in outcomes), outcomes
        piece = Composition.objects.get(pk=purchase.composition_id)
        assert piece.sale_state == ("on_hold" if winners else "available")


@pytest.mark.row("A4")
def test_refunding_at_once_sends_the_money_once(shop: Shop) -> None:
    purchase = shop.sold()
    outcomes = at_once(*[partial(services.refund_purchase, purchase=purchase, reason="test")] * CROWD)
    assert len(of_type(outcomes, Purchase)) == 1, outcomes
    assert len(of_type(outcomes, AlreadyRefunded)) == CROWD - 1, outcomes
    assert len(shop.refunds()) == 1


@pytest.mark.row("W2")
def test_one_event_delivered_at_once_is_kept_once(shop: Shop) -> None:
    shop.paid()
    event = shop.event("checkout.session.completed")
    body = json.dumps(event)
    signature = gateway.signed(body, secret=settings.STRIPE_WEBHOOK_SECRETS[0])
    assert at_once(*[partial(post, body, signature=signature)] * CROWD) == [200] * CROWD
    assert WebhookEvent.objects.count() == 1
    assert (ExclusiveRight.objects.count(), shop.captures()) == (1, 1)


@pytest.mark.row("I2")
def test_each_outbox_message_is_done_by_one_worker(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, uuid.UUID]] = []
    for kind in OutboxMessage.Kind:
        monkeypatch.setitem(
            outbox.WORK, kind, lambda purchase_id, kind=kind: done.append((kind.value, purchase_id))
        )
    for _ in range(4):
        shop.sold()
    assert sum(at_once(*[services.drain_outbox] * CROWD)) == 8
    assert len(done) == len(set(done)) == 8


def test_a_piece_has_one_right_even_without_a_purchase_to_guard_it(shop: Shop) -> None:
    """The second wall alone: the one-to-one key of the right."""
    piece = a_listed_composition()

    def grant(holder: User) -> ExclusiveRight:
        with transaction.atomic():
            return grant_right(
                composition=piece,
                purchase_id=uuid.uuid4(),
                holder_id=holder.pk,
                licensee="x",
                price_minor=4900,
                currency="eur",
                terms_version="2026-11",
                is_test=True,
                now=timezone.now(),
            )

    outcomes = at_once(*(partial(grant, a_user()) for _ in range(CROWD)))
    assert len(of_type(outcomes, ExclusiveRight)) == 1, outcomes
    assert len(of_type(outcomes, AlreadyGranted)) == CROWD - 1, outcomes
    assert Certificate.objects.count() == 1
