"""Two pieces much alike, paid at the same instant: one is sold."""

from __future__ import annotations

from functools import partial

import pytest

from payments import services, settle
from payments.models import Purchase
from tests.payments.shop import Shop
from tests.payments.test_nearness import twins
from tests.races.crowd import at_once, of_type

ROUNDS = 8


def sold_of_two(shop: Shop, *, seed: int) -> int:
    """Pay for two pieces alike, settle both at once, and count the sales."""
    purchases = [shop.start(piece=piece) for piece in twins(seed)]
    for purchase in purchases:
        shop.stripe.pay(purchase.session_id)
    outcomes = at_once(*(partial(services.settle, purchase_id=purchase.pk) for purchase in purchases))
    assert not of_type(outcomes, Exception), outcomes
    states = sorted(Purchase.objects.get(pk=purchase.pk).state for purchase in purchases)
    return states.count("sold")


@pytest.fixture
def without_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody decide at once."""
    monkeypatch.setattr(settle, "lock_register", lambda: None)


def test_control_without_the_register_s_lock_both_are_sold(shop: Shop, without_the_lock: None) -> None:
    """If this sold only one every time, the test below would prove nothing."""
    assert max(sold_of_two(shop, seed=seed) for seed in range(ROUNDS)) == 2


def test_of_two_pieces_alike_one_is_sold(shop: Shop) -> None:
    for seed in range(ROUNDS):
        assert sold_of_two(shop, seed=seed) == 1
    assert shop.captures() == ROUNDS
