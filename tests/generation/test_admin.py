"""The staff's hand on compositions: it acts through the services and deletes nothing."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditEntry
from generation.models import Composition
from tests.factories import a_listed_composition, a_queued_composition, a_staff_user, a_user, an_instrument

pytestmark = pytest.mark.django_db

LIST = "/admin/generation/composition/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(a_staff_user())
    return client


def act(client: Client, action: str, *pieces: Composition, reason: str = "out of tune") -> None:
    chosen = {"action": action, "reason": reason, "_selected_action": [str(piece.pk) for piece in pieces]}
    assert client.post(LIST, chosen).status_code == 302


def state(piece: Composition) -> tuple[str, str]:
    piece.refresh_from_db()
    return piece.state, piece.sale_state


def test_failed_and_cancelled_pieces_are_queued_again_and_others_left_alone(staff: Client) -> None:
    failed, cancelled = a_queued_composition(state="failed"), a_queued_composition(state="cancelled")
    ready = a_listed_composition()
    act(staff, "retry", failed, cancelled, ready)
    assert [state(piece)[0] for piece in (failed, cancelled, ready)] == ["queued", "queued", "ready"]
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [("available", "retired"), ("on_hold", "on_hold"), ("sold", "sold"), ("retired", "retired")],
)
def test_only_a_piece_nobody_holds_is_withdrawn(staff: Client, before: str, after: str) -> None:
    piece = a_listed_composition(sale_state=before)
    act(staff, "withdraw", piece)
    assert state(piece) == ("ready", after)


def test_a_piece_is_withdrawn_once_and_only_with_a_reason(staff: Client) -> None:
    piece = a_listed_composition()
    act(staff, "withdraw", piece, reason="  ")
    assert (state(piece)[1], AuditEntry.objects.count()) == ("available", 0)
    for _ in range(2):
        act(staff, "withdraw", piece)
    assert (state(piece)[1], piece.retired_because) == ("retired", "withdrawn")
    [entry] = AuditEntry.objects.all()
    assert (entry.did, entry.reason, entry.object_id) == ("withdrawn", "out of tune", str(piece.pk))


def test_an_unfinished_piece_is_not_withdrawn(staff: Client) -> None:
    piece = a_queued_composition()
    act(staff, "withdraw", piece)
    assert state(piece) == ("queued", "available")


def test_nothing_that_a_sale_leans_on_can_be_deleted_or_rewritten(staff: Client) -> None:
    piece = a_listed_composition(sale_state="sold")
    for address in (
        f"{LIST}{piece.pk}/delete/",
        f"/admin/generation/instrument/{piece.instrument_id}/delete/",
        f"/admin/generation/composermodel/{piece.model_id}/delete/",
        f"/admin/accounts/maker/{piece.maker_id}/delete/",
    ):
        assert staff.post(address, {"post": "yes"}).status_code == 403, address
    chosen = {"action": "delete_selected", "_selected_action": [str(piece.pk)], "post": "yes"}
    staff.post(LIST, chosen)
    assert staff.post(f"{LIST}{piece.pk}/change/", {"price_minor": 1}).status_code == 403
    assert staff.get(f"{LIST}{piece.pk}/change/").status_code == 200
    assert Composition.objects.get().price_minor == 4900


def test_a_price_is_changed_by_the_staff(staff: Client) -> None:
    instrument = an_instrument()
    fields = {
        "name": "Piano", "description": "Grand", "price_minor": "5900", "currency": "eur", "position": "0",
        "is_active": "on", "price_changes-TOTAL_FORMS": "0", "price_changes-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert staff.post(f"/admin/generation/instrument/{instrument.pk}/change/", fields).status_code == 302
    instrument.refresh_from_db()
    assert instrument.price_minor == 5900


def test_a_customer_gets_nowhere_near() -> None:
    client = Client()
    client.force_login(a_user())
    assert client.get(LIST).status_code in {302, 403}
    assert client.get(LIST, follow=True).status_code in {200, 403}
    piece = a_queued_composition(state="failed")
    client.post(LIST, {"action": "retry", "_selected_action": [str(piece.pk)]})
    assert state(piece)[0] == "failed"
