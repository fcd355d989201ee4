"""Having more made from a family at the instant in which one of it is sold: nothing is left in work or on sale."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest

from generation import kin
from generation import services as composing
from generation.errors import NotAllowed
from generation.models import Composition
from generation.services import Version, compose_kin
from payments import services
from payments.models import Incident
from tests.factories import a_listed_composition, a_maker
from tests.payments.shop import Shop
from tests.races.crowd import at_once

ROUNDS = 3
WIDELY = 0.4
"""Seconds between the question whether the family is free and the row that is written: long enough for a sale."""


@pytest.fixture(autouse=True)
def _a_wide_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = composing._queue

    def slowly(**order: Any) -> Composition:
        time.sleep(WIDELY)
        return queue(**order)

    monkeypatch.setattr(composing, "_queue", slowly)


def left_over(shop: Shop, *, sold: int, parent: int) -> int:
    """Sell one of a family of two while more is made from one of it; count what is still to be composed or sold.

    From the one that is held nothing is made anyway.
    """
    first = a_listed_composition()
    family = [first, a_listed_composition(origin=first)]
    purchase = shop.paid(piece=family[sold])
    asked = partial(
        compose_kin, piece=family[parent], maker=a_maker(), version=Version(kind="cut", seconds=15)
    )
    sale, made = at_once(partial(services.settle, purchase_id=purchase.pk), asked)
    assert sale.state == "sold", sale
    assert isinstance(made, NotAllowed if parent == sold else Composition | NotAllowed), made
    kin_of_it = Composition.objects.filter(origin=first).exclude(pk=family[sold].pk)
    return kin_of_it.filter(sale_state="available").exclude(state="cancelled").count()


def test_control_without_the_lock_a_version_is_left(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """If nothing were left here, the test below would prove nothing."""
    for module in (kin, composing):
        monkeypatch.setattr(
            module, "lock_family", lambda piece: Composition.objects.get(pk=piece.origin_id or piece.pk)
        )
    assert max(left_over(shop, sold=1, parent=0) for _ in range(ROUNDS)) == 1


@pytest.mark.parametrize("sold", [0, 1])
@pytest.mark.parametrize("parent", [0, 1])
def test_whatever_is_asked_for_while_one_of_the_family_is_sold_goes_with_it(
    shop: Shop, sold: int, parent: int
) -> None:
    assert [left_over(shop, sold=sold, parent=parent) for _ in range(ROUNDS)] == [0] * ROUNDS
    assert shop.captures() == ROUNDS
    assert not Incident.objects.exists()
