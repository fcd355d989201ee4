"""Buying by API: for a named client, at the checkout, on invoice and in the sandbox."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from generation import api_examples, selectors, worker
from generation.errors import NotAllowed
from generation.kin import is_burned, kin_of
from generation.models import Composition, WorkOnRecord
from generation.orders import SEED_MAX, OrderFields
from generation.services import compose_kin
from generation.versions import Version
from licensing import partner_links
from licensing.models import Certificate, ExclusiveRight
from payments import gateway, partners, services
from payments.double.browser import Browser
from payments.double.engine import Engine
from payments.errors import InvoiceClosed, NotForSale
from payments.models import Incident, Invoice, Purchase
from tests.api.partners import API, COMPOSITIONS, PURCHASES, RETURN_URL, Partner
from tests.factories import a_listed_composition, a_ready_composition, a_user, an_instrument
from tests.licensing.factories import write_silence
from tests.payments.shop import Shop

CERTIFICATES = f"{API}certificates/"


@pytest.fixture
def shop(_isolated: None, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop, with music that is quickly made."""
    cache.clear()
    an_instrument("piano")
    monkeypatch.setattr("licensing.delivery.write_music_files", write_silence)
    return Shop.open()


def a_sandbox_piece(partner: Partner, **fields: Any) -> Composition:
    return a_ready_composition(maker=partner.maker, is_sandbox=True, is_private=True, **fields)


def sold_in_sandbox(partner: Partner) -> dict[str, Any]:
    """A sandbox purchase that is paid and delivered, as the API shows it."""
    held = partner.reserve(a_sandbox_piece(partner)).json()
    body = partner.pay(held["id"]).json()
    services.drain_outbox()
    return body


def nothing_was_sold() -> bool:
    return not Purchase.objects.exists() and not ExclusiveRight.objects.exists()


# At the checkout


def test_a_client_pays_at_the_checkout_and_alone_holds_the_right(shop: Shop) -> None:
    partner, piece = Partner(), a_listed_composition()
    answer = partner.reserve(piece)
    assert answer.status_code == 201, answer.content
    held = answer.json()
    assert answer["Location"].endswith(f"{PURCHASES}{held['id']}/")
    assert (held["state"], held["licensee"], held["payment"], held["test"]) == (
        "held",
        "Bakery Krume",
        "checkout",
        True,
    )
    assert held["rights"]["state"] == "none"
    purchase = Purchase.objects.get()
    session = shop.session(purchase)
    assert held["checkout_url"].endswith(session["url"])
    assert (session["success_url"], session["cancel_url"]) == (RETURN_URL, RETURN_URL)
    assert session["customer_email"] is None
    shop.stripe.pay(purchase.session_id)
    shop.deliver_everything()
    first = partner.http.get(answer["Location"])
    body = first.json()
    assert (body["state"], body["checkout_url"]) == ("sold", None)
    right = ExclusiveRight.objects.get()
    assert (right.licensee, right.holder_id) == ("Bakery Krume", partner.row.account_id)
    assert body["certificate"] == right.certificate.pk
    assert partner.http.get(answer["Location"], headers={"If-None-Match": first["ETag"]}).status_code == 304
    services.drain_outbox()
    assert mail.outbox == []


def test_only_ones_own_purchases_are_seen(shop: Shop) -> None:
    partner, other = Partner(), Partner()
    held = partner.reserve(a_listed_composition()).json()
    a_persons = shop.start()
    for path in ("", "cancel/", "pay/"):
        for key in (held["id"], a_persons.pk):
            address = f"{PURCHASES}{key}/{path}"
            answer = other.post(address) if path else other.http.get(address)
            assert answer.status_code == 404
    assert other.http.get(PURCHASES).json()["results"] == []
    assert [item["id"] for item in partner.http.get(PURCHASES).json()["results"]] == [held["id"]]
    assert partner.http.get(PURCHASES, {"state": "sold"}).json()["results"] == []
    assert Purchase.objects.filter(state="held").count() == 2


def test_the_second_to_ask_is_told_and_reaches_no_checkout(shop: Shop) -> None:
    partner, other, piece = Partner(), Partner(), a_listed_composition()
    first = partner.reserve(piece).json()
    assert partner.reserve(piece).json()["id"] == first["id"]
    for refused in (
        other.reserve(piece),
        partner.reserve(piece, licensee="Another client"),
        partner.buy_on_invoice(piece),
    ):
        assert refused.status_code in {403, 409}, refused.content
    assert Purchase.objects.get().licensee == "Bakery Krume"
    assert len(shop.calls("POST /v1/checkout/sessions")) == 1


def test_a_hold_is_let_go_and_a_paid_one_is_not(shop: Shop) -> None:
    partner, piece = Partner(), a_listed_composition()
    held = partner.reserve(piece).json()
    for _ in range(2):
        answer = partner.post(f"{PURCHASES}{held['id']}/cancel/")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    again = partner.reserve(piece).json()
    shop.stripe.pay(Purchase.objects.get(pk=again["id"]).session_id)
    refused = partner.post(f"{PURCHASES}{again['id']}/cancel/")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_cancellable")
    assert ExclusiveRight.objects.count() == 1


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"licensee": "\x07\x07"}, "licensee"),
        ({"licensee": "x"}, "licensee"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"return_url": None}, "return_url"),
        ({"payment": "gold"}, "payment"),
        ({"composition": "7"}, "composition"),
        ({"price": 1}, "price"),
    ],
)
def test_a_bad_reservation_is_a_422_that_names_the_field(
    shop: Shop, wishes: dict[str, object], field: str
) -> None:
    answer = Partner().reserve(a_listed_composition(), **wishes)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert nothing_was_sold()


def test_a_piece_one_may_not_see_cannot_be_bought(shop: Shop) -> None:
    partner = Partner()
    for piece in (a_ready_composition(), a_ready_composition(maker=Partner().maker)):
        assert partner.reserve(piece).status_code == 404
    assert nothing_was_sold()
    own = a_ready_composition(maker=partner.maker)
    assert partner.reserve(own).status_code == 201


def test_a_key_makes_a_reservation_once(shop: Shop) -> None:
    partner, piece = Partner(), a_listed_composition()
    first, second = partner.reserve(piece, key="17"), partner.reserve(piece, key="17")
    assert first.content == second.content
    assert second["Idempotent-Replayed"] == "true"
    assert Purchase.objects.count() == 1


def test_a_partner_may_hold_as_many_as_agreed(shop: Shop) -> None:
    partner = Partner()
    answers = [partner.reserve(a_listed_composition(), licensee=f"Client {n}") for n in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    usage = partner.http.get(f"{API}usage/").json()
    assert usage["pieces_on_hold"] == {"used": 10, "limit": 10}


# On invoice


def test_an_approved_partner_buys_on_invoice_at_once(shop: Shop) -> None:
    partner, piece = Partner(credit_limit_minor=10_000), a_listed_composition()
    answer = partner.buy_on_invoice(piece)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["state"], body["payment"], body["checkout_url"]) == ("sold", "invoice", None)
    invoice = Invoice.objects.get()
    assert body["invoice"]["number"] == invoice.number
    assert body["invoice"]["total"] == {"amount_minor": 4900, "currency": "eur"}
    assert (invoice.due_on - invoice.issued_on, invoice.standing) == (timedelta(days=30), "open")
    assert [event.to_state for event in Purchase.objects.get().events.all()] == ["held", "claimed", "sold"]
    assert ExclusiveRight.objects.get().licensee == "Bakery Krume"
    assert Composition.objects.get(pk=piece.pk).sale_state == "sold"
    assert shop.calls("*") == []
    services.drain_outbox()
    assert Certificate.objects.get().signed_at
    assert services.settle(purchase_id=Purchase.objects.get().pk).state == "sold"
    [listed] = partner.http.get(f"{API}invoices/").json()["results"]
    assert (listed["number"], listed["state"]) == (invoice.number, "open")
    assert Partner().http.get(f"{API}invoices/").json()["results"] == []


def test_without_approval_or_credit_nothing_is_sold_and_nothing_held(shop: Shop) -> None:
    piece = a_listed_composition()
    for partner, status, code in (
        (Partner(), 403, "invoice_not_allowed"),
        (Partner(credit_limit_minor=4899), 409, "credit_exceeded"),
    ):
        refused = partner.buy_on_invoice(piece)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert nothing_was_sold()
    assert Composition.objects.get(pk=piece.pk).sale_state == "available"
    assert not Invoice.objects.exists()


def test_paid_invoices_free_credit_and_a_void_one_ends_the_right(shop: Shop) -> None:
    partner = Partner(credit_limit_minor=4900)
    first = partner.buy_on_invoice(a_listed_composition()).json()["invoice"]["number"]
    assert partner.buy_on_invoice(a_listed_composition()).status_code == 409
    invoice = Invoice.objects.get(pk=first)
    partners.mark_invoice_paid(invoice=invoice)
    with pytest.raises(InvoiceClosed):
        partners.mark_invoice_paid(invoice=invoice)
    with pytest.raises(InvoiceClosed):
        partners.void_invoice(invoice=invoice, reason="by mistake")
    assert ExclusiveRight.objects.get().state == "in_force"
    second = partner.buy_on_invoice(a_listed_composition()).json()
    partners.void_invoice(invoice=Invoice.objects.get(pk=second["invoice"]["number"]), reason="never paid")
    body = partner.http.get(f"{PURCHASES}{second['id']}/").json()
    assert (body["state"], body["invoice"]["state"], body["rights"]["state"]) == (
        "revoked",
        "void",
        "revoked",
    )
    assert body["rights"]["permissions"] == []


def test_an_invoice_past_its_day_is_overdue(shop: Shop) -> None:
    partner = Partner(credit_limit_minor=4900)
    partner.buy_on_invoice(a_listed_composition())
    Invoice.objects.update(due_on=timezone.now().date() - timedelta(days=1))
    assert partner.http.get(f"{API}invoices/").json()["results"][0]["state"] == "overdue"


# Certificates and files


def test_certificate_and_files_are_the_partners_and_die_with_the_right(shop: Shop) -> None:
    partner, other = Partner(credit_limit_minor=10_000), Partner()
    body = partner.buy_on_invoice(a_listed_composition()).json()
    address = f"{CERTIFICATES}{body['certificate']}/"
    assert partner.http.get(f"{address}files/").json() == []
    services.drain_outbox()
    shown = partner.http.get(address).json()
    assert (shown["status"], shown["licensee"], shown["composition"]) == (
        "valid",
        "Bakery Krume",
        body["composition"],
    )
    assert shown["signed_file"]["document"]["licensee"] == "Bakery Krume"
    assert shown["verify_url"].endswith(f"/certificates/{body['certificate']}/")
    assert [item["copyright_id"] for item in partner.http.get(CERTIFICATES).json()["results"]] == [
        body["certificate"]
    ]
    files = partner.http.get(f"{address}files/").json()
    assert files[0]["name"] == "everything.zip"
    names = {file["name"] for file in files}
    assert {"master.wav", "master.flac", "score.mid", "score.musicxml", "certificate.pdf"} <= names
    fetched = Client().get(files[0]["url"])
    with zipfile.ZipFile(io.BytesIO(b"".join(fetched.streaming_content))) as archive:
        assert any(name.endswith("master.wav") for name in archive.namelist())
    for path in ("", "files/"):
        assert other.http.get(f"{address}{path}").status_code == 404
    assert other.http.get(CERTIFICATES).json()["results"] == []
    token = files[0]["url"].split("/")[-2]
    assert Client().get(f"{API}files/{token}/master.wav").status_code == 404
    assert Client().get(f"{API}files/{token[:-2]}xx/everything.zip").status_code == 404
    partners.void_invoice(invoice=Invoice.objects.get(), reason="never paid")
    for dead in (Client().get(files[0]["url"]), partner.http.get(f"{address}files/")):
        assert (dead.status_code, dead["Content-Type"]) == (403, "application/problem+json")
    assert partner.http.get(address).json()["status"] == "revoked"


def test_a_link_is_over_after_a_quarter_of_an_hour(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    partner = Partner.sandbox()
    sold = sold_in_sandbox(partner)
    link = partner.http.get(f"{CERTIFICATES}{sold['certificate']}/files/").json()[0]["url"]
    assert Client().get(link).status_code == 200
    monkeypatch.setattr(partner_links, "LINK_LIVES_SECONDS", -1)
    over = Client().get(link)
    assert (over.status_code, over["Content-Type"]) == (404, "application/problem+json")


# The sandbox


def test_a_sandbox_partner_buys_its_own_piece_with_test_money(shop: Shop) -> None:
    partner = Partner.sandbox()
    held = partner.reserve(a_sandbox_piece(partner)).json()
    assert (held["state"], held["test"], held["checkout_url"]) == ("held", True, None)
    declined = partner.pay(held["id"], "declined").json()
    assert declined["state"] == "held"
    body = partner.pay(held["id"]).json()
    assert (body["state"], body["rights"]["test"], body["rights"]["permissions"]) == (
        "sold",
        True,
        ["preview"],
    )
    services.drain_outbox()
    shown = partner.http.get(f"{CERTIFICATES}{body['certificate']}/").json()
    assert (shown["test"], shown["facts"]["notice"]) == (True, "TEST — no legal effect")
    closed = partner.pay(held["id"])
    assert (closed.status_code, closed.json()["code"]) == (409, "checkout_closed")
    assert shop.calls("*") == []


def test_time_runs_out_in_the_sandbox_and_the_piece_is_free_again(shop: Shop) -> None:
    partner = Partner.sandbox()
    piece = a_sandbox_piece(partner)
    held = partner.reserve(piece).json()
    assert partner.pay(held["id"], "expired").json()["state"] == "expired"
    assert partner.reserve(piece).status_code == 201


def test_the_sandbox_never_reaches_stripe_whatever_the_shop_has(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a live key in place, every step of a sandbox purchase is done, and Stripe's client is never made."""
    settings.TEST_CHECKOUT = False
    settings.STRIPE_SECRET_KEY = "sk_live_nobody"
    asked: list[str] = []
    monkeypatch.setattr(gateway, "_stripe_client", lambda key: asked.append(key))
    partner = Partner.sandbox()
    body = sold_in_sandbox(partner)
    purchase = Purchase.objects.get(pk=body["id"])
    assert (purchase.is_test, purchase.is_sandbox, purchase.state) == (True, True, "sold")
    cancelled = partner.reserve(a_sandbox_piece(partner)).json()
    partner.post(f"{PURCHASES}{cancelled['id']}/cancel/")
    Purchase.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    partner.reserve(a_sandbox_piece(partner))
    services.sweep_purchases()
    services.refund_purchase(purchase=purchase, reason="test")
    assert purchase.__class__.objects.get(pk=purchase.pk).state == "refunded"
    assert asked == []
    # The control: a live partner's reservation does ask Stripe.
    live = Partner()
    live.http.raise_request_exception = False
    live.reserve(a_listed_composition())
    assert asked == ["sk_live_nobody"]


def test_the_sandbox_buys_no_real_piece_and_nobody_buys_a_sandbox_piece(shop: Shop) -> None:
    sandbox, other, live = Partner.sandbox(credit_limit_minor=10**6), Partner.sandbox(), Partner()
    real, trial = a_listed_composition(), a_sandbox_piece(sandbox)
    Composition.objects.filter(pk=trial.pk).update(listed_from=timezone.now() - timedelta(days=2))
    for refused in (sandbox.reserve(real), sandbox.buy_on_invoice(real)):
        assert (refused.status_code, refused.json()["code"]) == (409, "not_for_sale")
    for stranger in (other, live):
        assert stranger.reserve(trial).status_code == 404
    with pytest.raises(NotForSale):
        shop.start(piece=trial, buyer=a_user())
    assert nothing_was_sold()
    assert Composition.objects.get(pk=real.pk).sale_state == "available"


def test_database_walls_stand_between_sandbox_and_shop(shop: Shop) -> None:
    """Whatever the code does, the rows cannot say it."""
    partner = Partner.sandbox()
    trial = a_sandbox_piece(partner)
    partner.reserve(trial)
    rows = Purchase.objects.filter(is_sandbox=True)
    for wrong in ({"is_test": False}, {"session_id": "cs_live_1"}, {"is_sandbox": False}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        Composition.objects.filter(pk=trial.pk).update(is_private=False)


def test_a_sandbox_piece_is_in_nobodys_way(shop: Shop) -> None:
    partner = Partner.sandbox()
    order = {"seed": 7, "seconds": 30}
    assert partner.order(**order).json()["is_sandbox"] is True
    trial = Composition.objects.get()
    assert worker.order_of(trial).seed == SEED_MAX + 1 + 7
    real = a_listed_composition(seed=7, ordered_seconds=30)
    assert not kin_of(trial).exists()
    assert not kin_of(real).exists()
    Composition.objects.filter(pk=trial.pk).delete()
    same = a_sandbox_piece(partner, seed=7, ordered_seconds=30)
    held = partner.reserve(same).json()
    assert partner.pay(held["id"]).json()["state"] == "sold"
    assert Composition.objects.get(pk=real.pk).sale_state == "available"
    wishes = api_examples.ORDER | {"instrument": "piano", "mood": "", "tonic": "", "mode": ""}
    ordered = OrderFields(**(wishes | order))
    assert not is_burned(ordered)
    assert is_burned(ordered, sandbox=True)
    assert not WorkOnRecord.objects.exists()
    assert str(same.pk) not in {str(piece.pk) for piece in selectors.shop_compositions()}
    assert not Incident.objects.exists()


def test_no_piece_is_made_from_another_across_the_fence(shop: Shop) -> None:
    partner = Partner.sandbox()
    with pytest.raises(NotAllowed):
        compose_kin(
            piece=a_listed_composition(),
            maker=partner.maker,
            version=Version(kind="cut", seconds=15),
        )
    assert not Composition.objects.filter(maker=partner.maker).exists()


def test_only_sandbox_purchases_are_paid_by_a_word(shop: Shop) -> None:
    partner = Partner()
    held = partner.reserve(a_listed_composition()).json()
    refused = partner.pay(held["id"])
    assert (refused.status_code, refused.json()["code"]) == (403, "sandbox_only")
    assert Purchase.objects.get().state == "held"


def test_the_two_gateways_know_nothing_of_each_other(shop: Shop, settings: Any) -> None:
    partner = Partner.sandbox()
    partner.reserve(a_sandbox_piece(partner))
    session_id = Purchase.objects.get().session_id
    assert session_id.startswith("cs_sandbox_")
    assert shop.stripe.session(session_id) is None
    assert Browser(Engine(settings.SANDBOX_STORE, mark="sandbox")).session(session_id)
    assert Client().get(f"/test-checkout/{session_id}/").status_code == 404
    assert partner.http.get(COMPOSITIONS).json()["results"][0]["rights"]["test"] is True
