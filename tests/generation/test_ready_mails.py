"""One mail when an order is over: asked for on the waiting page, sent once, and its address forgotten."""

from __future__ import annotations

import re
import smtplib
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.deletion import forget_user
from accounts.models import Maker
from accounts.services import SESSION_KEY
from generation import ready_mails, worker
from generation.failures import failure
from generation.models import Composition, ReadyMail, ShareLink
from generation.tasks import send_ready_mails
from tests.factories import PASSWORD, a_maker, a_queued_composition, a_user
from tests.generation.stubs import Studio

pytestmark = pytest.mark.django_db

GERMAN = {"Accept-Language": "de"}
ADDRESS = "guest@example.com"


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet() -> None:
    cache.clear()


def guest(maker: Maker) -> Client:
    client = Client()
    session = client.session
    session[SESSION_KEY] = str(maker.pk)
    session.save()
    return client


def an_order(maker: Maker) -> tuple[Composition, Composition]:
    first = a_queued_composition(maker=maker)
    return first, a_queued_composition(maker=maker, origin=first, variant=1, seed=first.seed)


def page(piece: Composition) -> str:
    return reverse("composition", args=[piece.pk])


def asking(piece: Composition) -> str:
    return reverse("composition_mail", args=[piece.pk])


def ask(client: Client, piece: Composition, email: str = ADDRESS, **headers: str) -> Any:
    return client.post(asking(piece), {"email": email}, headers=headers)


def test_a_guest_gets_one_mail_after_both_takes_and_is_forgotten(studio: Studio) -> None:
    maker = a_maker()
    client = guest(maker)
    first, second = an_order(maker)
    assertContains(client.get(page(first)), asking(first))
    assertContains(client.get(asking(first)), "used for nothing else, and erased")
    assertRedirects(ask(client, first, "Guest@Example.com", **GERMAN), page(first))
    assertContains(client.get(page(first)), "We e-mail you when it is ready.")
    assert worker.run(first.pk)
    send_ready_mails()
    assert mail.outbox == [], "the second take is still in work"
    assert worker.run(second.pk)
    send_ready_mails()
    send_ready_mails()
    [message] = mail.outbox
    assert message.to == [ADDRESS]
    assert message.subject == "Ihre zwei Fassungen für Klavier sind bereit"
    assert 'lang="de"' in str(message.alternatives[0][0])
    assert page(second) in message.body
    assert not ReadyMail.objects.exists()
    # The mail is read on another device: there is no page there, but something to hear.
    [heard, _other] = re.findall(r"http://[^/]+(/s/\S+)", message.body)
    assert Client().get(page(first)).status_code == 404
    assert Client().get(heard).status_code == 200


def test_an_account_is_asked_for_nothing_and_led_in_through_the_log_in(studio: Studio) -> None:
    user = a_user(language="de")
    piece = a_queued_composition(maker=a_maker(user=user))
    client = Client()
    client.force_login(user)
    assertContains(client.get(page(piece)), f'action="{asking(piece)}"')
    assertRedirects(client.post(asking(piece), headers={"Accept-Language": "en"}), page(piece))
    client.post(asking(piece))
    assert worker.run(piece.pk)
    send_ready_mails()
    [message] = mail.outbox
    assert message.to == [user.email]
    assert message.subject.startswith("Ihr Stück ist bereit: Klavier in D-Moll, Nr.")
    [address] = re.findall(r"http://[^/]+(/accounts/login/\S+)", message.body)
    stranger = Client()
    assert stranger.get(address).status_code == 200
    answer = stranger.post(address, {"login": user.email, "password": PASSWORD})
    assertRedirects(answer, page(piece))
    assert not ShareLink.objects.exists()


def test_a_failed_order_says_why_and_a_cancelled_one_nothing() -> None:
    maker = a_maker()
    for state in ("failed", "cancelled"):
        piece = a_queued_composition(maker=maker)
        ask(guest(maker), piece, f"{state}@example.com")
        told = failure("disk_full") if state == "failed" else {}
        Composition.objects.filter(pk=piece.pk).update(state=state, failure=told)
    send_ready_mails()
    [message] = mail.outbox
    assert message.to == ["failed@example.com"]
    assert message.subject == "Your piece could not be composed"
    assert "Our disk is full" in message.body
    assert not ReadyMail.objects.exists()


def test_what_could_not_be_sent_is_tried_again_and_forgotten_after_a_day(
    caplog: pytest.LogCaptureFixture,
) -> None:
    maker = a_maker()
    piece = a_queued_composition(maker=maker)
    ask(guest(maker), piece)
    Composition.objects.filter(pk=piece.pk).update(state="failed")
    refused = smtplib.SMTPRecipientsRefused({ADDRESS: (450, b"later")})
    with mock.patch.object(mail.EmailMultiAlternatives, "send", side_effect=refused):
        assert ready_mails.send_due() == 0
    assert ADDRESS not in caplog.text
    assert ready_mails.send_due() == 0, "it is not due yet"
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        assert ready_mails.send_due() == 1
    waiting = a_queued_composition(maker=maker)
    ask(guest(maker), waiting)
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)):
        assert ready_mails.send_due() == 0
    assert not ReadyMail.objects.exists()


def test_a_worker_that_dies_while_sending_leaves_the_mail_to_another() -> None:
    maker = a_maker()
    piece = a_queued_composition(maker=maker)
    ask(guest(maker), piece)
    Composition.objects.filter(pk=piece.pk).update(state="failed")
    row, twin = ReadyMail.objects.get(), ReadyMail.objects.get()
    assert [row.take(lease=ready_mails.LEASE), twin.take(lease=ready_mails.LEASE)] == [True, False]
    assert ready_mails.send_due() == 0
    with time_machine.travel(timezone.now() + ready_mails.LEASE + timedelta(seconds=1)):
        assert ready_mails.send_due() == 1
    assert len(mail.outbox) == 1


def test_an_order_has_one_mail_for_an_address_and_none_once_it_is_taken_back() -> None:
    maker = a_maker()
    client = guest(maker)
    first, second = an_order(maker)
    ask(client, first)
    ask(client, second, ADDRESS.upper())
    assert ReadyMail.objects.count() == 1
    client.post(asking(second), {"stop": "1"})
    assert not ReadyMail.objects.exists()
    assertContains(client.get(page(first)), asking(first))


def test_nobody_asks_about_a_strangers_piece_or_what_is_over_or_without_an_address() -> None:
    maker = a_maker()
    piece = a_queued_composition(maker=maker)
    assert ask(guest(a_maker()), piece).status_code == 404
    for nonsense in ("", "nobody", "a@b@c.example"):
        assert ask(guest(maker), piece, nonsense).status_code == 422
    Composition.objects.filter(pk=piece.pk).update(state="failed")
    answer = guest(maker).post(asking(piece), {"email": ADDRESS}, follow=True)
    assertContains(answer, "no longer in work")
    assertNotContains(guest(maker).get(page(piece)), asking(piece))
    assert not ReadyMail.objects.exists()


def test_no_visitor_sends_many_mails_and_no_address_gets_many() -> None:
    maker = a_maker()
    pieces = [a_queued_composition(maker=maker) for _ in range(12)]
    statuses = [ask(guest(maker), piece).status_code for piece in pieces[:7]]
    assert statuses == [302] * 5 + [429] * 2
    cache.clear()
    statuses = [ask(guest(maker), piece, f"{n}@example.com").status_code for n, piece in enumerate(pieces)]
    assert statuses == [302] * 10 + [429] * 2


def test_a_deleted_account_gets_no_mail() -> None:
    user = a_user()
    piece = a_queued_composition(maker=a_maker(user=user))
    client = Client()
    client.force_login(user)
    client.post(asking(piece))
    forget_user(user=user)
    Composition.objects.filter(pk=piece.pk).update(state="failed")
    send_ready_mails()
    assert mail.outbox == []
    assert not ReadyMail.objects.exists()
