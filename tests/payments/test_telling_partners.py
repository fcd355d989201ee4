"""What happens to a partner's piece is told to them, once and in order, as the catalogue says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.models import Maker
from accounts.webhooks.catalogue import EXAMPLES, EventType
from accounts.webhooks.models import WebhookDelivery, WebhookEvent
from accounts.webhooks.services import create_endpoint
from generation import jobs, services
from generation.failures import failure, sentence
from generation.models import Composition
from licensing.models import Certificate, ExclusiveRight
from licensing.transfers import supersede_certificate, transfer_right
from payments.after_sale import refund_purchase
from payments.services import cancel_purchase, settle
from tests.accounts.webhooks import a_partner
from tests.factories import a_listed_composition, a_queued_composition, a_ready_composition, a_staff_user
from tests.payments.shop import Shop
from tests.payments.test_nearness import twins


@pytest.fixture
def partner(shop: Shop, settings: Any) -> Maker:
    """A partner with an endpoint that wants everything."""
    settings.WEBHOOKS_TO_LOCALHOST = True
    maker = a_partner()
    create_endpoint(maker=maker, url="http://localhost:9/nobody")
    return maker


def told(piece: Composition | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Everything partners are told, or what is about one piece, in the order in which it will arrive."""
    rows = WebhookDelivery.objects.select_related("event").order_by("pk")
    found = []
    for row in rows.filter(subject=str(piece.pk)) if piece else rows:
        body = json.loads(row.event.body)
        assert list(body["data"]) == list(EXAMPLES[body["type"]]), "the catalogue says otherwise"
        found.append((body["type"], body["data"]))
    return found


def types(piece: Composition) -> list[str]:
    return [kind for kind, _data in told(piece)]


def test_a_sale_is_told_with_its_copyright_id_and_no_name(shop: Shop, partner: Maker) -> None:
    piece = a_listed_composition(maker=partner)
    purchase = shop.sold(piece=piece, licensee="Ada Lovelace")
    copyright_id = Certificate.objects.get().pk
    assert types(piece) == ["purchase.held", "certificate.issued", "purchase.paid"]
    held, _issued, paid = (data for _kind, data in told(piece))
    assert (held["state"], held["purchase"], held["is_test"]) == ("held", str(purchase.pk), True)
    assert paid == {
        "purchase": str(purchase.pk),
        "composition": str(piece.pk),
        "amount_minor": 4900,
        "currency": "eur",
        "is_test": True,
        "state": "sold",
        "copyright_id": copyright_id,
    }
    bodies = " ".join(WebhookEvent.objects.values_list("body", flat=True))
    assert "Ada" not in bodies
    assert purchase.buyer.email not in bodies


def test_a_refund_is_told_with_the_end_of_the_certificate(shop: Shop, partner: Maker) -> None:
    piece = a_listed_composition(maker=partner)
    refund_purchase(purchase=shop.sold(piece=piece), reason="asked for")
    assert types(piece)[3:] == ["purchase.refunded", "certificate.revoked"]
    assert told(piece)[-1][1]["copyright_id"] == Certificate.objects.get().pk


def test_a_hold_that_ends_is_told(shop: Shop, partner: Maker) -> None:
    piece = a_listed_composition(maker=partner)
    cancel_purchase(purchase=shop.start(piece=piece))
    assert [(kind, data["state"]) for kind, data in told(piece)] == [
        ("purchase.held", "held"),
        ("purchase.cancelled", "cancelled"),
    ]


@pytest.mark.parametrize("because", ["transferred", "superseded"])
def test_a_certificate_in_the_place_of_another_is_told(shop: Shop, partner: Maker, because: str) -> None:
    piece = a_listed_composition(maker=partner)
    purchase = shop.sold(piece=piece)
    Certificate.objects.update(signed_at=purchase.created_at, key_id="k", document="{}", signature="s")
    old = Certificate.objects.get().pk
    if because == "transferred":
        new = transfer_right(user=purchase.buyer, copyright_id=old, licensee="Grace Hopper")
    else:
        new = supersede_certificate(
            copyright_id=old, licensee="Ada King", reason="a slip", staff=a_staff_user()
        )
    (first, superseded), (second, issued) = told(piece)[3:]
    assert [first, second] == ["certificate.superseded", "certificate.issued"]
    assert (superseded["copyright_id"], superseded["because"], superseded["successor"]) == (
        old,
        because,
        new.pk,
    )
    assert issued["copyright_id"] == new.pk


def test_kin_of_a_sold_piece_are_told_to_have_left_the_shop(shop: Shop, partner: Maker) -> None:
    first = a_listed_composition()
    ready = a_ready_composition(maker=partner, origin=first)
    waiting = a_queued_composition(maker=partner, origin=first)
    shop.sold(piece=first)
    assert told(first) == []
    for piece in (ready, waiting):
        assert told(piece) == [
            ("piece.sold_elsewhere", {"composition": str(piece.pk), "because": "kin_sold"})
        ]


def test_a_piece_too_near_to_a_sold_one_is_told_to_have_left_the_shop(shop: Shop, partner: Maker) -> None:
    first, second = twins(5)
    Composition.objects.filter(pk=second.pk).update(maker=partner)
    purchases = [shop.paid(piece=piece) for piece in (first, second)]
    for purchase in purchases:
        settle(purchase_id=purchase.pk)
    assert types(second) == ["purchase.held", "purchase.cancelled", "piece.sold_elsewhere"]
    assert told(second)[-1][1]["because"] == "too_near"


def test_a_failed_piece_is_told_with_its_reason_and_a_lost_claim_tells_nothing(partner: Maker) -> None:
    piece = a_queued_composition(maker=partner)
    job = jobs.claim(piece.pk)
    assert job is not None
    job.fail(failure("disk_full"))
    job.fail(failure("unforeseen"))
    assert told(piece) == [
        (
            "composition.failed",
            {
                "composition": str(piece.pk),
                "state": "failed",
                "error_code": "disk_full",
                "error": sentence(failure("disk_full")),
            },
        )
    ]


def test_a_piece_whose_worker_fell_silent_too_often_is_told(partner: Maker) -> None:
    piece = a_queued_composition(maker=partner, attempts=Composition.MAX_ATTEMPTS - 1)
    assert jobs.claim(piece.pk) is not None
    Composition.objects.filter(pk=piece.pk).update(heartbeat_at="2026-01-01T00:00Z")
    services.sweep_compositions()
    services.sweep_compositions()
    assert types(piece) == ["composition.failed"]


def test_what_visitors_do_is_told_to_nobody(shop: Shop, partner: Maker) -> None:
    shop.sold()
    assert ExclusiveRight.objects.count() == 1
    assert told() == []


def test_every_type_has_an_example() -> None:
    assert set(EXAMPLES) == set(EventType)
