"""Holding a piece: who may, who is refused, and what happens when Stripe or we stumble. (Rows R2–R14.)"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.deletion import forget_user
from generation.models import Composition
from generation.services import NotAllowed, withdraw_composition
from payments import gateway, services
from payments.errors import (
    AlreadyHeld,
    AlreadySold,
    BuyerNotAllowed,
    HoldLost,
    NotForSale,
    PaymentUnavailable,
    PieceNotWithdrawn,
    TooManyHolds,
)
from payments.models import Incident, Purchase, PurchaseEvent
from tests.factories import a_listed_composition, a_maker, a_ready_composition, a_user
from tests.payments.shop import CONSENTS, Shop

CREATE = "POST /v1/checkout/sessions"


def states() -> list[str]:
    return sorted(Purchase.objects.values_list("state", flat=True))


def nothing_happened(shop: Shop, piece: Composition) -> None:
    """No row, no question to Stripe, and the piece as it was."""
    piece.refresh_from_db()
    assert (piece.sale_state, Purchase.objects.count(), shop.calls("*")) == ("available", 0, [])


def test_a_hold_is_shown_to_everybody_and_written_into_history(shop: Shop) -> None:
    piece = a_listed_composition()
    purchase = shop.start(piece=piece)
    piece.refresh_from_db()
    assert (piece.sale_state, piece.held_until) == ("on_hold", purchase.expires_at)
    assert [(event.from_state, event.to_state) for event in purchase.events.all()] == [("", "held")]
    assert (purchase.price_minor, purchase.currency, purchase.is_test) == (4900, "eur", True)
    [call] = shop.calls(CREATE)
    assert call.key == f"purchase:{purchase.pk}:1"
    assert call.params["payment_intent_data"]["capture_method"] == "manual"
    assert call.params["allowed_payment_method_types"] == ["card"]
    assert call.params["client_reference_id"] == str(purchase.pk)


@pytest.mark.row("R1")
def test_second_buyer_is_told_reserved_and_stripe_is_not_asked(shop: Shop) -> None:
    piece = a_listed_composition()
    shop.start(piece=piece)
    before = len(shop.calls("*"))
    with pytest.raises(AlreadyHeld):
        shop.start(piece=piece)
    assert states() == ["held"]
    assert len(shop.calls("*")) == before


@pytest.mark.row("R1")
def test_second_buyer_gets_a_409_page(shop: Shop) -> None:
    piece = a_listed_composition()
    shop.start(piece=piece)
    client = Client()
    client.force_login(a_user())
    form = {"licensee": "Bea", "consent_immediate": "on", "consent_withdrawal": "on"}
    answer = client.post(reverse("buy", args=[piece.pk]), form)
    assert answer.status_code == 409
    assert answer.context["held_by_other"] is True


@pytest.mark.row("R2")
def test_same_buyer_twice_gets_the_same_hold_and_the_same_page(shop: Shop) -> None:
    """Double click, two tabs, back button."""
    piece, buyer = a_listed_composition(), a_user()
    first = shop.start(piece=piece, buyer=buyer)
    second = shop.start(piece=piece, buyer=buyer, licensee="Ada Lovelace Ltd")
    assert (second.pk, second.session_id, second.checkout_url) == (
        first.pk,
        first.session_id,
        first.checkout_url,
    )
    assert second.licensee == "Ada Lovelace Ltd"
    assert len(shop.calls(CREATE)) == 1
    assert Purchase.objects.count() == 1


def test_the_owner_who_buys_again_is_told_sold(shop: Shop) -> None:
    piece, buyer = a_listed_composition(), a_user()
    shop.sold(piece=piece, buyer=buyer)
    with pytest.raises(AlreadySold):
        shop.start(piece=piece, buyer=buyer)
    assert shop.captures() == 1


@pytest.mark.row("R3")
def test_one_buyer_cannot_hoard_pieces(shop: Shop, settings: Any) -> None:
    buyer = a_user()
    for _ in range(settings.HOLDS_PER_BUYER):
        shop.start(buyer=buyer)
    with pytest.raises(TooManyHolds) as refusal:
        shop.start(buyer=buyer)
    assert refusal.value.status == 429
    assert states() == ["held"] * settings.HOLDS_PER_BUYER
    assert len(shop.calls(CREATE)) == settings.HOLDS_PER_BUYER


@pytest.mark.row("R3")
def test_one_buyer_cannot_hold_one_piece_all_day(shop: Shop) -> None:
    """The cool-down."""
    piece, buyer = a_listed_composition(), a_user()
    for _ in range(services.EXPIRED_HOLDS_PER_PIECE_A_DAY):
        purchase = shop.start(piece=piece, buyer=buyer)
        shop.stripe.expire(purchase.session_id)
        services.settle(purchase_id=purchase.pk)
    with pytest.raises(TooManyHolds):
        shop.start(piece=piece, buyer=buyer)
    assert shop.start(piece=piece).state == "held"


@pytest.mark.row("R4")
def test_a_hold_whose_checkout_never_opened_is_released_by_the_sweeper(shop: Shop) -> None:
    """The process died between the row and Stripe."""
    piece = a_listed_composition()
    hold = services.hold(composition_id=piece.pk, buyer=a_user(), licensee="Ada", consents=CONSENTS)
    services.sweep_purchases()
    assert states() == ["held"]
    Purchase.objects.filter(pk=hold.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    services.sweep_purchases()
    assert states() == ["expired"]
    piece.refresh_from_db()
    assert piece.sale_state == "available"
    assert shop.calls("*") == []


@pytest.mark.row("R5", "R6")
def test_a_session_created_but_not_stored_is_found_again_with_the_same_key(shop: Shop) -> None:
    """The reply was lost after the effect, through every retry."""
    piece, buyer = a_listed_composition(), a_user()
    shop.engine.fail(CREATE, "lost_after", times=3)
    with pytest.raises(PaymentUnavailable):
        shop.start(piece=piece, buyer=buyer)
    assert states() == ["held"]
    assert shop.start(piece=piece, buyer=buyer).checkout_url
    assert len({call.key for call in shop.calls(CREATE)}) == 1
    with shop.engine.store.open() as books:
        assert len(books.every("checkout.session")) == 1


@pytest.mark.row("R6")
def test_one_lost_reply_is_not_even_noticed(shop: Shop) -> None:
    shop.engine.fail(CREATE, "lost_before")
    shop.engine.fail(CREATE, "lost_after")
    assert shop.start().session_id
    assert len(shop.calls(CREATE)) == 3
    with shop.engine.store.open() as books:
        assert len(books.every("checkout.session")) == 1


@pytest.mark.row("R7")
def test_a_fault_that_stripe_would_repeat_is_escaped_with_a_new_key(shop: Shop) -> None:
    """The library's own retries get the stored 500; our next try must not."""
    piece, buyer = a_listed_composition(), a_user()
    shop.engine.fail(CREATE, "500")
    with pytest.raises(PaymentUnavailable):
        shop.start(piece=piece, buyer=buyer)
    assert len(shop.calls(CREATE)) == gateway.NETWORK_RETRIES + 1
    purchase = shop.start(piece=piece, buyer=buyer)
    assert purchase.attempt == 2
    assert shop.calls(CREATE)[-1].key == f"purchase:{purchase.pk}:2"


@pytest.mark.row("R8", "R11")
def test_an_edited_price_does_not_reach_a_piece_on_hold(shop: Shop) -> None:
    """The price is a snapshot, so the same key always carries the same parameters."""
    piece, buyer = a_listed_composition(), a_user()
    shop.engine.fail(CREATE, "lost_before", times=3)
    with pytest.raises(PaymentUnavailable):
        shop.start(piece=piece, buyer=buyer)
    type(piece).objects.filter(pk=piece.pk).update(price_minor=9900)
    assert shop.session(shop.start(piece=piece, buyer=buyer))["amount_total"] == 4900


@pytest.mark.row("R8")
def test_a_key_used_with_other_parameters_is_an_incident(shop: Shop) -> None:
    """Impossible, and loud if it happens."""
    piece, buyer = a_listed_composition(), a_user()
    shop.engine.fail(CREATE, "lost_after", times=3)
    with pytest.raises(PaymentUnavailable):
        shop.start(piece=piece, buyer=buyer)
    Purchase.objects.update(price_minor=9900)
    with pytest.raises(PaymentUnavailable):
        shop.start(piece=piece, buyer=buyer)
    assert [incident.kind for incident in Incident.objects.all()] == ["session_refused"]
    assert states() == ["cancelled"]


@pytest.mark.parametrize("fault", ["400", "401"])
@pytest.mark.row("R9")
def test_what_stripe_refuses_for_good_frees_the_piece_and_alerts_staff(shop: Shop, fault: str) -> None:
    piece = a_listed_composition()
    shop.engine.fail(CREATE, fault)
    with pytest.raises(PaymentUnavailable):
        shop.start(piece=piece)
    assert states() == ["cancelled"]
    assert [incident.kind for incident in Incident.objects.all()] == ["session_refused"]
    piece.refresh_from_db()
    assert piece.sale_state == "available"


@pytest.mark.row("R9")
def test_a_busy_stripe_keeps_the_hold_for_the_next_try(shop: Shop) -> None:
    """429."""
    piece, buyer = a_listed_composition(), a_user()
    shop.engine.fail(CREATE, "429")
    with pytest.raises(PaymentUnavailable):
        shop.start(piece=piece, buyer=buyer)
    assert states() == ["held"]
    assert Incident.objects.count() == 0
    assert shop.start(piece=piece, buyer=buyer).checkout_url


@pytest.mark.row("R10")
def test_a_slow_request_whose_hold_was_released_gets_no_page(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The conditional UPDATE finds no row; the session is closed and its address never given out."""
    create = gateway.create_session

    def create_while_the_sweeper_releases(**arguments: Any) -> gateway.CheckoutSession:
        session = create(**arguments)
        Purchase.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        services.sweep_purchases()
        return session

    monkeypatch.setattr(gateway, "create_session", create_while_the_sweeper_releases)
    with pytest.raises(HoldLost):
        shop.start()
    purchase = Purchase.objects.get()
    assert (purchase.state, purchase.session_id, purchase.checkout_url) == ("expired", None, "")
    with shop.engine.store.open() as books:
        assert [session["status"] for session in books.every("checkout.session")] == ["expired"]


@pytest.mark.row("R11")
def test_a_held_piece_can_neither_be_withdrawn_nor_deleted(shop: Shop) -> None:
    piece = a_listed_composition()
    shop.start(piece=piece)
    with pytest.raises(NotAllowed):
        withdraw_composition(composition=piece)
    with pytest.raises(ProtectedError):
        piece.delete()
    assert states() == ["held"]


@pytest.mark.row("R11")
def test_staff_who_withdraw_a_held_piece_close_its_checkout_first(shop: Shop) -> None:
    purchase = shop.start()
    gone = services.withdraw_piece(purchase=purchase, reason="a complaint")
    assert (gone.state, gone.events.last().reason) == ("cancelled", "a complaint")
    assert shop.session(purchase)["status"] == "expired"
    piece = type(purchase.composition).objects.get(pk=purchase.composition_id)
    assert (piece.sale_state, piece.retired_because) == ("retired", "withdrawn")
    with pytest.raises(NotForSale):
        shop.start(piece=piece)
    with pytest.raises(PieceNotWithdrawn):
        services.withdraw_piece(purchase=purchase, reason="again")
    assert (shop.captures(), Incident.objects.count()) == (0, 0)


@pytest.mark.row("R11")
def test_a_held_piece_that_is_paid_before_it_is_withdrawn_belongs_to_its_buyer(shop: Shop) -> None:
    purchase = shop.paid()
    with pytest.raises(PieceNotWithdrawn, match="sold"):
        services.withdraw_piece(purchase=purchase, reason="a complaint")
    purchase.refresh_from_db()
    assert (purchase.state, purchase.composition.sale_state, shop.captures()) == ("sold", "sold", 1)


@pytest.mark.row("R11")
def test_while_stripe_is_silent_a_held_piece_is_not_withdrawn(shop: Shop) -> None:
    """Without Stripe's word somebody might still be paying."""
    purchase = shop.start()
    shop.engine.fail("* /v1/checkout/sessions/*", "lost_before", times=9)
    with pytest.raises(gateway.Unreachable):
        services.withdraw_piece(purchase=purchase, reason="a complaint")
    purchase.refresh_from_db()
    assert (purchase.state, purchase.composition.sale_state) == ("held", "on_hold")


@pytest.mark.row("R11")
def test_a_hold_without_a_checkout_is_withdrawn_with_its_piece(shop: Shop) -> None:
    hold = services.hold(
        composition_id=a_listed_composition().pk, buyer=a_user(), licensee="Ada", consents=CONSENTS
    )
    assert services.withdraw_piece(purchase=hold, reason="a complaint").state == "cancelled"
    hold.composition.refresh_from_db()
    assert (hold.composition.sale_state, shop.calls("*")) == ("retired", [])


@pytest.mark.row("R12")
def test_our_clock_alone_releases_nothing(shop: Shop) -> None:
    """The hold is over by our clock, and Stripe's page is open; only Stripe's word counts."""
    purchase = shop.start()
    Purchase.objects.update(expires_at=timezone.now() - timedelta(minutes=10))
    assert services.settle(purchase_id=purchase.pk).state == "held"
    with pytest.raises(AlreadyHeld):
        shop.start(piece=purchase.composition)


@pytest.mark.row("R12")
def test_the_sweeper_releases_only_after_stripe_closed_the_page(shop: Shop) -> None:
    """With Stripe out of reach, a hold stays even when its time is over."""
    purchase = shop.start()
    with time_machine.travel(timezone.now() + timedelta(minutes=36)):
        shop.engine.fail("* /v1/checkout/sessions/*", "lost_before", times=9)
        services.sweep_purchases()
        assert states() == ["held"]
    with shop.engine.store.open() as books:
        books.clear_faults()
    with time_machine.travel(timezone.now() + timedelta(minutes=36)):
        services.sweep_purchases()
    assert states() == ["expired"]
    assert shop.session(purchase)["status"] == "expired"


@pytest.mark.row("R12")
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_ten_minutes_wrong_ends_no_hold_early(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """Stripe's clock is right and ours is not: what Stripe still has open, or has taken money for, is not released."""
    purchase = shop.start()
    with time_machine.travel(timezone.now() + timedelta(minutes=30)):
        shop.stripe.pay(purchase.session_id)
        wrong = timezone.now() + timedelta(minutes=minutes)
        monkeypatch.setattr(timezone, "now", lambda: wrong)
        services.sweep_purchases()
    purchase.refresh_from_db()
    assert purchase.state == "sold"
    assert shop.captures() == 1


@pytest.mark.row("R3")
def test_who_hoards_is_answered_429_and_told_why(shop: Shop, settings: Any) -> None:
    buyer = a_user()
    for _ in range(settings.HOLDS_PER_BUYER):
        shop.start(buyer=buyer)
    client = Client()
    client.force_login(buyer)
    form = {"licensee": "Bea", "consent_immediate": "on", "consent_withdrawal": "on"}
    answer = client.post(reverse("buy", args=[a_listed_composition().pk]), form)
    assert answer.status_code == 429
    assert f"You have {settings.HOLDS_PER_BUYER} pieces on hold" in answer.content.decode()


@pytest.mark.row("R11")
def test_a_price_changed_while_the_page_is_open_is_not_charged(shop: Shop) -> None:
    purchase = shop.start()
    type(purchase.composition).objects.filter(pk=purchase.composition_id).update(price_minor=9900)
    shop.stripe.pay(purchase.session_id)
    assert services.settle(purchase_id=purchase.pk).state == "sold"
    assert shop.intent(purchase).amount_received == 4900


@pytest.mark.row("R13")
def test_cancelling_closes_the_checkout_and_frees_the_piece(shop: Shop) -> None:
    purchase = shop.start()
    assert services.cancel_purchase(purchase=purchase).state == "cancelled"
    assert shop.session(purchase)["status"] == "expired"
    assert shop.start(piece=purchase.composition).state == "held"


@pytest.mark.row("R13")
def test_cancelling_after_paying_sells(shop: Shop) -> None:
    """They paid in the other tab; Stripe says "not open"."""
    purchase = shop.paid()
    assert services.cancel_purchase(purchase=purchase).state == "sold"
    assert shop.captures() == 1


@pytest.mark.row("R13")
def test_cancelling_while_stripe_is_silent_keeps_the_hold(shop: Shop) -> None:
    purchase = shop.start()
    shop.engine.fail("* /v1/checkout/sessions/*", "lost_before", times=3)
    client = Client()
    client.force_login(purchase.buyer)
    answer = client.post(reverse("purchase_cancel", args=[purchase.pk]))
    assert answer.status_code == 302
    assert states() == ["held"]


@pytest.mark.row("R14")
def test_an_unverified_address_or_nobody_at_all_cannot_buy(shop: Shop) -> None:
    unverified = a_user()
    unverified.emailaddress_set.update(verified=False)
    forgotten = a_user()
    forget_user(user=forgotten)
    piece = a_listed_composition()
    for buyer in (unverified, a_user(is_active=False), forgotten, AnonymousUser()):
        with pytest.raises(BuyerNotAllowed):
            shop.start(piece=piece, buyer=buyer)
    nothing_happened(shop, piece)


@pytest.mark.row("R14")
def test_an_unverified_address_is_sent_to_be_confirmed(shop: Shop) -> None:
    piece, buyer, client = a_listed_composition(), a_user(), Client()
    buyer.emailaddress_set.update(verified=False)
    client.force_login(buyer)
    form = {"licensee": "Bea", "consent_immediate": "on", "consent_withdrawal": "on"}
    answer = client.post(reverse("buy", args=[piece.pk]), form)
    assert (answer.status_code, answer["Location"]) == (302, reverse("account_email"))
    nothing_happened(shop, piece)


@pytest.mark.row("R14")
def test_an_anonymous_visitor_is_sent_to_log_in(shop: Shop) -> None:
    piece = a_listed_composition()
    form = {"licensee": "Ada", "consent_immediate": "on", "consent_withdrawal": "on"}
    answer = Client().post(reverse("buy", args=[piece.pk]), form)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("account_login"))
    nothing_happened(shop, piece)


@pytest.mark.row("R14")
def test_a_maker_buys_at_once_and_others_only_what_is_listed(shop: Shop) -> None:
    maker = a_user()
    unlisted = a_ready_composition(maker=a_maker(user=maker))
    with pytest.raises(NotForSale):
        shop.start(piece=unlisted)
    nothing_happened(shop, unlisted)
    assert shop.start(piece=unlisted, buyer=maker).state == "held"


def test_a_piece_kept_private_is_its_makers_alone(shop: Shop) -> None:
    private = a_listed_composition(is_private=True)
    with pytest.raises(NotForSale):
        shop.start(piece=private)


def test_a_retired_or_unfinished_piece_is_not_sold(shop: Shop) -> None:
    retired = a_listed_composition()
    withdraw_composition(composition=retired)
    with pytest.raises(NotForSale):
        shop.start(piece=retired)
    assert Purchase.objects.count() == 0
    assert PurchaseEvent.objects.count() == 0


def test_a_hold_that_waited_long_for_its_checkout_gets_its_full_time_again(shop: Shop) -> None:
    """Stripe refuses a page of less than thirty minutes."""
    piece, buyer = a_listed_composition(), a_user()
    shop.engine.fail(CREATE, "lost_before", times=3)
    with pytest.raises(PaymentUnavailable):
        shop.start(piece=piece, buyer=buyer)
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        purchase = shop.start(piece=piece, buyer=buyer)
        assert purchase.expires_at - timezone.now() > timedelta(minutes=34)
    piece.refresh_from_db()
    assert piece.held_until == purchase.expires_at


def test_an_expired_checkout_is_replaced_when_its_buyer_comes_back(shop: Shop) -> None:
    piece, buyer = a_listed_composition(), a_user()
    first = shop.start(piece=piece, buyer=buyer)
    shop.stripe.expire(first.session_id)
    second = shop.start(piece=piece, buyer=buyer)
    assert second.pk != first.pk
    assert states() == ["expired", "held"]


@pytest.mark.row("R1", "P10")
def test_the_database_itself_refuses_a_second_live_purchase(shop: Shop) -> None:
    purchase = shop.start()
    twin = {
        "composition": purchase.composition,
        "buyer": a_user(),
        "licensee": "x",
        "price_minor": 1,
        "currency": "eur",
    }
    for state in ("held", "claimed", "sold", "refunded", "disputed", "lost"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Purchase.objects.create(
                **twin,
                state=state,
                payment_intent_id=f"pi_{state}",
                expires_at=timezone.now(),
                terms_version="x",
            )
    assert Purchase.objects.count() == 1


def test_without_a_way_to_pay_nothing_is_held(shop: Shop, settings: Any) -> None:
    settings.TEST_CHECKOUT = False
    with pytest.raises(PaymentUnavailable):
        shop.start()
    assert Purchase.objects.count() == 0
