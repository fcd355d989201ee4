"""Refunds and disputes. (Rows A1–A8.)"""

from __future__ import annotations

import pytest
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse

from licensing.models import Certificate, ExclusiveRight
from payments import gateway, services
from payments.errors import AlreadyRefunded, AlreadySold, RefundRefused
from payments.models import Incident, Purchase
from tests.factories import a_user, staff_client
from tests.payments.shop import Shop

REFUND = "POST /v1/refunds"


def intent_of(purchase: Purchase) -> str:
    assert purchase.payment_intent_id
    return purchase.payment_intent_id


def standing(purchase: Purchase) -> tuple[str, str, str]:
    """State of the purchase, of the right, and of the piece."""
    purchase.refresh_from_db()
    purchase.composition.refresh_from_db()
    return purchase.state, ExclusiveRight.objects.get().state, purchase.composition.sale_state


def dashboard_refund(shop: Shop, purchase: Purchase, *, amount: int | None = None) -> None:
    form = f"payment_intent={intent_of(purchase)}" + (f"&amount={amount}" if amount else "")
    status, _body = shop.engine.handle(method="post", path="/v1/refunds", form=form, key=None)
    assert status == 200


@pytest.mark.row("A1")
def test_a_refund_in_the_dashboard_revokes_the_right_and_retires_the_piece(shop: Shop) -> None:
    purchase = shop.sold()
    dashboard_refund(shop, purchase)
    shop.deliver_everything()
    assert standing(purchase) == ("refunded", "revoked", "retired")
    certificate = Certificate.objects.get()
    page = Client().get(reverse("certificate", args=[certificate.pk]))
    assert (page.status_code, page.context["status"]) == (200, "revoked")
    with pytest.raises(AlreadySold):
        shop.start(piece=purchase.composition)


@pytest.mark.row("A2")
def test_a_partial_refund_is_written_down_and_changes_nothing(shop: Shop) -> None:
    purchase = shop.sold()
    dashboard_refund(shop, purchase, amount=500)
    shop.deliver_everything()
    services.settle(purchase_id=purchase.pk)
    assert standing(purchase) == ("sold", "in_force", "sold")
    assert purchase.events.filter(reason="partial refund: 500 of 4900").count() == 1


@pytest.mark.row("A3")
def test_a_failed_refund_is_flagged_and_not_repeated(shop: Shop) -> None:
    purchase = shop.sold()
    services.refund_purchase(purchase=purchase, reason="test")
    shop.stripe.fail_refund(shop.refunds()[0]["id"])
    shop.deliver_everything()
    assert [incident.kind for incident in Incident.objects.all()] == ["refund_failed"]
    assert standing(purchase) == ("refunded", "revoked", "retired")
    assert len(shop.refunds()) == 1


@pytest.mark.row("A4")
def test_refunding_twice_sends_the_money_once(shop: Shop) -> None:
    purchase = shop.sold()
    services.refund_purchase(purchase=purchase, reason="wrong piece")
    with pytest.raises(AlreadyRefunded):
        services.refund_purchase(purchase=purchase, reason="wrong piece")
    assert [refund["amount"] for refund in shop.refunds()] == [4900]
    assert standing(purchase) == ("refunded", "revoked", "retired")
    assert purchase.events.last().reason == "wrong piece"


@pytest.mark.row("A4")
def test_staff_who_choose_refund_twice_refund_once(shop: Shop) -> None:
    """Through the admin."""
    purchase = shop.sold()
    client = staff_client()
    form = {"action": "refund", "reason": "wrong piece", "_selected_action": [str(purchase.pk)]}
    for _ in range(2):
        assert client.post(reverse("admin:payments_purchase_changelist"), form).status_code == 302
    assert len(shop.refunds()) == 1
    assert standing(purchase) == ("refunded", "revoked", "retired")


@pytest.mark.row("A4")
def test_a_refund_whose_reply_is_lost_is_not_sent_again(shop: Shop) -> None:
    purchase = shop.sold()
    shop.engine.fail(REFUND, "lost_after", times=2)
    services.refund_purchase(purchase=purchase, reason="test")
    assert len(shop.refunds()) == 1


@pytest.mark.row("A4")
def test_a_fault_that_stripe_would_repeat_does_not_stop_a_refund_for_a_day(shop: Shop) -> None:
    """The next try has another key, and one refund comes of it."""
    purchase = shop.sold()
    shop.engine.fail(REFUND, "500")
    with pytest.raises(gateway.Fault):
        services.refund_purchase(purchase=purchase, reason="test")
    assert standing(purchase) == ("sold", "in_force", "sold")
    services.refund_purchase(purchase=purchase, reason="test")
    assert standing(purchase) == ("refunded", "revoked", "retired")
    assert len(shop.refunds()) == 1


@pytest.mark.row("A4")
def test_a_fault_after_the_money_went_back_is_a_refund(shop: Shop) -> None:
    purchase = shop.sold()
    shop.engine.fail(REFUND, "500_after")
    services.refund_purchase(purchase=purchase, reason="test")
    assert standing(purchase) == ("refunded", "revoked", "retired")
    assert len(shop.refunds()) == 1


@pytest.mark.row("A5")
def test_a_refund_event_before_the_sale_is_known_ends_in_refunded(shop: Shop) -> None:
    """Charge.refunded overtakes checkout.session.completed."""
    purchase = shop.start()
    shop.stripe.capture_automatically(purchase.session_id)
    shop.stripe.pay(purchase.session_id)
    form = f"payment_intent={shop.intent(purchase).id}"
    shop.engine.handle(method="post", path="/v1/refunds", form=form, key=None)
    events = shop.stripe.undelivered()
    for event in sorted(events, key=lambda event: event["type"] != "charge.refunded"):
        assert shop.deliver(event) == 200
    assert standing(purchase) == ("refunded", "revoked", "retired")


@pytest.mark.row("A6")
def test_a_dispute_suspends_and_a_won_one_restores(shop: Shop) -> None:
    purchase = shop.sold()
    dispute = shop.stripe.dispute(intent_of(purchase))
    shop.deliver_everything()
    assert standing(purchase) == ("disputed", "suspended", "sold")
    with pytest.raises(RefundRefused):
        services.refund_purchase(purchase=purchase, reason="test")
    assert shop.refunds() == []
    shop.stripe.close_dispute(dispute, status="won")
    shop.deliver_everything()
    assert standing(purchase) == ("sold", "in_force", "sold")


@pytest.mark.row("A6")
def test_a_lost_dispute_revokes_for_ever(shop: Shop) -> None:
    purchase = shop.sold()
    dispute = shop.stripe.dispute(intent_of(purchase))
    shop.stripe.close_dispute(dispute, status="lost")
    shop.deliver_everything()
    assert standing(purchase) == ("lost", "revoked", "retired")
    with pytest.raises(RefundRefused):
        services.refund_purchase(purchase=purchase, reason="test")


@pytest.mark.row("A6")
def test_a_dispute_nobody_told_us_of_stops_our_refund(shop: Shop) -> None:
    purchase = shop.sold()
    shop.stripe.dispute(intent_of(purchase))
    with pytest.raises(RefundRefused):
        services.refund_purchase(purchase=purchase, reason="test")
    assert standing(purchase) == ("disputed", "suspended", "sold")


@pytest.mark.row("A7")
def test_an_inquiry_changes_nothing(shop: Shop) -> None:
    purchase = shop.sold()
    shop.stripe.dispute(intent_of(purchase), status="warning_needs_response")
    shop.deliver_everything()
    assert standing(purchase) == ("sold", "in_force", "sold")


@pytest.mark.row("A7")
def test_a_dispute_about_an_unknown_charge_is_taken_and_ignored(shop: Shop) -> None:
    purchase = shop.sold()
    shop.stripe.dispute(intent_of(purchase))
    event = shop.event("charge.dispute.created")
    event["data"]["object"]["payment_intent"] = "pi_of_somebody_else"
    assert shop.deliver(event) == 200
    assert standing(purchase) == ("sold", "in_force", "sold")


def test_only_what_was_sold_can_be_refunded(shop: Shop) -> None:
    purchase = shop.start()
    with pytest.raises(RefundRefused):
        services.refund_purchase(purchase=purchase, reason="test")
    assert shop.refunds() == []


@pytest.mark.row("A8")
def test_an_account_with_a_purchase_cannot_be_deleted_with_it(shop: Shop) -> None:
    """The proof stays."""
    purchase = shop.sold()
    with pytest.raises(ProtectedError):
        purchase.buyer.delete()
    assert Certificate.objects.count() == 1


def test_staff_without_the_permission_cannot_touch_money(shop: Shop) -> None:
    purchase = shop.sold()
    client = Client()
    client.force_login(a_user(is_staff=True))
    form = {"action": "refund", "_selected_action": [str(purchase.pk)]}
    assert client.post(reverse("admin:payments_purchase_changelist"), form).status_code == 403
    assert shop.refunds() == []
