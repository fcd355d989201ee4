"""What is kin of a sold piece is never sold, and its seed never composed again."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import Composition
from generation.orders import OrderFields
from generation.services import SeedBurned, request_composition, retry_composition
from licensing.models import ExclusiveRight
from payments import services
from payments.errors import AlreadySold
from payments.models import Incident, OutboxMessage
from payments.services import drain_outbox
from tests.factories import a_listed_composition, a_maker, a_queued_composition, a_user
from tests.payments.shop import Shop


def family() -> tuple[Composition, Composition, Composition]:
    """A piece, a variation of it, and a cut of the variation."""
    first = a_listed_composition()
    return first, a_listed_composition(origin=first), a_listed_composition(origin=first)


def state(piece: Composition) -> tuple[str, str]:
    piece.refresh_from_db()
    return piece.sale_state, piece.retired_because


@pytest.mark.parametrize("which", [0, 1])
def test_with_a_piece_its_whole_family_leaves_the_shop(shop: Shop, which: int) -> None:
    pieces = list(family())
    stranger = a_listed_composition()
    shop.sold(piece=pieces[which])
    sold = pieces.pop(which)
    assert state(sold) == ("sold", "")
    assert [state(piece) for piece in pieces] == [("retired", "kin_sold")] * 2
    assert state(stranger) == ("available", "")
    with pytest.raises(AlreadySold):
        shop.start(piece=pieces[0])


def test_kin_of_the_same_order_leaves_too(shop: Shop) -> None:
    first = a_listed_composition(seed=77, mood="calm")
    same, other_mood = a_listed_composition(seed=77, mood="calm"), a_listed_composition(seed=77, mood="sad")
    shop.sold(piece=first)
    assert state(same) == ("retired", "kin_sold")
    assert state(other_mood) == ("available", "")


def test_kin_is_not_put_back_when_the_sale_is_undone(shop: Shop) -> None:
    first, second, _third = family()
    services.refund_purchase(purchase=shop.sold(piece=first), reason="test")
    assert (state(first), state(second)) == (("retired", "returned"), ("retired", "kin_sold"))


def test_a_sale_that_does_not_come_about_leaves_the_kin_where_it_was(shop: Shop) -> None:
    first, second, _third = family()
    services.cancel_purchase(purchase=shop.start(piece=first))
    assert state(second) == ("available", "")
    assert shop.sold(piece=second).state == "sold"


def test_whoever_held_kin_and_pays_later_is_never_charged_and_is_told(shop: Shop, mailoutbox: list) -> None:
    first, second, _third = family()
    slow = shop.start(piece=second)
    shop.sold(piece=first)
    assert state(second) == ("retired", "kin_sold")
    shop.stripe.pay(slow.session_id)
    assert services.settle(purchase_id=slow.pk).state == "cancelled"
    assert (shop.captures(), ExclusiveRight.objects.count()) == (1, 1)
    assert shop.intent(slow).status == "canceled"
    assert state(second) == ("retired", "kin_sold")
    assert Incident.objects.count() == 0
    OutboxMessage.objects.exclude(purchase=slow).delete()
    drain_outbox()
    drain_outbox()
    assert [(mail.to, "hold" in mail.subject) for mail in mailoutbox] == [([slow.buyer.email], True)]


@pytest.mark.parametrize("opened", [True, False])
def test_the_checkout_of_kin_is_closed_before_anybody_pays(
    shop: Shop, mailoutbox: list, opened: bool
) -> None:
    first, second, _third = family()
    if opened:
        loser = shop.start(piece=second)
    else:
        shop.engine.fail("POST /v1/checkout/sessions", "429", times=3)
        with pytest.raises(services.PaymentError):
            shop.start(piece=second)
        loser = second.purchases.get()
        with shop.engine.store.open() as books:
            books.clear_faults()
    shop.sold(piece=first)
    OutboxMessage.objects.exclude(purchase=loser).delete()
    drain_outbox()
    loser.refresh_from_db()
    assert loser.state == "cancelled"
    assert state(second) == ("retired", "kin_sold")
    if opened:
        assert shop.session(loser)["status"] == "expired"
        with pytest.raises(AlreadySold):
            shop.start(piece=second, buyer=loser.buyer)
    drain_outbox()
    assert [mail.to for mail in mailoutbox] == [[loser.buyer.email]]
    assert Incident.objects.count() == 0


def test_a_hold_on_kin_that_runs_out_does_not_bring_it_back(shop: Shop) -> None:
    first, second, _third = family()
    slow = shop.start(piece=second)
    shop.sold(piece=first)
    shop.stripe.expire(slow.session_id)
    assert services.settle(purchase_id=slow.pk).state == "expired"
    assert state(second) == ("retired", "kin_sold")
    assert Incident.objects.count() == 0


def test_kin_in_work_is_stopped_and_its_maker_sees_why(shop: Shop) -> None:
    maker = a_user()
    first = a_listed_composition()
    waiting = a_queued_composition(origin=first, maker=a_maker(user=maker))
    retired = a_listed_composition(origin=first, maker=waiting.maker)
    shop.sold(piece=first)
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"
    client = Client()
    client.force_login(maker)
    for piece in (waiting, retired):
        page = client.get(reverse("composition", args=[piece.pk])).content.decode()
        assert "Another version of this piece has been sold" in page
    with pytest.raises(SeedBurned):
        retry_composition(composition=waiting)


def test_a_burned_seed_is_refused_on_the_page_and_by_the_service(shop: Shop, client: Client) -> None:
    piece = a_listed_composition(seed=4242)
    order = OrderFields(instrument=piece.instrument_id, seed=4242)
    request_composition(maker=a_maker(), order=order)
    Composition.objects.filter(state="queued").delete()
    purchase = shop.sold(piece=piece)
    for undone in (False, True):
        if undone:
            services.refund_purchase(purchase=purchase, reason="test")
        with pytest.raises(SeedBurned, match="4242"):
            request_composition(maker=a_maker(), order=order)
        answer = client.post("/compose/", {"instrument": piece.instrument_id, "seed": "4242"})
        assert answer.status_code == 422
        assert "has been sold" in str(answer.context["form"].errors["seed"])
    assert Composition.objects.count() == 1
    other = client.post("/compose/", {"instrument": piece.instrument_id, "seed": "4242", "mood": "calm"})
    assert other.status_code == 302
