"""The whole way of a buyer, through the pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from generation.models import Composition
from licensing.models import Certificate, ExclusiveRight
from payments import services, test_checkout
from payments.models import Purchase, WebhookEvent
from tests.factories import a_listed_composition, a_user
from tests.licensing.factories import downloaded
from tests.payments.shop import Shop, post

FORM = {"licensee": "Ada Lovelace", "consent_immediate": "on", "consent_withdrawal": "on"}


@pytest.fixture(autouse=True)
def webhook_by_test_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def poster(*, url: str, body: str, signature: str) -> None:
        assert url == "http://testserver" + reverse("stripe_webhook")
        assert post(body, signature=signature) == 200

    monkeypatch.setattr(test_checkout, "poster", poster)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Music files without an orchestra."""

    def write(*, folder: Any, **_others: Any) -> None:
        for name in ("master.wav", "master.flac", "master.mp3", "score.pdf", "score.mid"):
            (folder / name).write_bytes(name.encode())

    monkeypatch.setattr("licensing.delivery.write_music_files", write)


def at_the_checkout(piece: Composition) -> tuple[Client, str]:
    buyer = a_user()
    client = Client()
    client.force_login(buyer)
    answer = client.post(reverse("buy", args=[piece.pk]), FORM)
    assert answer.status_code == 302, answer.content.decode()
    return client, answer["Location"]


def test_a_buyer_pays_owns_and_downloads(shop: Shop, files: None) -> None:
    piece = a_listed_composition()
    client, checkout = at_the_checkout(piece)
    assert re.fullmatch(r"/test-checkout/cs_test_\w+/", checkout)
    assert client.get(checkout).status_code == 200

    back = client.post(checkout, {"action": "pay"})
    landed = client.get(back["Location"], follow=True)

    purchase = Purchase.objects.get()
    assert landed.redirect_chain[-1][0] == reverse("purchase", args=[purchase.pk])
    assert landed.context["waiting"] is True  # the files are still being built
    assert purchase.state == "sold"
    piece.refresh_from_db()
    assert piece.sale_state == "sold"
    certificate = Certificate.objects.get(right__purchase_id=purchase.pk)

    assert services.drain_outbox() == 2
    page = client.get(reverse("purchase", args=[purchase.pk]))
    assert page.context["waiting"] is False
    assert {file.name for file in page.context["files"]} >= {
        "master.wav",
        "certificate.pdf",
        "everything.zip",
    }
    download = downloaded(client, certificate.pk, "master.wav")
    assert download.body == b"master.wav"
    assert [message.to for message in mail.outbox] == [[purchase.buyer.email]]
    assert certificate.pk in mail.outbox[0].body


def test_the_second_person_sees_sold_and_cannot_buy(shop: Shop) -> None:
    piece = a_listed_composition()
    shop.sold(piece=piece)
    other = Client()
    other.force_login(a_user())
    before = len(shop.calls("*"))
    answer = other.post(reverse("buy", args=[piece.pk]), FORM)
    assert answer.status_code == 409
    assert "has been sold" in answer.content.decode()
    assert len(shop.calls("*")) == before
    assert Purchase.objects.count() == 1


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("pay", "sold"),
        ("close", "sold"),
        ("lose_webhook", "held"),
        ("deliver_twice", "sold"),
        ("decline", "held"),
        ("3ds", "held"),
        ("expire", "expired"),
    ],
)
def test_every_button_of_the_test_checkout_runs_the_real_path(shop: Shop, action: str, state: str) -> None:
    client, checkout = at_the_checkout(a_listed_composition())
    answer = client.post(checkout, {"action": action})
    assert answer.status_code == 302
    assert Purchase.objects.get().state == state
    assert ExclusiveRight.objects.count() == (state == "sold")
    assert shop.captures() == (state == "sold")
    assert WebhookEvent.objects.filter(processed_at=None).count() == 0


def test_a_lost_webhook_is_made_good_by_the_success_page(shop: Shop) -> None:
    client, checkout = at_the_checkout(a_listed_composition())
    back = client.post(checkout, {"action": "lose_webhook"})
    client.get(back["Location"])
    assert Purchase.objects.get().state == "sold"


def test_after_3d_secure_the_bank_can_be_answered(shop: Shop) -> None:
    client, checkout = at_the_checkout(a_listed_composition())
    client.post(checkout, {"action": "3ds"})
    assert "Confirm with the bank" in client.get(checkout).content.decode()
    client.post(checkout, {"action": "pay"})
    assert Purchase.objects.get().state == "sold"


def test_without_the_test_checkout_its_page_is_not_there(shop: Shop, settings: Any) -> None:
    client, checkout = at_the_checkout(a_listed_composition())
    settings.TEST_CHECKOUT = False
    assert client.get(checkout).status_code == 404
    assert client.post(checkout, {"action": "pay"}).status_code == 404
    assert Purchase.objects.get().state == "held"


def test_an_unfinished_form_holds_nothing(shop: Shop) -> None:
    client = Client()
    client.force_login(a_user())
    piece = a_listed_composition()
    answer = client.post(reverse("buy", args=[piece.pk]), {"licensee": "Ada", "consent_immediate": "on"})
    assert answer.status_code == 422
    assert Purchase.objects.count() == 0
