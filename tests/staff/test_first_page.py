"""The first page and the page of a piece: what they say, what they cost, and whose ear the log keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from generation import figures
from generation.failures import failure
from generation.models import Composition
from marketplace.staff.dashboard import dashboard
from payments import figures as selling
from payments.models import Purchase
from payments.services import refund_purchase
from tests.factories import a_listed_composition, a_queued_composition, a_ready_composition, staff_client
from tests.payments.shop import Shop

QUERIES_AT_MOST = 30


@pytest.mark.django_db
def test_the_queue_and_what_failed_are_counted() -> None:
    now = timezone.now()
    first = a_queued_composition()
    Composition.objects.filter(pk=first.pk).update(created_at=now - timedelta(hours=2))
    a_queued_composition()
    a_queued_composition(state="composing")
    for hours in (1, 2, 30):
        a_queued_composition(
            state="failed", failure=failure("disk_full"), finished_at=now - timedelta(hours=hours)
        )
    jobs = figures.jobs()
    assert (jobs.waiting, jobs.working, jobs.failed, jobs.failed_count) == (2, 1, [("disk_full", 2)], 2)
    assert jobs.waiting_since == now - timedelta(hours=2)


@pytest.mark.django_db
def test_a_piece_is_heard_once_and_counted_on_the_way_to_being_bought(client: Client) -> None:
    heard = a_listed_composition(preview=b"mp3")
    a_listed_composition()
    a_queued_composition()
    for _ in range(2):
        client.get(reverse("composition_preview", args=[heard.pk]))
    heard.refresh_from_db()
    assert heard.heard_at is not None
    assert figures.funnel() == {"ordered": 3, "composed": 2, "heard": 1, "sold": 0}


def test_sales_are_counted_by_day_and_refunds_beside_them(shop: Shop) -> None:
    purchases = [shop.sold() for _ in range(3)]
    refund_purchase(purchase=purchases[0], reason="test")
    moved = purchases[1].events.get(to_state="sold")
    type(moved).objects.filter(pk=moved.pk).update(created_at=timezone.now() - timedelta(days=6))
    shop.start()
    sales = selling.sales()
    assert [(one.days, one.count, one.paid) for one in sales.takings] == [
        (1, 2, {"eur": 9800}), (7, 3, {"eur": 14700}), (30, 3, {"eur": 14700}),
    ]  # fmt: skip
    assert (sales.refunded, sales.is_test) == (1, True)
    assert [count for _day, count in sales.by_day[-7:]] == [1, 0, 0, 0, 0, 0, 2]
    assert selling.holds()["open"] == 1
    assert {one.name: one.count for one in selling.backlogs()}["outbox"] > 0


@pytest.mark.django_db
def test_the_first_page_costs_as_much_with_many_pieces_as_with_few() -> None:
    client = staff_client()
    client.get("/admin/")
    costs = []
    for _ in range(2):
        for _piece in range(5):
            a_ready_composition()
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert client.get("/admin/").status_code == 200
        costs.append(len(seen))
    assert costs[0] == costs[1] <= QUERIES_AT_MOST


def test_the_first_page_shows_a_role_only_what_it_may_see(as_role: Callable[[str], Client]) -> None:
    music = as_role("music").get("/admin/").content.decode()
    assert "Ratings by version" in music or "Networks in use" in music or "Ordered, composed" in music
    assert "Holds open" not in music
    assert "Captured without right" not in music
    finance = as_role("finance").get("/admin/").content.decode()
    assert "Holds open" in finance
    assert set(dashboard(Client().get("/").wsgi_request.user)) == set()


@pytest.mark.django_db
def test_each_hearing_of_a_master_is_logged_and_its_address_is_nobody_elses(
    as_role: Callable[[str], Client],
) -> None:
    piece = a_listed_composition(preview=b"mp3")
    opens = reverse("admin:generation_composition_master", args=[piece.pk])
    music, support, other = as_role("music"), as_role("support"), as_role("music")
    assert support.post(opens).status_code == 404
    assert music.get(opens).status_code == 404
    page = music.post(opens, {"reason": "it clips"}, follow=True)
    entry = AuditEntry.objects.get()
    assert (entry.did, entry.reason, entry.object_id) == (
        "opened the master to hear it", "it clips", str(piece.pk),
    )  # fmt: skip
    source = page.content.decode().split("/master/")[1].split('"')[0]
    address = f"{opens}{source}"
    answer = music.get(address)
    assert b"".join(answer.streaming_content) == b"master.flac"
    assert other.get(address).status_code == 404
    assert support.get(address).status_code == 404
    assert Client().get(address).status_code == 302


@pytest.mark.django_db
def test_the_page_of_a_piece_draws_it_and_says_how_original_it_is() -> None:
    found = {"longest_run_corpus": 8, "longest_run_works": 3, "nearest": "Bach, Minuet", "share": 0.0125}
    piece = a_listed_composition(originality=found)
    page = (
        staff_client().get(reverse("admin:generation_composition_change", args=[piece.pk])).content.decode()
    )
    assert f'src="{reverse("composition_preview", args=[piece.pk])}"' in page
    assert 'class="piece-roll"' in page
    assert "Bach, Minuet" in page
    for action in ("retry", "withdraw"):
        assert f'value="{action}"' in page


def test_an_action_from_a_purchases_own_page_is_the_one_of_the_list(shop: Shop) -> None:
    purchase = shop.sold()
    page = staff_client().get(reverse("admin:payments_purchase_change", args=[purchase.pk])).content.decode()
    address = f"{reverse('admin:payments_purchase_changelist')}?id__exact={purchase.pk}"
    assert f'action="{address}"' in page
    form = {
        "action": "refund",
        "reason": "x",
        "_selected_action": [str(purchase.pk)],
        "index": "0",
        "select_across": "0",
    }
    assert staff_client().post(address, form).status_code == 302
    assert Purchase.objects.get().state == "refunded"


@pytest.mark.django_db
def test_the_register_says_what_its_last_check_found(as_role: Callable[[str], Client]) -> None:
    finance = as_role("finance")
    address = reverse("admin:licensing_registerentry_changelist")
    assert "was not checked yet" in finance.get(address).content.decode()
    check = reverse("admin:licensing_registerentry_check")
    assert as_role("support").post(check).status_code == 403
    page = finance.post(check, follow=True).content.decode()
    assert "0 entries, 0 certificates, 0 faults" in page
    assert AuditEntry.objects.get().did == "checked the register"
