"""A shop that has sold moves from its first tables to today's, and keeps all it has: the rehearsal of an upgrade."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from generation.models import Composition
from licensing import keys
from licensing.canonical import canonical
from licensing.copyright_id import new_copyright_id
from licensing.models import Certificate, ExclusiveRight
from licensing.register_check import check
from licensing.services import status_of
from payments.consents import WORDING
from payments.models import Declaration, Incident, OutboxMessage, Purchase, PurchaseEvent, WebhookEvent
from payments.withdrawal import is_declared

FIRST = [(app, "0001_initial") for app in ("payments", "licensing", "generation", "accounts")]
APPS = {app for app, _name in FIRST}
SOLD_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GIVEN_AT = "2026-11-20T11:59:00+00:00"
CONSENTS = {"immediate_delivery": GIVEN_AT, "withdrawal_lost": GIVEN_AT}

SALES = {
    # purchase: (shown in the shop, the right, signed)
    "sold": ("sold", "in_force", True),
    "disputed": ("sold", "suspended", True),
    "refunded": ("retired", "revoked", False),
    "held": ("on_hold", "", False),
    "expired": ("available", "", False),
}


def migrate(targets: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    return executor.migrate(targets).apps


@pytest.fixture
def first_tables(transactional_db: None) -> Iterator[Any]:
    """The tables of the first version; today's again at the end, whatever happened."""
    latest = [node for node in MigrationExecutor(connection).loader.graph.leaf_nodes() if node[0] in APPS]
    try:
        migrate(FIRST)
        yield SimpleNamespace(
            apps=MigrationExecutor(connection).loader.project_state(FIRST).apps, latest=latest
        )
    finally:
        migrate(latest)


class OldShop:
    """Rows as the first version wrote them."""

    def __init__(self, apps: Any) -> None:
        self.model = apps.get_model
        self.buyer = self.model("accounts", "User").objects.create(email="ada@example.com", is_active=True)
        self.maker = self.model("accounts", "Maker").objects.create()
        self.instrument = self.model("generation", "Instrument").objects.create(
            slug="piano", name="Piano", description="x", price_minor=4900
        )
        self.composer = self.model("generation", "ComposerModel").objects.create(
            instrument=self.instrument, version="1", weights_sha256="a" * 64, ledger_sha256="b" * 64
        )

    def sells(self, state: str) -> Any:
        shown, right, signed = SALES[state]
        piece = self.model("generation", "Composition").objects.create(
            maker=self.maker, instrument=self.instrument, model=self.composer, ordered_seconds=30, seed=7,
            state="ready", progress=100, title=state, seconds=30.0, bpm=90.0, notes=100,
            fingerprint=hashlib.sha256(state.encode()).hexdigest(), finished_at=SOLD_AT,
            price_minor=4900, currency="eur", sale_state=shown, listed_from=SOLD_AT,
            peaks=[-100, 100, -50, 50], roll=[[0, 0, 2], [2, 6, 2]],
        )  # fmt: skip
        purchase = self.model("payments", "Purchase").objects.create(
            composition=piece, buyer=self.buyer, licensee="Ada Lovelace", price_minor=4900, currency="eur",
            state=state, expires_at=SOLD_AT, session_id=f"cs_{state}", terms_version="2026-11", consents=CONSENTS,
            payment_intent_id=f"pi_{state}" if right else None,
        )  # fmt: skip
        self.model("payments", "PurchaseEvent").objects.create(
            purchase=purchase, to_state="held", reason="held"
        )
        if right:
            self._is_certified(piece, purchase, right=right, signed=signed)
        return purchase

    def _is_certified(self, piece: Any, purchase: Any, *, right: str, signed: bool) -> None:
        for kind in ("delivery", "receipt"):
            self.model("payments", "OutboxMessage").objects.create(
                purchase=purchase, kind=kind, not_before=SOLD_AT, done_at=SOLD_AT if signed else None
            )
        row = self.model("licensing", "ExclusiveRight").objects.create(
            composition=piece, purchase_id=purchase.pk, holder=self.buyer, licensee="Ada Lovelace", state=right,
            granted_at=SOLD_AT, reason="test", ended_at=SOLD_AT + timedelta(days=1) if right == "revoked" else None,
        )  # fmt: skip
        copyright_id = new_copyright_id()
        facts = {
            "schema": "soloscore-certificate/1", "copyright_id": copyright_id, "licensee": "Ada Lovelace",
            "issued_at": "2026-11-20T12:00:00Z", "test": True, "terms": {"version": "2026-11"},
        }  # fmt: skip
        key = keys.signing_key("test")
        files = [{"name": "master.wav", "size": 1, "sha256": "c" * 64}]
        added = {"files": files, "key_id": key.key_id, "signed_at": "2026-11-20T12:01:00Z"}
        document = canonical(facts | added)
        written = {
            "document": document.decode(), "signature": key.sign(document), "key_id": key.key_id,
            "signed_at": SOLD_AT + timedelta(minutes=1),
        }  # fmt: skip
        certificate = self.model("licensing", "Certificate").objects.create(
            copyright_id=copyright_id, right=row, is_test=True, facts=facts, issued_at=SOLD_AT,
            **(written if signed else {}),
        )  # fmt: skip
        if signed:
            self.model("licensing", "DeliveredFile").objects.create(certificate=certificate, **files[0])


def told(rows: Any, *fields: str) -> list[tuple[Any, ...]]:
    return sorted(rows.values_list(*fields))


def test_a_shop_that_has_sold_keeps_all_of_it(first_tables: Any) -> None:
    shop = OldShop(first_tables.apps)
    for state in SALES:
        shop.sells(state)
    shop.model("payments", "WebhookEvent").objects.create(event_id="evt_1", type="x", processed_at=SOLD_AT)
    shop.model("payments", "Incident").objects.create(kind="captured_without_right", detail="x")
    money = (
        "pk",
        "state",
        "licensee",
        "price_minor",
        "currency",
        "session_id",
        "payment_intent_id",
        "is_test",
    )
    proof = ("pk", "document", "signature", "key_id")
    before = (
        told(shop.model("payments", "Purchase").objects, *money),
        told(shop.model("licensing", "Certificate").objects, *proof),
        told(shop.model("payments", "OutboxMessage").objects, "purchase_id", "kind", "done_at", "attempts"),
    )
    moves = shop.model("payments", "PurchaseEvent").objects.count()

    migrate(first_tables.latest)

    assert before == (
        told(Purchase.objects, *money),
        told(Certificate.objects, *proof),
        told(OutboxMessage.objects, "purchase_id", "kind", "done_at", "attempts"),
    )
    assert (PurchaseEvent.objects.count(), WebhookEvent.objects.count(), Incident.objects.count()) == (
        moves,
        1,
        1,
    )
    assert OutboxMessage.due().count() == 2
    drawn = Composition.objects.values_list("card_wave", "card_roll")
    assert [(wave.count("M"), roll.count("M")) for wave, roll in drawn] == [(64, 2)] * len(SALES)
    standing = {
        right.composition.title: status_of(right.certificate) for right in ExclusiveRight.objects.all()
    }
    assert standing == {"sold": "valid", "disputed": "suspended", "refunded": "revoked"}
    assert [str(fault) for fault in check().faults] == []
    for certificate in Certificate.objects.all():
        assert certificate.holder_id == certificate.right.holder_id == certificate.right.buyer_id
    what_buyers_declared_is_logged_in_the_words_they_saw()


def what_buyers_declared_is_logged_in_the_words_they_saw() -> None:
    when = (datetime.fromisoformat(GIVEN_AT), "2026-11")
    for purchase in Purchase.objects.all():
        rows = Declaration.objects.filter(purchase=purchase)
        logged = told(rows, "user_id", "kind", "declared_at", "terms_version")
        assert logged == [(purchase.buyer_id, kind, *when) for kind in sorted(CONSENTS)]
        for row in rows:
            assert row.text == WORDING[Declaration.Kind(row.kind)]
            assert row.sha256 == hashlib.sha256(row.text.encode()).hexdigest()
        assert not is_declared(purchase)
