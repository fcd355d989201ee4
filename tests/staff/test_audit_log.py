"""Every deed of the staff is written down, once, with what it was and what it became."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.staff.audit import record
from generation.models import PriceChange
from tests.factories import a_listed_composition, a_staff_user, an_instrument, staff_client
from tests.payments.shop import Shop

pytestmark = pytest.mark.django_db

NO_INLINES = {"price_changes-TOTAL_FORMS": "0", "price_changes-INITIAL_FORMS": "0"}


def set_the_price(client: Any, minor: int) -> None:
    fields = {
        "name": "Piano", "description": "Grand", "price_minor": str(minor), "currency": "eur", "position": "0",
        "is_active": "on",
    }  # fmt: skip
    address = reverse("admin:generation_instrument_change", args=["piano"])
    assert client.post(address, fields | NO_INLINES).status_code == 302


def test_a_price_has_a_history_and_pieces_keep_the_one_they_were_shown_with(shop: Shop) -> None:
    instrument = an_instrument(name="Piano", description="Grand", price_minor=4900)
    piece = a_listed_composition(instrument=instrument)
    held = shop.start(piece=piece)
    user = a_staff_user()
    for minor in (5900, 5900, 6900):
        set_the_price(staff_client(user), minor)
    changes = PriceChange.objects.order_by("pk").values_list("old_minor", "new_minor", "staff")
    assert list(changes) == [(4900, 5900, user.pk), (5900, 6900, user.pk)]
    held.refresh_from_db()
    piece.refresh_from_db()
    instrument.refresh_from_db()
    assert (held.price_minor, piece.price_minor, instrument.price_minor) == (4900, 4900, 6900)
    again = shop.start(piece=piece, buyer=held.buyer)
    assert (again.pk, again.price_minor, shop.session(again)["amount_total"]) == (held.pk, 4900, 4900)
    page = staff_client(user).get(reverse("admin:generation_instrument_change", args=["piano"]))
    assert "€59.00" in page.content.decode()
    last = AuditEntry.objects.first()
    assert last is not None
    assert (last.staff, last.did, last.kind) == (user, "changed", "generation.instrument")
    assert (last.before, last.after) == ({"price_minor": 5900}, {"price_minor": 6900})


@pytest.mark.parametrize("rows", [AuditEntry, PriceChange])
def test_what_is_written_stays_as_it_is(rows: Any) -> None:
    user = a_staff_user()
    if rows is AuditEntry:
        record(staff=user, did="tested", thing=user)
    else:
        rows.objects.create(
            instrument=an_instrument(),
            old_minor=100,
            old_currency="eur",
            new_minor=200,
            new_currency="eur",
            staff=user,
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.objects.update(staff=a_staff_user())
    if connection.vendor == "postgresql":
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.objects.all()._raw_delete(rows.objects.db)
    assert rows.objects.get().staff == user


def test_the_log_is_read_by_its_object_and_changed_by_nobody() -> None:
    client = staff_client()
    one, other = a_listed_composition(), a_listed_composition()
    for piece in (one, other):
        form = {"action": "withdraw", "reason": f"about {piece.title}", "_selected_action": [str(piece.pk)]}
        client.post(reverse("admin:generation_composition_changelist"), form)
    page = client.get(reverse("admin:generation_composition_change", args=[one.pk])).content.decode()
    address = reverse("admin:accounts_auditentry_changelist")
    assert f"{address}?kind=generation.composition&amp;object_id={one.pk}" in page
    shown = client.get(f"{address}?kind=generation.composition&object_id={one.pk}").content.decode()
    assert (f"about {one.title}" in shown, f"about {other.title}" in shown) == (True, False)
    entry = AuditEntry.objects.first()
    assert entry is not None
    change = reverse("admin:accounts_auditentry_change", args=[entry.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"did": "x"}).status_code == 403
    assert client.post(reverse("admin:accounts_auditentry_delete", args=[entry.pk])).status_code == 403


def test_what_packages_bring_is_logged_as_well() -> None:
    client = staff_client()
    user = a_staff_user()
    address = user.emailaddress_set.get()
    client.post(reverse("admin:account_emailaddress_delete", args=[address.pk]), {"post": "yes"})
    entry = AuditEntry.objects.get()
    assert (entry.did, entry.kind, entry.object_text) == ("deleted", "account.emailaddress", str(address))
