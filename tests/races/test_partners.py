"""Partners' programs that ask for the same thing at the same instant."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import IdempotencyKey
from generation.models import Composition
from generation.orders import OrderFields
from generation.services import request_composition
from licensing.models import ExclusiveRight
from payments import partners
from payments.errors import CreditExceeded
from payments.models import Invoice, Purchase
from tests.api.partners import COMPOSITIONS, Partner
from tests.factories import a_listed_composition, an_instrument
from tests.payments.shop import Shop
from tests.races.crowd import at_once, of_type

CROWD = 50
ROUNDS = 5


@pytest.fixture
def partner(shop: Shop, settings: Any) -> Partner:
    cache.clear()
    an_instrument("piano")
    settings.COMPOSITIONS_IN_WORK_PER_MAKER = 10 * CROWD
    return Partner(credit_limit_minor=3 * 4900)


def order(token: str, key: str) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    body = {"instrument": "piano"}
    return Client(headers=headers).post(COMPOSITIONS, body, content_type="application/json")


def test_control_looking_before_acting_orders_more_than_once(partner: Partner) -> None:
    """If this ordered only once, the test below would prove nothing."""

    def naive(key: str) -> None:
        if not IdempotencyKey.objects.filter(owner="x", key=key).exists():
            request_composition(maker=partner.maker, order=OrderFields(instrument="piano"))
            now = timezone.now()
            IdempotencyKey.objects.bulk_create(
                [IdempotencyKey(owner="x", key=key, created_at=now, claimed_at=now)], ignore_conflicts=True
            )

    at_once(*[partial(naive, "k")] * CROWD)
    assert Composition.objects.count() > 1


def test_fifty_of_the_same_order_at_once_make_exactly_one_composition(partner: Partner) -> None:
    for number in range(1, ROUNDS + 1):
        cache.clear()
        answers = at_once(*[partial(order, partner.token, f"key {number}")] * CROWD)
        assert not of_type(answers, Exception), answers
        codes = sorted({answer.status_code for answer in answers})
        assert codes in ([202], [202, 409])
        assert Composition.objects.count() == number
        [body] = {answer.content for answer in answers if answer.status_code == 202}
        again = order(partner.token, f"key {number}")
        assert (again.content, again["Idempotent-Replayed"]) == (body, "true")


def test_control_adding_up_before_buying_passes_the_limit(partner: Partner) -> None:
    """The same walls without the lock on the partner: looked at together, everybody finds room."""
    limit = 3 * 4900

    def naive(piece: Composition) -> None:
        if partners.unpaid_minor(partner.row) + piece.price_minor > limit:
            raise CreditExceeded
        purchase = Purchase.objects.create(
            composition=piece, buyer=partner.row.account, licensee="x", price_minor=4900, currency="eur",
            expires_at=timezone.now(), terms_version="2026-11", method="invoice", state="sold",
        )  # fmt: skip
        today = timezone.now().date()
        Invoice.objects.create(
            number=str(purchase.pk), partner=partner.row, purchase=purchase, amount_minor=4900, currency="eur",
            issued_on=today, due_on=today,
        )  # fmt: skip

    pieces = [a_listed_composition() for _ in range(16)]
    at_once(*(partial(naive, piece) for piece in pieces))
    assert partners.unpaid_minor(partner.row) > limit


def test_unpaid_invoices_never_pass_the_limit(partner: Partner) -> None:
    pieces = [a_listed_composition() for _ in range(16)]
    row = partner.row
    outcomes = at_once(
        *(
            partial(partners.buy_on_invoice, composition_id=piece.pk, partner=row, licensee=f"Client {n}")
            for n, piece in enumerate(pieces)
        )
    )
    assert len(of_type(outcomes, Purchase)) == 3, outcomes
    assert len(of_type(outcomes, CreditExceeded)) == 13, outcomes
    assert partners.unpaid_minor(row) == 3 * 4900
    assert ExclusiveRight.objects.count() == Invoice.objects.count() == 3
    assert len(set(Invoice.objects.values_list("number", flat=True))) == 3
    assert Purchase.objects.exclude(state="sold").count() == 0
    assert Composition.objects.filter(sale_state="available").count() == 13


def test_of_many_partners_buying_one_piece_on_invoice_one_owns_it(partner: Partner) -> None:
    rows = [Partner(credit_limit_minor=10**6).row for _ in range(8)]
    piece = a_listed_composition()
    outcomes = at_once(
        *(
            partial(partners.buy_on_invoice, composition_id=piece.pk, partner=row, licensee="Client")
            for row in rows
        )
    )
    assert len(of_type(outcomes, Purchase)) == 1, outcomes
    assert ExclusiveRight.objects.count() == Invoice.objects.count() == Purchase.objects.count() == 1
