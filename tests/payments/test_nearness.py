"""Two pieces that are much alike: whichever is sold first keeps the other from ever being sold."""

from __future__ import annotations

import pytest

from generation.composer.score import Note
from generation.models import Composition
from licensing.models import ExclusiveRight
from payments import services
from payments.errors import AlreadySold
from payments.models import Incident, Purchase
from tests.factories import a_listed_composition, on_record
from tests.generation.stubs import a_melody
from tests.payments.shop import Shop


def twins(seed: int = 5) -> tuple[Composition, Composition]:
    """Two pieces for sale of which one is the other, a third higher and with another ending."""
    notes = a_melody(seed)
    moved = [Note(note.onset, note.pitch + 4, note.duration) for note in notes[:-3]]
    return on_record(a_listed_composition(), notes), on_record(a_listed_composition(), moved)


def test_what_is_like_a_sold_piece_cannot_even_be_held(shop: Shop) -> None:
    first, second = twins()
    shop.sold(piece=first)
    before = len(shop.calls("*"))
    with pytest.raises(AlreadySold):
        shop.start(piece=second)
    assert len(shop.calls("*")) == before


def test_of_two_held_pieces_alike_the_first_paid_is_sold_and_the_other_buyer_never_charged(
    shop: Shop,
) -> None:
    first, second = twins()
    quick, slow = shop.start(piece=first), shop.start(piece=second)
    shop.stripe.pay(slow.session_id)
    shop.stripe.pay(quick.session_id)
    assert services.settle(purchase_id=quick.pk).state == "sold"
    assert services.settle(purchase_id=slow.pk).state == "cancelled"
    second.refresh_from_db()
    assert second.sale_state == "retired"
    assert (shop.captures(), ExclusiveRight.objects.count()) == (1, 1)
    assert shop.intent(slow).status == "canceled"
    assert [incident.kind for incident in Incident.objects.all()] == ["too_near_to_sold"]


def test_pieces_unlike_each_other_are_both_sold(shop: Shop) -> None:
    for seed in (1, 2):
        shop.sold(piece=on_record(a_listed_composition(), a_melody(seed)))
    assert shop.captures() == 2
    assert not Incident.objects.exists()


def test_a_hold_that_ended_keeps_nobody_from_buying_what_is_like_it(shop: Shop) -> None:
    first, second = twins()
    purchase = shop.start(piece=first)
    services.cancel_purchase(purchase=purchase)
    assert shop.sold(piece=second).state == Purchase.State.SOLD
