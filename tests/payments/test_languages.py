"""What a worker writes about a purchase is in the buyer's language, whatever the worker speaks."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core import mail
from django.utils import translation

from accounts.models import User
from generation.models import Composition
from licensing.models import Certificate
from payments import outbox, services
from payments.notices import NOTICES, send_notice
from tests.payments.shop import Shop

pytestmark = pytest.mark.django_db


def test_a_worker_writes_the_receipt_in_the_buyers_language(shop: Shop) -> None:
    purchase = shop.sold()
    User.objects.filter(pk=purchase.buyer_id).update(language="de")
    with translation.override("en"):
        outbox.WORK["receipt"](purchase.pk)
    [message] = mail.outbox
    html = str(message.alternatives[0][0])
    assert "gehört" in message.subject
    assert "49,00\u00a0€" in message.body
    assert "49,00\u00a0€" in html
    assert 'lang="de"' in html


@pytest.mark.parametrize("kind", [kind for kind in NOTICES if kind != "mail_withdrawn"])
def test_every_notice_speaks_german_to_a_german_and_english_to_the_next(shop: Shop, kind: str) -> None:
    purchase = shop.sold()
    User.objects.filter(pk=purchase.buyer_id).update(language="de")
    send_notice(kind, purchase.pk)
    User.objects.filter(pk=purchase.buyer_id).update(language="")
    with translation.override("de"):
        send_notice(kind, purchase.pk)
    german, english = mail.outbox
    assert german.subject != english.subject
    assert english.subject.startswith("Your ")
    assert 'lang="de"' in str(german.alternatives[0][0])
    assert f'lang="{settings.LANGUAGE_CODE}"' in str(english.alternatives[0][0])


def test_what_nobody_named_is_certified_by_the_name_its_buyer_knew_it_by(shop: Shop) -> None:
    purchase = shop.start()
    piece = purchase.composition
    number = piece.pk.hex[-4:]
    Composition.objects.filter(pk=piece.pk).update(title=f"Piano in D minor, no. {number}")
    User.objects.filter(pk=purchase.buyer_id).update(language="de")
    shop.stripe.pay(purchase.session_id)
    with translation.override("en"):
        services.settle(purchase_id=purchase.pk)
    User.objects.filter(pk=purchase.buyer_id).update(language="en")
    [certificate] = Certificate.objects.filter(right__purchase_id=purchase.pk)
    assert certificate.facts["composition"]["title"] == f"Klavier in D-Moll, Nr. {number}"
