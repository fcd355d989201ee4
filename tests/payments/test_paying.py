"""From the bank to the right: lost messages, crashes and forgeries in between. (Rows P1–P17.)"""

from __future__ import annotations

import io
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from licensing.models import Certificate, ExclusiveRight
from payments import gateway, services
from payments import settle as settling
from payments.models import Incident, OutboxMessage, Purchase
from payments.moves import move_if
from tests.factories import a_user
from tests.payments.shop import Shop

CAPTURE = "POST /v1/payment_intents/*/capture"
SALE_ASKS_AT_MOST = 30


class Killed(BaseException):
    """The process dies here."""


def sold_once(shop: Shop, purchase: Purchase) -> bool:
    purchase.refresh_from_db()
    purchase.composition.refresh_from_db()
    return (
        purchase.state == "sold"
        and purchase.composition.sale_state == "sold"
        and ExclusiveRight.objects.filter(purchase_id=purchase.pk, composition=purchase.composition).count()
        == 1
        and Certificate.objects.count() == 1
        and OutboxMessage.objects.filter(purchase=purchase).count() == 2
        and purchase.events.filter(to_state="sold").count() == 1
        and shop.captures() == 1
        and Incident.objects.count() == 0
    )


def nothing_sold(shop: Shop, purchase: Purchase) -> bool:
    purchase.refresh_from_db()
    purchase.composition.refresh_from_db()
    return (
        purchase.state in {"expired", "cancelled"}
        and purchase.composition.sale_state == "available"
        and ExclusiveRight.objects.count() == 0
        and OutboxMessage.objects.count() == 0
        and shop.captures() == 0
    )


def incidents() -> list[str]:
    return sorted(Incident.objects.values_list("kind", flat=True))


@pytest.mark.row("P1")
def test_a_declined_card_keeps_the_hold_and_another_card_buys(shop: Shop) -> None:
    purchase = shop.start()
    shop.stripe.decline(purchase.session_id)
    shop.deliver_everything()
    assert services.settle(purchase_id=purchase.pk).state == "held"
    shop.stripe.pay(purchase.session_id)
    shop.deliver_everything()
    assert sold_once(shop, purchase)


@pytest.mark.row("P2")
def test_an_abandoned_3d_secure_step_ends_with_the_hold(shop: Shop) -> None:
    purchase = shop.start()
    shop.stripe.ask_3ds(purchase.session_id)
    assert services.settle(purchase_id=purchase.pk).state == "held"
    with time_machine.travel(timezone.now() + timedelta(minutes=36)):
        services.sweep_purchases()
    assert nothing_sold(shop, purchase)


@pytest.mark.row("P3")
def test_a_closed_tab_is_sold_by_the_webhook_and_stands_in_the_library(shop: Shop) -> None:
    purchase = shop.paid()
    shop.deliver_everything()
    assert sold_once(shop, purchase)
    client = Client()
    client.force_login(purchase.buyer)
    assert list(client.get(reverse("library")).context["rights"]) == [ExclusiveRight.objects.get()]


@pytest.mark.row("P4")
def test_without_a_webhook_the_success_page_sells(shop: Shop) -> None:
    purchase = shop.paid()
    client = Client()
    client.force_login(purchase.buyer)
    answer = client.get(reverse("purchase_return", args=[purchase.pk]))
    assert answer["Location"] == reverse("purchase", args=[purchase.pk])
    assert sold_once(shop, purchase)


@pytest.mark.row("P4")
def test_without_webhook_and_success_page_the_sweeper_sells_within_minutes(shop: Shop) -> None:
    purchase = shop.paid()
    with time_machine.travel(timezone.now() + timedelta(minutes=3)):
        services.sweep_purchases()
    assert sold_once(shop, purchase)


@pytest.mark.row("P5")
def test_webhook_success_page_and_sweeper_together_sell_once(shop: Shop) -> None:
    """One after the other; tests/races does it at the same instant."""
    purchase = shop.paid()
    shop.deliver_everything()
    services.settle(purchase_id=purchase.pk)
    services.sweep_purchases()
    assert sold_once(shop, purchase)
    assert len(shop.calls(CAPTURE)) == 1


@pytest.mark.row("P5")
def test_a_rival_settling_between_look_and_claim_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly interleaved: the rival finishes while we hold an old answer of Stripe."""
    purchase = shop.paid()
    retrieve = gateway.retrieve_session
    rivals = [True]

    def retrieve_then_rival(session_id: str) -> gateway.CheckoutSession:
        answer = retrieve(session_id)
        if rivals:
            rivals.pop()
            services.settle(purchase_id=purchase.pk)
        return answer

    monkeypatch.setattr(gateway, "retrieve_session", retrieve_then_rival)
    services.settle(purchase_id=purchase.pk)
    assert sold_once(shop, purchase)
    assert len(shop.calls(CAPTURE)) == 1


@pytest.mark.row("P6")
def test_the_success_page_of_somebody_else_does_not_exist(shop: Shop) -> None:
    purchase = shop.paid()
    client = Client()
    client.force_login(a_user())
    for name in ("purchase", "purchase_return"):
        assert client.get(reverse(name, args=[purchase.pk])).status_code == 404
        assert client.get(reverse(name, args=[uuid.uuid4()])).status_code == 404
    assert client.post(reverse("purchase_cancel", args=[purchase.pk])).status_code == 404
    purchase.refresh_from_db()
    assert purchase.state == "held"


@pytest.mark.row("P7")
def test_paid_in_the_last_second_beats_the_sweeper(shop: Shop) -> None:
    """Stripe refuses to expire what is complete."""
    purchase = shop.paid()
    Purchase.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    services.sweep_purchases()
    assert sold_once(shop, purchase)


@pytest.mark.row("P8")
def test_an_authorisation_after_release_is_given_up(shop: Shop) -> None:
    """Forged; nothing is captured."""
    purchase = shop.paid()
    move_if(purchase, expected="held", to="expired", reason="forged")
    services.settle(purchase_id=purchase.pk)
    assert shop.intent(purchase).status == "canceled"
    assert nothing_sold(shop, purchase)
    assert incidents() == ["authorised_after_release"]


@pytest.mark.row("P9")
def test_money_captured_after_release_goes_back_once_and_staff_are_told(shop: Shop) -> None:
    """Forged into automatic capture; must be unreachable."""
    purchase = shop.start()
    shop.stripe.capture_automatically(purchase.session_id)
    shop.stripe.pay(purchase.session_id)
    move_if(purchase, expected="held", to="expired", reason="forged")
    for _ in range(3):
        services.settle(purchase_id=purchase.pk)
    assert [refund["amount"] for refund in shop.refunds()] == [4900]
    assert incidents() == ["captured_after_release"]
    assert ExclusiveRight.objects.count() == 0


@pytest.mark.row("P10")
def test_of_two_authorisations_for_one_piece_one_is_given_up(shop: Shop) -> None:
    """Forged; the constraint picked the second buyer."""
    first = shop.paid()
    move_if(first, expected="held", to="expired", reason="forged")
    second = shop.paid(piece=first.composition)
    shop.deliver_everything()
    second.refresh_from_db()
    assert second.state == "sold"
    assert shop.intent(first).status == "canceled"
    assert shop.captures() == 1
    assert ExclusiveRight.objects.get().holder == second.buyer


def test_a_right_that_exists_already_sends_the_money_back_and_retires_the_piece(shop: Shop) -> None:
    """Forged: the second wall, a one-to-one key, holds even if the first were gone."""
    purchase = shop.paid()
    ExclusiveRight.objects.create(
        composition=purchase.composition,
        purchase_id=uuid.uuid4(),
        holder=a_user(),
        licensee="First",
        granted_at=timezone.now(),
    )
    services.settle(purchase_id=purchase.pk)
    purchase.refresh_from_db()
    purchase.composition.refresh_from_db()
    assert (purchase.state, purchase.composition.sale_state) == ("refunded", "retired")
    assert len(shop.refunds()) == 1
    assert incidents() == ["captured_without_right"]
    assert ExclusiveRight.objects.get().licensee == "First"


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.row("P11")
def test_a_capture_whose_reply_is_lost_is_found_out(shop: Shop, times: int) -> None:
    """Once, and through every retry of the library."""
    purchase = shop.paid()
    shop.engine.fail(CAPTURE, "lost_after", times=times)
    services.settle(purchase_id=purchase.pk)
    assert sold_once(shop, purchase)


@pytest.mark.row("P11")
def test_a_capture_that_never_arrived_is_made_up_by_the_sweeper(shop: Shop) -> None:
    purchase = shop.paid()
    shop.engine.fail(CAPTURE, "lost_before", times=3)
    with pytest.raises(gateway.Unreachable):
        services.settle(purchase_id=purchase.pk)
    purchase.refresh_from_db()
    assert (purchase.state, shop.captures()) == ("claimed", 0)
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        services.sweep_purchases()
    assert sold_once(shop, purchase)


@pytest.mark.row("P11")
def test_a_capture_answered_with_a_fault_is_tried_with_a_new_key(shop: Shop) -> None:
    """Stripe would repeat the fault for a day."""
    purchase = shop.paid()
    shop.engine.fail(CAPTURE, "500")
    with pytest.raises(gateway.Fault):
        services.settle(purchase_id=purchase.pk)
    services.settle(purchase_id=purchase.pk)
    assert sold_once(shop, purchase)


@pytest.mark.row("P11")
def test_a_fault_after_the_money_was_taken_is_a_sale(shop: Shop) -> None:
    purchase = shop.paid()
    shop.engine.fail(CAPTURE, "500_after")
    services.settle(purchase_id=purchase.pk)
    assert sold_once(shop, purchase)


@pytest.mark.row("P12")
def test_a_lapsed_authorisation_frees_the_piece(shop: Shop) -> None:
    """It lapsed between claim and capture."""
    purchase = shop.paid()
    intent = shop.intent(purchase)
    move_if(purchase, expected="held", to="claimed", reason="", payment_intent_id=intent.id)
    shop.stripe.lapse(intent.id)
    services.settle(purchase_id=purchase.pk)
    assert nothing_sold(shop, purchase)
    assert shop.start(piece=purchase.composition).state == "held"


@pytest.mark.row("P12")
def test_a_capture_refused_for_good_gives_up_the_authorisation(shop: Shop) -> None:
    purchase = shop.paid()
    shop.engine.fail(CAPTURE, "400")
    services.settle(purchase_id=purchase.pk)
    assert shop.intent(purchase).status == "canceled"
    assert nothing_sold(shop, purchase)
    assert incidents() == ["capture_refused"]


def test_a_sale_asks_the_database_no_more_than_it_must(
    shop: Shop, django_assert_max_num_queries: Any
) -> None:
    """Each question costs a millisecond and more, while the register is locked; a sale may take fifty."""
    shop.sold()  # The first sale of all makes the heads of both registers.
    purchase = shop.paid()
    with django_assert_max_num_queries(SALE_ASKS_AT_MOST):
        assert services.settle(purchase_id=purchase.pk).state == "sold"


@pytest.mark.row("P13")
def test_killed_between_claim_and_capture(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    purchase = shop.paid()
    with monkeypatch.context() as patch:
        patch.setattr(gateway, "capture", _die)
        with pytest.raises(Killed):
            services.settle(purchase_id=purchase.pk)
    purchase.refresh_from_db()
    assert (purchase.state, shop.captures()) == ("claimed", 0)
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        services.sweep_purchases()
    assert sold_once(shop, purchase)


@pytest.mark.row("P13")
def test_killed_between_capture_and_certificate(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right is written whole or not at all."""
    purchase = shop.paid()
    with monkeypatch.context() as patch:
        patch.setattr(settling, "grant_right", _die)
        with pytest.raises(Killed):
            services.settle(purchase_id=purchase.pk)
    purchase.refresh_from_db()
    assert (purchase.state, shop.captures(), OutboxMessage.objects.count()) == ("claimed", 1, 0)
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        services.sweep_purchases()
    assert sold_once(shop, purchase)


def _die(**_arguments: Any) -> None:
    raise Killed


@pytest.mark.parametrize(
    ("of", "change"),
    [
        ("intent", {"amount": 1}),
        ("intent", {"currency": "usd"}),
        ("intent", {"livemode": True}),
        ("intent", {"metadata": {"purchase": "another", "environment": "development"}}),
        ("intent", {"metadata": {}}),
        ("session", {"amount_total": 1}),
        ("session", {"currency": "usd"}),
        ("session", {"livemode": True}),
        ("session", {"client_reference_id": "another"}),
    ],
)
@pytest.mark.row("P14")
def test_a_payment_that_is_not_the_one_asked_for_is_given_up(
    shop: Shop, of: str, change: dict[str, Any]
) -> None:
    purchase = shop.paid()
    shop.stripe.change(shop.intent(purchase).id if of == "intent" else purchase.session_id, **change)
    services.settle(purchase_id=purchase.pk)
    assert shop.intent(purchase).status == "canceled"
    assert nothing_sold(shop, purchase)
    assert incidents() == ["payment_differs"]


@pytest.mark.row("P14")
def test_a_payment_of_another_environment_is_given_up(shop: Shop) -> None:
    """Staging and production share an account."""
    purchase = shop.paid()
    metadata = {"purchase": str(purchase.pk), "environment": "production"}
    shop.stripe.change(shop.intent(purchase).id, metadata=metadata)
    services.settle(purchase_id=purchase.pk)
    assert nothing_sold(shop, purchase)


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.row("P15")
def test_a_delayed_payment_keeps_the_hold_until_it_is_decided(shop: Shop, arrives: bool) -> None:
    purchase = shop.start()
    shop.stripe.pay_by_delayed_method(purchase.session_id)
    shop.deliver_everything()
    with time_machine.travel(timezone.now() + timedelta(minutes=36)):
        services.sweep_purchases()
    purchase.refresh_from_db()
    assert purchase.state == "held"
    intent = shop.intent(purchase).id
    (shop.stripe.delayed_money_arrives if arrives else shop.stripe.delayed_money_fails)(intent)
    shop.deliver_everything()
    assert sold_once(shop, purchase) if arrives else nothing_sold(shop, purchase)


@pytest.mark.row("P16")
def test_a_checkout_completed_without_a_payment_sells_nothing(shop: Shop) -> None:
    """Forged."""
    purchase = shop.start()
    shop.stripe.change(purchase.session_id, status="complete", payment_status="no_payment_required")
    services.settle(purchase_id=purchase.pk)
    assert nothing_sold(shop, purchase)
    assert incidents() == ["completed_without_payment"]


@pytest.mark.row("P17")
def test_a_payment_under_review_waits_for_it(shop: Shop) -> None:
    purchase = shop.paid()
    intent = shop.intent(purchase).id
    shop.stripe.open_review(intent)
    assert services.settle(purchase_id=purchase.pk).state == "held"
    assert shop.captures() == 0
    shop.stripe.close_review(intent)
    services.settle(purchase_id=purchase.pk)
    assert sold_once(shop, purchase)


@pytest.mark.row("W11")
def test_reconciliation_repairs_what_every_message_missed(shop: Shop) -> None:
    purchase = shop.paid()
    assert services.reconcile() == {"repaired": 1, "unexplained": 0}
    assert sold_once(shop, purchase)
    assert services.reconcile() == {"repaired": 0, "unexplained": 0}


def test_the_command_prints_what_it_repaired_and_what_nobody_can_explain(shop: Shop) -> None:
    """W11, by hand."""
    purchase = shop.paid()
    said = io.StringIO()
    call_command("reconcile", stdout=said)
    assert f"purchase {purchase.pk} was held, is sold now" in said.getvalue()
    assert "1 repaired, 0 unexplained" in said.getvalue()
    stray = shop.sold()
    shop.stripe.change(
        stray.payment_intent_id or "", metadata={"environment": "development", "purchase": str(uuid.uuid4())}
    )
    with pytest.raises(CommandError, match="1 differences need a person"):
        call_command("reconcile", stdout=said)
    assert f"unexplained  {stray.payment_intent_id}" in said.getvalue()
    with pytest.raises(CommandError, match="--days is 0"):
        call_command("reconcile", "--days", "0")


@pytest.mark.parametrize(("behaviour", "total", "tax"), [("inclusive", 4900, 817), ("exclusive", 5880, 980)])
def test_with_stripe_tax_the_price_is_the_subtotal_and_the_tax_is_written_down(
    shop: Shop, settings: Any, behaviour: str, total: int, tax: int
) -> None:
    settings.STRIPE_TAX, settings.STRIPE_TAX_BEHAVIOR = True, behaviour
    purchase = shop.sold()
    assert (purchase.price_minor, purchase.total_minor, purchase.tax_minor) == (4900, total, tax)
    assert shop.intent(purchase).amount_received == total
    [call] = shop.calls("POST /v1/checkout/sessions")
    assert call.params["automatic_tax"] == {"enabled": "true"}
    assert call.params["billing_address_collection"] == "required"
    price = call.params["line_items"][0]["price_data"]
    assert price["tax_behavior"] == behaviour
    assert price["product_data"]["tax_code"] == gateway.TAX_CODE
    services.refund_purchase(purchase=purchase, reason="test")
    assert [refund["amount"] for refund in shop.refunds()] == [total]


def test_without_stripe_tax_nothing_is_asked_for_or_written(shop: Shop) -> None:
    purchase = shop.sold()
    assert (purchase.total_minor, purchase.tax_minor) == (4900, None)
    [call] = shop.calls("POST /v1/checkout/sessions")
    assert "automatic_tax" not in call.params


def test_another_subtotal_or_a_total_that_is_no_sum_is_not_taken(shop: Shop, settings: Any) -> None:
    settings.STRIPE_TAX = True
    for change in ({"amount_subtotal": 4000}, {"amount_total": 5000}):
        purchase = shop.paid()
        shop.stripe.change(purchase.session_id or "", **change)
        assert services.settle(purchase_id=purchase.pk).state == "cancelled"
    assert shop.captures() == 0
    assert incidents() == ["payment_differs"] * 2


def test_each_move_is_one_log_line_that_a_program_can_read(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="payments.moves")
    purchase = shop.sold()
    lines = [record for record in caplog.records if record.name == "payments.moves"]
    read = [json.loads(json.dumps([line.purchase, line.from_state, line.to_state])) for line in lines]
    assert read == [[str(purchase.pk), "held", "claimed"], [str(purchase.pk), "claimed", "sold"]]
