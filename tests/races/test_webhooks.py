"""Workers that deliver at the same instant: one delivery at a time about one piece, in order, each once."""

from __future__ import annotations

import time
import uuid
from datetime import datetime

import pytest
from django.db.models import F

from accounts.webhooks.catalogue import EventType
from accounts.webhooks.delivery import deliver_due
from accounts.webhooks.events import tell_partner
from accounts.webhooks.models import WebhookDelivery
from tests.accounts.webhooks import Receiver, a_receiver, an_endpoint, verified
from tests.payments.shop import Shop
from tests.races.crowd import at_once, of_type

WORKERS, PIECES = 4, 3
STORY = (EventType.COMPOSITION_READY, EventType.PURCHASE_HELD, EventType.PURCHASE_PAID)


def delivered_by_a_crowd(receiver: Receiver) -> None:
    """Let several workers deliver what happened to several pieces, until nothing is left."""
    receiver.pause = 0.05
    endpoint = an_endpoint(receiver)
    for kind in STORY:
        for number in range(PIECES):
            piece = uuid.UUID(int=number + 1)
            tell_partner(maker=endpoint.maker, type=kind, about=piece, data={"composition": str(piece)})
    for _round in range(len(STORY) + 2):
        outcomes = at_once(*[deliver_due] * WORKERS)
        assert not of_type(outcomes, Exception), outcomes
    verified(receiver, endpoint)
    assert not WebhookDelivery.objects.exclude(state="delivered").exists()


def look_then_take(delivery: WebhookDelivery, *, until: datetime) -> bool:
    """Take a row by looking first: what must not be done."""
    if not WebhookDelivery.due().filter(pk=delivery.pk).exists():
        return False
    time.sleep(0.01)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state="sending", attempts=F("attempts") + 1, next_at=until
    )
    delivery.next_at, delivery.attempts = until, delivery.attempts + 1
    return True


def test_control_looking_before_taking_sends_two_about_one_piece_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this sent one at a time, the test below would prove nothing."""
    monkeypatch.setattr(WebhookDelivery, "take", look_then_take)
    with a_receiver() as receiver:
        delivered_by_a_crowd(receiver)
    assert max(receiver.busiest.values()) > 1
    assert len(receiver.told) > PIECES * len(STORY)


def test_one_at_a_time_in_order_and_each_once(shop: Shop) -> None:
    with a_receiver() as receiver:
        delivered_by_a_crowd(receiver)
    assert set(receiver.busiest.values()) == {1}
    for number in range(PIECES):
        piece = str(uuid.UUID(int=number + 1))
        assert [told.type for told in receiver.told if told.data["composition"] == piece] == list(STORY)
    assert len(receiver.told) == PIECES * len(STORY)
