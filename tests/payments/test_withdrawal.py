"""What buyers declare, how they withdraw, and what they are told."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from licensing.models import Certificate, ExclusiveRight
from licensing.terms import terms_sha256, terms_text
from payments import services
from payments.consents import WORDING
from payments.errors import WithdrawalRefused
from payments.models import Declaration, Purchase
from tests.factories import a_listed_composition, a_user
from tests.licensing.factories import write_silence
from tests.payments.shop import Shop

FORM = {"licensee": "Ada Lovelace", "consent_immediate": "on", "consent_withdrawal": "on"}
BOTH = {
    str(WORDING[kind]) for kind in (Declaration.Kind.IMMEDIATE_DELIVERY, Declaration.Kind.WITHDRAWAL_LOST)
}


@pytest.fixture
def delivered(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Purchase:
    """A purchase whose files were handed over."""
    monkeypatch.setattr("licensing.delivery.write_music_files", write_silence)
    purchase = shop.sold()
    assert services.drain_outbox() == 2
    return purchase


def as_buyer(purchase: Purchase) -> Client:
    client = Client()
    client.force_login(purchase.buyer)
    return client


def subjects() -> list[str]:
    """Do what is due, and say what was mailed since the last time."""
    mail.outbox.clear()
    services.drain_outbox()
    return [message.subject for message in mail.outbox]


def standing(purchase: Purchase) -> tuple[str, str, str]:
    purchase.refresh_from_db()
    purchase.composition.refresh_from_db()
    return purchase.state, ExclusiveRight.objects.get().state, purchase.composition.sale_state


def test_the_words_shown_are_logged_once_with_their_hash(shop: Shop) -> None:
    buyer, piece = a_user(), a_listed_composition()
    client = Client()
    client.force_login(buyer)
    address = reverse("buy", args=[piece.pk])
    page = client.get(address).content.decode()
    assert all(text in page for text in BOTH)
    for missing in ("consent_immediate", "consent_withdrawal"):
        client.post(address, {key: value for key, value in FORM.items() if key != missing})
    assert not Declaration.objects.exists()
    for _ in range(2):
        assert client.post(address, FORM).status_code == 302
    purchase = Purchase.objects.get()
    rows = purchase.declarations.all()
    assert {row.text for row in rows} == BOTH
    assert len(rows) == 2
    for row in rows:
        assert row.sha256 == hashlib.sha256(row.text.encode()).hexdigest()
        assert (row.user, row.terms_version) == (buyer, purchase.terms_version)
        assert (timezone.now() - row.declared_at).total_seconds() < 60


def test_the_receipt_confirms_the_contract_in_both_its_parts(shop: Shop, delivered: Purchase) -> None:
    [message] = mail.outbox
    [(html, _kind)] = message.alternatives
    certificate = Certificate.objects.get()
    for part in (message.body, html):
        assert all(text in part for text in BOTH)
        for fact in (certificate.pk, reverse("certificate", args=[certificate.pk]), "Ada Lovelace"):
            assert fact in part
        assert delivered.terms_version in part
        assert terms_sha256(delivered.terms_version) in part
    [attached] = message.attachments
    assert attached[1] == terms_text(delivered.terms_version)


def test_before_delivery_a_withdrawal_undoes_the_sale_once(shop: Shop) -> None:
    purchase = shop.sold()
    client = as_buyer(purchase)
    page = client.get(reverse("purchase", args=[purchase.pk])).content.decode()
    assert "Withdraw from contract here" in page
    address = reverse("purchase_withdraw", args=[purchase.pk])
    assert "Confirm withdrawal" in client.get(address).content.decode()
    assert standing(purchase) == ("sold", "in_force", "sold")
    for _ in range(2):
        assert client.post(address).status_code == 302
    assert standing(purchase) == ("refunded", "revoked", "retired")
    assert len(shop.refunds()) == 1
    told = subjects()
    assert len([subject for subject in told if "withdrawal" in subject]) == 1
    [confirmed] = [message for message in mail.outbox if "withdrawal" in message.subject]
    declared = Declaration.objects.get(kind="withdrawal")
    assert declared.text in confirmed.body
    assert f"{declared.declared_at:%Y, %H:%M}" in confirmed.body
    assert not Certificate.objects.exclude(signed_at=None).exists(), "files were made after all"


def test_a_withdrawal_stands_while_stripe_is_down_and_is_carried_out_later(shop: Shop) -> None:
    purchase = shop.sold()
    shop.engine.fail("POST /v1/refunds", "429")
    services.withdraw(purchase=purchase)
    assert standing(purchase)[0] == "sold"
    assert any("withdrawal" in subject for subject in subjects())
    assert standing(purchase) == ("refunded", "revoked", "retired")
    assert len(shop.refunds()) == 1


def test_after_delivery_the_page_says_that_the_right_has_ended(shop: Shop, delivered: Purchase) -> None:
    client = as_buyer(delivered)
    assert (
        "Withdraw from contract here" in client.get(reverse("purchase", args=[delivered.pk])).content.decode()
    )
    address = reverse("purchase_withdraw", args=[delivered.pk])
    page = client.get(address).content.decode()
    assert "The right of withdrawal has ended" in page
    assert "Confirm withdrawal" not in page
    assert all(text in page for text in BOTH)
    assert client.post(address).status_code == 409
    assert standing(delivered) == ("sold", "in_force", "sold")
    assert (shop.refunds(), Declaration.objects.filter(kind="withdrawal").count()) == ([], 0)


def test_nobody_else_withdraws_and_a_hold_is_not_withdrawn_from(shop: Shop) -> None:
    purchase = shop.start()
    with pytest.raises(WithdrawalRefused):
        services.withdraw(purchase=purchase)
    stranger = Client()
    address = reverse("purchase_withdraw", args=[purchase.pk])
    assert stranger.post(address)["Location"].startswith(reverse("account_login"))
    stranger.force_login(a_user())
    assert stranger.post(address).status_code == 404
    assert not Declaration.objects.filter(kind="withdrawal").exists()


def test_a_buyer_is_told_of_dispute_and_its_end(shop: Shop, delivered: Purchase) -> None:
    dispute = shop.stripe.dispute(delivered.payment_intent_id)
    shop.deliver_everything()
    shop.deliver_everything()
    assert [subject.partition(" in ")[0] for subject in subjects()] == ["Your right"]
    assert "suspended" in mail.outbox[0].subject
    shop.stripe.close_dispute(dispute, status="won")
    shop.deliver_everything()
    assert "in force again" in subjects()[0]
    shop.stripe.close_dispute(dispute, status="lost")
    shop.deliver_everything()
    assert "has ended" in subjects()[0]
    for message in mail.outbox:
        assert reverse("purchase", args=[delivered.pk]) in message.body
        assert message.alternatives[0][1] == "text/html"
    assert subjects() == []


@pytest.mark.parametrize(
    ("service", "word"),
    [(services.refund_purchase, "on its way back"), (services.revoke_purchase, "revoked")],
)
def test_a_buyer_is_told_that_the_right_ended(
    shop: Shop, delivered: Purchase, service: Any, word: str
) -> None:
    service(purchase=delivered, reason="test")
    [subject] = subjects()
    assert word in subject
    assert subjects() == []
