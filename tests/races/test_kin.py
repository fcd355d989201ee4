"""Two pieces of one family, paid at the same instant: one is sold, and the other buyer is not charged."""

from __future__ import annotations

from functools import partial

import pytest

from payments import services, settle
from payments.models import Incident, Purchase
from tests.factories import a_listed_composition
from tests.payments.shop import Shop
from tests.races.crowd import at_once, of_type

ROUNDS = 8


def claimed_of_two(shop: Shop, *, may_fail: bool = False) -> int:
    """Pay for two of a family, settle both at once, and count those whose money is or will be taken."""
    first = a_listed_composition()
    purchases = [shop.start(piece=piece) for piece in (first, a_listed_composition(origin=first))]
    for purchase in purchases:
        shop.stripe.pay(purchase.session_id)
    outcomes = at_once(*(partial(services.settle, purchase_id=purchase.pk) for purchase in purchases))
    assert may_fail or not of_type(outcomes, Exception), outcomes
    states = [Purchase.objects.get(pk=purchase.pk).state for purchase in purchases]
    return sum(state in {"claimed", "sold"} for state in states)


@pytest.fixture
def without_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody decide at once."""
    monkeypatch.setattr(settle, "lock_register", lambda: None)


def test_control_without_the_register_s_lock_both_are_claimed(shop: Shop, without_the_lock: None) -> None:
    """If this claimed only one every time, the test below would prove nothing. Two claims may then block each other."""
    assert max(claimed_of_two(shop, may_fail=True) for _ in range(ROUNDS)) == 2


def test_of_one_family_one_is_sold(shop: Shop) -> None:
    for _ in range(ROUNDS):
        assert claimed_of_two(shop) == 1
    assert shop.captures() == ROUNDS
    assert not Incident.objects.exists()


def test_a_piece_bought_while_its_kin_is_being_held_leaves_nothing_on_sale(shop: Shop) -> None:
    for _ in range(ROUNDS):
        first = a_listed_composition()
        second = a_listed_composition(origin=first)
        purchase = shop.paid(piece=first)
        at_once(partial(services.settle, purchase_id=purchase.pk), partial(shop.start, piece=second))
        for piece in (first, second):
            piece.refresh_from_db()
        assert (first.sale_state, second.sale_state) == ("sold", "retired")
        services.drain_outbox()
        held = Purchase.objects.filter(composition=second).exclude(state__in=Purchase.OVER)
        assert not held.exists()
