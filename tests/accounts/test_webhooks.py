"""What partners are told arrives: signed, in order for each piece, and none is lost."""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.idp.oidc.models import Client as PartnerClient
from django.core import mail
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from accounts.tasks import deliver_webhooks
from accounts.webhooks import delivery
from accounts.webhooks.catalogue import EventType
from accounts.webhooks.delivery import LADDER, LEASE, deliver_due, forget_old
from accounts.webhooks.events import tell_partner
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.webhooks.services import (
    change_endpoint,
    delete_endpoint,
    replay_delivery,
    replay_failed,
    rotate_secret,
)
from accounts.webhooks.signing import secret_of
from generation.models import Composition
from tests.accounts.webhooks import Receiver, a_receiver, an_endpoint
from tests.factories import a_maker, a_queued_composition, a_user

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as one:
        yield one


def tell(endpoint: WebhookEndpoint, piece: Composition, *types: EventType) -> None:
    """Let something happen to a partner's piece."""
    for kind in types or (EventType.COMPOSITION_READY,):
        data = {"composition": str(piece.pk), "state": kind.value}
        tell_partner(maker=endpoint.maker, type=kind, about=piece.pk, data=data)


def a_piece_of(endpoint: WebhookEndpoint) -> Composition:
    return a_queued_composition(maker=endpoint.maker)


def states() -> list[str]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", flat=True))


def test_an_event_arrives_once_and_the_partners_own_library_verifies_it(receiver: Receiver) -> None:
    endpoint = an_endpoint(receiver)
    piece = a_piece_of(endpoint)
    tell(endpoint, piece)
    assert [deliver_due(), deliver_due()] == [1, 0]
    [told] = receiver.told
    assert told.verified(secret_of(endpoint))["type"] == "composition.ready"
    assert told.data == {"composition": str(piece.pk), "state": "composition.ready"}
    assert told.headers["webhook-id"] == WebhookEvent.objects.get().pk
    assert told.headers["content-type"] == "application/json"
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.last_status, row.response) == ("delivered", 1, 200, "thanks")
    told.body = told.body.replace(b"ready", b"reads", 1)
    with pytest.raises(WebhookVerificationError):
        told.verified(secret_of(endpoint))


def test_nothing_is_told_of_what_was_rolled_back(receiver: Receiver) -> None:
    endpoint = an_endpoint(receiver)
    with transaction.atomic():
        tell(endpoint, a_piece_of(endpoint))
        transaction.set_rollback(True)
    assert not WebhookEvent.objects.exists()
    assert deliver_due() == 0
    assert receiver.told == []


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_costs_nothing_but_seconds(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise ConnectionRefusedError("no broker")

    monkeypatch.setattr(deliver_webhooks, "apply_async", refuse)
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint))
    deliver_webhooks()
    assert len(receiver.told) == 1


def test_guests_users_and_the_house_are_told_nothing(receiver: Receiver) -> None:
    for maker in (a_maker(), a_maker(user=a_user()), a_maker(client_id="house")):
        endpoint = an_endpoint(receiver, maker=maker)
        tell(endpoint, a_piece_of(endpoint))
    assert not WebhookEvent.objects.exists()


def test_each_partner_is_told_of_their_own_and_each_endpoint_what_it_wants(receiver: Receiver) -> None:
    with a_receiver() as other, a_receiver() as foreign:
        endpoint = an_endpoint(receiver, event_types=["purchase.paid"])
        an_endpoint(other, maker=endpoint.maker)
        an_endpoint(foreign)
        tell(endpoint, a_piece_of(endpoint), EventType.COMPOSITION_READY, EventType.PURCHASE_PAID)
        deliver_due()
        assert [told.type for told in receiver.told] == ["purchase.paid"]
        assert [told.type for told in other.told] == ["composition.ready", "purchase.paid"]
        assert foreign.told == []
        assert other.told[1].headers["webhook-id"] == receiver.told[0].headers["webhook-id"]


def test_a_partner_who_was_dismissed_and_an_endpoint_that_was_deleted_are_told_nothing(
    receiver: Receiver,
) -> None:
    dismissed, deleted = an_endpoint(receiver), an_endpoint(receiver)
    for endpoint in (dismissed, deleted):
        tell(endpoint, a_piece_of(endpoint))
    PartnerClient.objects.filter(pk=dismissed.maker.client_id).delete()
    delete_endpoint(endpoint=deleted)
    tell(deleted, a_piece_of(deleted))
    assert deliver_due() == 0
    assert WebhookDelivery.objects.count() == 2
    assert receiver.told == []


# The secret


def test_while_the_secret_changes_both_sign_and_after_a_day_the_new_one_alone(receiver: Receiver) -> None:
    endpoint = an_endpoint(receiver)
    old = secret_of(endpoint)
    rotate_secret(endpoint=endpoint)
    new = secret_of(endpoint)
    assert old != new
    tell(endpoint, a_piece_of(endpoint))
    deliver_due()
    assert receiver.told[0].verified(old) == receiver.told[0].verified(new)
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        tell(endpoint, a_piece_of(endpoint))
        deliver_due()
        receiver.told[1].verified(new)
        with pytest.raises(WebhookVerificationError):
            receiver.told[1].verified(old)


def test_secrets_differ_have_256_bits_and_stand_nowhere_in_the_database(receiver: Receiver) -> None:
    one = an_endpoint(receiver)
    other = an_endpoint(receiver, maker=one.maker)
    assert secret_of(one) != secret_of(other)
    assert len(base64.b64decode(secret_of(one).removeprefix("whsec_"))) == 32
    row = str(WebhookEndpoint.objects.filter(pk=one.pk).values().get())
    assert secret_of(one).removeprefix("whsec_") not in row


def test_the_signature_is_that_of_the_standard(receiver: Receiver) -> None:
    """By hand, as the standard words it: the library signs and verifies, and might do both wrongly."""
    import hashlib
    import hmac

    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint))
    deliver_due()
    [told] = receiver.told
    key = base64.b64decode(secret_of(endpoint).removeprefix("whsec_"))
    signed = f"{told.headers['webhook-id']}.{told.headers['webhook-timestamp']}.".encode() + told.body
    expected = binascii.b2a_base64(hmac.new(key, signed, hashlib.sha256).digest(), newline=False).decode()
    assert told.headers["webhook-signature"] == f"v1,{expected}"
    assert Webhook(secret_of(endpoint)).verify(told.body, told.headers)


# The ladder


def test_a_failing_endpoint_is_tried_ten_times_then_disabled_and_its_contact_written_to(
    receiver: Receiver,
) -> None:
    receiver.status, receiver.text = 500, "sorry" + "x" * 9000
    endpoint = an_endpoint(receiver, contact_email="ops@partner.example")
    tell(endpoint, a_piece_of(endpoint))
    began = timezone.now()
    tried: list[float] = []
    with time_machine.travel(began, tick=False) as clock:
        while WebhookDelivery.objects.get().state == "pending":
            tried.append((timezone.now() - began).total_seconds())
            assert deliver_due() == 0
            assert deliver_due() == 0, "nothing is tried before its time"
            clock.move_to(max(timezone.now(), WebhookDelivery.objects.get().next_at))
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(tried)]
    assert pauses == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert pauses == [step.total_seconds() for step in LADDER]
    assert len(receiver.told) == 10
    assert len({told.headers["webhook-id"] for told in receiver.told}) == 1
    endpoint.refresh_from_db()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.last_status, len(row.response)) == ("failed", 10, 500, 500)
    assert (endpoint.is_active, endpoint.disabled_because) == (False, "failing")
    [letter] = mail.outbox
    assert letter.to == ["ops@partner.example"]
    assert receiver.url in letter.body
    deliver_due()
    assert len(mail.outbox) == 1


def test_an_endpoint_that_is_gone_is_disabled_at_once_and_what_waits_is_kept(receiver: Receiver) -> None:
    receiver.status = 410
    endpoint = an_endpoint(receiver, contact_email="ops@partner.example")
    for _ in range(3):
        tell(endpoint, a_piece_of(endpoint))
    deliver_due()
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_because) == (False, "gone")
    assert len(receiver.told) <= delivery.EACH_AT_ONCE
    assert len(mail.outbox) == 1
    tell(endpoint, a_piece_of(endpoint))
    assert states() == ["pending"] * 4
    receiver.status = 204
    receiver.told.clear()
    change_endpoint(endpoint=endpoint, is_active=True)
    deliver_due()
    assert len(receiver.told) == 4
    assert states() == ["delivered"] * 4


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_every_other_status_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.status = status
    receiver.headers = {"Location": "/elsewhere"}
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint))
    deliver_due()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.last_status) == ("pending", 1, status)
    assert len(receiver.told) == 1


def test_nobody_there_is_tried_again_and_the_row_says_why() -> None:
    endpoint = an_endpoint()
    tell(endpoint, a_piece_of(endpoint))
    deliver_due()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.last_status) == ("pending", None)
    assert "refused" in row.response


def test_an_answer_that_is_no_text_is_kept_as_far_as_it_goes(receiver: Receiver) -> None:
    receiver.text = "a\0b\x1b"
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint))
    deliver_due()
    assert WebhookDelivery.objects.get().response == "ab\x1b"


# Order, and nothing lost


STORY = (
    EventType.COMPOSITION_READY,
    EventType.PURCHASE_HELD,
    EventType.CERTIFICATE_ISSUED,
    EventType.PURCHASE_PAID,
)


def test_a_day_down_and_everything_arrives_in_order_once_it_is_back(receiver: Receiver) -> None:
    """The rehearsal: five pieces live their lives while the partner's server is down for a day."""
    endpoint = an_endpoint(receiver)
    pieces = [a_piece_of(endpoint) for _ in range(5)]
    began = timezone.now()
    receiver.status = 503
    with time_machine.travel(began, tick=False) as clock:
        for kind in STORY:
            for piece in pieces:
                tell(endpoint, piece, kind)
            for _ in range(6):
                deliver_due()
                clock.shift(timedelta(hours=1))
        assert timezone.now() - began == timedelta(days=1)
        assert {told.type for told in receiver.told} == {STORY[0]}, "later ones wait for the first"
        receiver.status = 200
        receiver.told.clear()
        back = timezone.now()
        while "pending" in states():
            before = len(receiver.told)
            deliver_due()
            for one in receiver.told[before:]:
                one.verified(secret_of(endpoint))
            clock.shift(timedelta(minutes=10))
        assert timezone.now() - back < timedelta(hours=15)
    for piece in pieces:
        told = [one.type for one in receiver.told if one.data["composition"] == str(piece.pk)]
        assert told == list(STORY)
    assert len(receiver.told) == 20


def test_one_piece_that_waits_keeps_no_other_waiting(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = an_endpoint(receiver)
    stuck, free = a_piece_of(endpoint), a_piece_of(endpoint)
    tell(endpoint, stuck)
    receiver.status = 500
    deliver_due()
    receiver.status = 200
    receiver.told.clear()
    tell(endpoint, stuck, EventType.PURCHASE_HELD)
    tell(endpoint, free, EventType.COMPOSITION_READY, EventType.PURCHASE_HELD)
    deliver_due()
    assert [told.data["composition"] for told in receiver.told] == [str(free.pk)] * 2


def test_a_dead_endpoint_keeps_no_other_partner_waiting(receiver: Receiver) -> None:
    dead, alive = an_endpoint(), an_endpoint(receiver)
    for _ in range(60):
        tell(dead, a_piece_of(dead))
    tell(alive, a_piece_of(alive))
    deliver_due()
    assert len(receiver.told) == 1
    assert WebhookDelivery.objects.filter(endpoint=dead, attempts__gt=0).count() <= 2 * delivery.ROUNDS


class Killed(BaseException):
    """A worker that is stopped in the middle."""


@pytest.mark.parametrize("moment", ["before the call", "after the call"])
def test_a_worker_killed_on_the_way_leaves_its_delivery_to_the_next_one(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint), *STORY)

    def die(*_arguments: Any, **_options: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_attempt" if moment == "before the call" else "_settle", die)
        with pytest.raises(Killed):
            deliver_due()
    assert states() == ["sending", "pending", "pending", "pending"]
    assert deliver_due() == 0, "it may still be alive"
    with time_machine.travel(timezone.now() + LEASE + MINUTE):
        assert deliver_due() == 4
    told = [one.type for one in receiver.told]
    assert told == [*STORY] if moment == "before the call" else [STORY[0], *STORY]
    assert len({one.headers["webhook-id"] for one in receiver.told}) == 4, "a second time has the same id"


def test_a_worker_that_was_thought_dead_writes_nothing_any_more(receiver: Receiver) -> None:
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint))
    sleeper = WebhookDelivery.objects.get()
    assert sleeper.take(until=timezone.now() - MINUTE)
    assert deliver_due() == 1
    assert not delivery._settle(delivery._Outcome(sleeper, 500, "late"))
    assert (WebhookDelivery.objects.get().state, WebhookDelivery.objects.get().response) == (
        "delivered",
        "thanks",
    )


def test_one_stumbling_delivery_keeps_the_others_of_its_round(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, other = an_endpoint(receiver), an_endpoint(receiver)
    sign = delivery.headers_for

    def stumble(**named: Any) -> dict[str, str]:
        if named["endpoint"] == endpoint:
            raise RuntimeError("nobody foresaw this")
        return sign(**named)

    monkeypatch.setattr(delivery, "headers_for", stumble)
    for one in (endpoint, other):
        tell(one, a_piece_of(one))
    assert deliver_due() == 1
    assert WebhookDelivery.objects.get(endpoint=endpoint).response == "RuntimeError"


# Switched off, sent again, forgotten


def test_an_endpoint_that_is_switched_off_misses_nothing(receiver: Receiver) -> None:
    endpoint = an_endpoint(receiver)
    piece = a_piece_of(endpoint)
    change_endpoint(endpoint=endpoint, is_active=False)
    tell(endpoint, piece, *STORY)
    assert deliver_due() == 0
    change_endpoint(endpoint=endpoint, is_active=True)
    assert deliver_due() == 4
    assert [told.type for told in receiver.told] == list(STORY)


def test_what_failed_is_sent_again_with_all_its_attempts(receiver: Receiver) -> None:
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint))
    tell(endpoint, a_piece_of(endpoint))
    old, new = WebhookDelivery.objects.order_by("pk")
    WebhookDelivery.objects.update(state="failed", attempts=10)
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=5))
    assert replay_failed(endpoint=endpoint, since=timezone.now() - timedelta(days=1)) == 1
    assert deliver_due() == 1
    assert receiver.told[0].headers["webhook-id"] == new.event_id
    replay_delivery(delivery=old)
    assert deliver_due() == 1
    replay_delivery(delivery=old)
    assert deliver_due() == 1, "also what has arrived is sent again"
    assert [told.headers["webhook-id"] for told in receiver.told] == [new.event_id, *[old.event_id] * 2]


def test_one_sent_again_waits_for_a_later_one_that_is_on_its_way(receiver: Receiver) -> None:
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint), EventType.COMPOSITION_READY, EventType.PURCHASE_HELD)
    first, second = WebhookDelivery.objects.order_by("pk")
    WebhookDelivery.objects.filter(pk=first.pk).update(state="delivered")
    assert second.take(until=timezone.now() + LEASE)
    replay_delivery(delivery=first)
    assert deliver_due() == 0
    assert receiver.told == []
    assert delivery._settle(delivery._Outcome(second, 200, ""))
    assert deliver_due() == 1


def test_events_are_forgotten_after_ninety_days(receiver: Receiver) -> None:
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint))
    deliver_due()
    with time_machine.travel(timezone.now() + timedelta(days=89)):
        assert forget_old() == 0
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        assert forget_old() == 2
    assert not WebhookEvent.objects.exists()


def test_without_a_key_nothing_is_signed(receiver: Receiver, settings: Settings) -> None:
    endpoint = an_endpoint(receiver)
    tell(endpoint, a_piece_of(endpoint))
    settings.WEBHOOK_SECRET = ""
    deliver_due()
    assert receiver.told == []
    assert states() == ["pending"]
