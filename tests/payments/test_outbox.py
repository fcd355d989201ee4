"""What a sale leaves behind is done, whatever breaks in between. (Rows I1, I2.)"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from generation import leases
from payments import outbox, services
from payments.models import Incident, OutboxMessage, Purchase
from payments.tasks import deliver_files, drain_outbox
from tests.payments.shop import Shop


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What was done instead of the real work."""
    log: list[tuple[str, Any]] = []
    for kind in OutboxMessage.Kind:
        monkeypatch.setitem(
            outbox.WORK, kind, lambda purchase_id, kind=kind: log.append((kind.value, purchase_id))
        )
    return log


@pytest.mark.row("I1")
def test_a_dead_broker_does_not_stop_a_sale(
    shop: Shop, done: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise ConnectionRefusedError("no broker")

    for task in (drain_outbox, deliver_files):
        monkeypatch.setattr(task, "apply_async", refuse)
    purchase = shop.sold()
    assert purchase.state == "sold"
    assert services.drain_outbox() == 2
    assert sorted(kind for kind, _purchase in done) == ["delivery", "receipt"]


def test_a_sale_rings_once_and_only_after_its_commit(
    shop: Shop, done: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    for task in (drain_outbox, deliver_files):
        monkeypatch.setattr(task, "apply_async", lambda **_o: seen.append(OutboxMessage.objects.count()))
    shop.sold()
    assert seen == [2, 2]  # a queue each


def test_a_receipt_does_not_wait_behind_files(shop: Shop, done: list[tuple[str, Any]]) -> None:
    shop.sold()
    drain_outbox()
    assert [kind for kind, _purchase in done] == ["receipt"]
    deliver_files()
    assert [kind for kind, _purchase in done] == ["receipt", "delivery"]


def test_what_is_done_is_not_done_again(shop: Shop, done: list[tuple[str, Any]]) -> None:
    shop.sold()
    assert [services.drain_outbox(), services.drain_outbox()] == [2, 0]
    assert len(done) == 2


@pytest.mark.row("I2")
def test_a_rival_worker_finds_the_message_taken(shop: Shop, done: list[tuple[str, Any]]) -> None:
    """Both read the same row before either claimed it."""
    shop.sold()
    message = OutboxMessage.objects.get(kind="delivery")
    twin = OutboxMessage.objects.get(kind="delivery")
    assert [message.take(lease=outbox.LEASE), twin.take(lease=outbox.LEASE)] == [True, False]


def test_a_worker_that_dies_leaves_its_message_to_the_next_one(
    shop: Shop, done: list[tuple[str, Any]]
) -> None:
    shop.sold()
    for message in OutboxMessage.objects.all():
        assert message.take(lease=outbox.LEASE)
    assert services.drain_outbox() == 0
    with time_machine.travel(timezone.now() + outbox.LEASE + timedelta(seconds=1)):
        assert services.drain_outbox() == 2


def test_a_failure_is_tried_again_later_and_never_given_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_purchase_id: Any) -> None:
        raise OSError("disk full")

    for kind in OutboxMessage.Kind:
        monkeypatch.setitem(outbox.WORK, kind, fail)
    purchase = shop.sold()
    now = timezone.now() + timedelta(seconds=1)
    pauses = []
    for _ in range(outbox.WORRY_AFTER + 8):
        with time_machine.travel(now, tick=False):
            assert services.drain_outbox() == 0
            message = OutboxMessage.objects.get(kind="delivery")
            pauses.append(message.not_before - now)
            now = message.not_before
    assert message.error == "OSError: disk full"
    assert (pauses[0], pauses[1], pauses[-1]) == (
        leases.FIRST_PAUSE,
        leases.FIRST_PAUSE * 2,
        leases.LONGEST_PAUSE,
    )
    assert sorted(Incident.objects.values_list("kind", flat=True)) == ["delivery_stuck", "receipt_stuck"]
    monkeypatch.setitem(outbox.WORK, "delivery", lambda _purchase_id: None)
    with time_machine.travel(now):
        assert services.drain_outbox() == 1
    assert Purchase.objects.get(pk=purchase.pk).state == "sold"


def test_the_receipt_names_piece_and_certificate_and_has_a_plain_part(shop: Shop) -> None:
    purchase = shop.sold()
    outbox.WORK["receipt"](purchase.pk)
    [message] = mail.outbox
    certificate = purchase.composition.right.certificate
    assert message.to == [purchase.buyer.email]
    assert "\n" not in message.subject
    assert certificate.pk in message.body
    assert message.alternatives[0][1] == "text/html"
