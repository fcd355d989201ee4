"""Staff see everything about money and change it only through the services."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from licensing.models import Certificate, DeliveredFile, ExclusiveRight, RegisterEntry, Replacement
from payments import services
from payments.models import Declaration, Incident, OutboxMessage, Purchase, PurchaseEvent, WebhookEvent
from payments.moves import report
from tests.factories import staff_client
from tests.payments.shop import Shop

MODELS = [
    Certificate, Declaration, DeliveredFile, ExclusiveRight, Incident, OutboxMessage, Purchase, PurchaseEvent,
    RegisterEntry, Replacement, WebhookEvent,
]  # fmt: skip


@pytest.fixture
def staff(shop: Shop) -> Client:
    return staff_client()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_money_and_certificates_can_be_read_and_neither_made_changed_nor_deleted(
    shop: Shop, staff: Client, model: type
) -> None:
    purchase = shop.paid()
    shop.deliver_everything()
    report(purchase, kind="test", detail="for the page")
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert staff.get(reverse(f"{name}_changelist")).status_code == 200
    assert staff.get(reverse(f"{name}_add")).status_code == 403
    row = model._default_manager.first()
    if row is not None:
        page = reverse(f"{name}_change", args=[quote(row.pk)])
        assert staff.get(page).status_code == 200
        assert staff.post(page, {"state": "held"}).status_code == 403
        assert staff.post(reverse(f"{name}_delete", args=[quote(row.pk)]), {"post": "yes"}).status_code == 403
    assert model in admin.site._registry


def act(staff: Client, action: str, purchase: Purchase, **more: str) -> None:
    form = {**more, "action": action, "_selected_action": [str(purchase.pk)]}
    assert staff.post(reverse("admin:payments_purchase_changelist"), form).status_code == 302
    purchase.refresh_from_db()


def deeds(purchase: Purchase) -> list[tuple[str, str]]:
    """What the audit log says of a purchase, in the order in which it was done."""
    entries = AuditEntry.objects.filter(object_id=str(purchase.pk)).order_by("pk")
    return list(entries.values_list("did", "outcome"))


def test_staff_settle_a_payment_that_hangs(shop: Shop, staff: Client) -> None:
    purchase = shop.paid()
    act(staff, "settle_now", purchase)
    act(staff, "settle_now", purchase)
    assert (purchase.state, shop.captures()) == ("sold", 1)
    assert deeds(purchase) == [("settled", "asked"), ("settled: now sold", "done")] * 2


def test_staff_cancel_a_hold(shop: Shop, staff: Client) -> None:
    purchase = shop.start()
    act(staff, "cancel_hold", purchase)
    act(staff, "cancel_hold", purchase)
    assert purchase.state == "cancelled"
    assert shop.session(purchase)["status"] == "expired"


def test_staff_withdraw_a_held_piece_and_say_why(shop: Shop, staff: Client) -> None:
    purchase = shop.start()
    act(staff, "withdraw_piece", purchase)
    assert purchase.state == "held"
    act(staff, "withdraw_piece", purchase, reason="a complaint")
    purchase.composition.refresh_from_db()
    assert (purchase.state, purchase.composition.sale_state) == ("cancelled", "retired")
    assert deeds(purchase) == [("withdrawn", "asked"), ("withdrawn: now cancelled", "done")]
    assert {entry.reason for entry in AuditEntry.objects.all()} == {"a complaint"}


def test_staff_close_an_incident(shop: Shop, staff: Client) -> None:
    report(shop.start(), kind="test", detail="look")
    incident = Incident.objects.get()
    form = {"action": "mark_resolved", "_selected_action": [str(incident.pk)]}
    staff.post(reverse("admin:payments_incident_changelist"), form)
    incident.refresh_from_db()
    assert incident.resolved_at is not None


def test_staff_revoke_once_with_a_reason_and_the_money_stays(shop: Shop, staff: Client) -> None:
    purchase = shop.sold()
    act(staff, "revoke", purchase)
    assert purchase.state == "sold"
    for _ in range(2):
        act(staff, "revoke", purchase, reason="used in a fraud")
    right, piece = ExclusiveRight.objects.get(), purchase.composition
    piece.refresh_from_db()
    assert (purchase.state, right.state, right.reason) == ("revoked", "revoked", "used in a fraud")
    assert (piece.sale_state, shop.refunds()) == ("retired", [])
    assert purchase.events.last().reason == "used in a fraud"
    assert deeds(purchase) == [
        ("revoked", "asked"), ("revoked: now revoked", "done"), ("revoked", "asked"), ("revoked", "refused"),
    ]  # fmt: skip
    done = AuditEntry.objects.get(outcome="done")
    assert (done.before["state"], done.after["state"], done.after["paid_minor"]) == ("sold", "revoked", 4900)
    assert services.settle(purchase_id=purchase.pk).state == "revoked"
    act(staff, "refund", purchase, reason="after all")
    assert (purchase.state, len(shop.refunds())) == ("refunded", 1)
    assert purchase.events.last().reason == "after all"


def test_a_hold_has_no_right_to_revoke(shop: Shop, staff: Client) -> None:
    purchase = shop.start()
    act(staff, "revoke", purchase, reason="x")
    assert purchase.state == "held"
    assert deeds(purchase) == [("revoked", "asked"), ("revoked", "refused")]


def test_the_first_page_says_that_nothing_was_captured_without_a_right(shop: Shop, staff: Client) -> None:
    assert "Captured without right: 0 (must be 0)" in staff.get(reverse("admin:index")).content.decode()
    report(shop.start(), kind="captured_without_right", detail="x")
    page = staff.get(reverse("admin:index")).content.decode()
    assert "Captured without right: 1 (must be 0)" in page
    assert "Incidents nobody has looked after: 1" in page
