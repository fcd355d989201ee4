"""What single pages promise."""

from __future__ import annotations

import pytest
from django.core import mail
from django.forms import CharField, Form, TextInput
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views import defaults
from django.views.csrf import csrf_failure
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from generation.models import Composition
from licensing.models import Certificate, ExclusiveRight
from payments.models import Purchase
from tests.factories import (
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_user,
    an_instrument,
)

BUY = "Buy this piece"


def shown(client: Client, composition: Composition, **options: object) -> object:
    return client.get(reverse("composition", args=[composition.pk]), **options)


@pytest.mark.django_db
class TestListening:
    def test_a_piece_on_offer_is_played_described_and_sold(self, client: Client) -> None:
        composition = a_listed_composition(
            tonic="E-", mode="major", bpm=84.6, seconds=30.2, notes=195, seed=70223341507
        )

        page = shown(client, composition)

        assertContains(page, "in E♭ major, at 85 beats a minute")
        assertContains(page, '<i lang="it">andante</i>')
        assertContains(page, reverse("composition_preview", args=[composition.pk]))
        assertContains(page, 'role="slider"')
        assertContains(page, 'preload="none"')
        assertContains(page, "195 notes")
        assertContains(page, BUY)
        assertContains(page, "€49.00")
        assertNotContains(page, "70223341507")

    @pytest.mark.parametrize(
        ("sale_state", "heading"),
        [(Composition.SaleState.SOLD, "Sold"), (Composition.SaleState.RETIRED, "Retired")],
    )
    def test_a_piece_that_is_gone_has_neither_player_nor_price(
        self, client: Client, sale_state: str, heading: str
    ) -> None:
        page = shown(client, a_listed_composition(sale_state=sale_state))

        assertContains(page, f'<h2 id="offer">{heading}</h2>')
        assertNotContains(page, "<audio")
        assertNotContains(page, BUY)
        assertNotContains(page, "€49.00")

    def test_a_held_piece_says_until_when(self, client: Client) -> None:
        composition = a_listed_composition(sale_state=Composition.SaleState.ON_HOLD)
        Composition.objects.filter(pk=composition.pk).update(held_until="2026-11-22T15:35:00Z")

        page = shown(client, composition)

        assertContains(page, "it is free again at 15:35 UTC")
        assertNotContains(page, BUY)

    def test_only_the_maker_chooses_who_may_find_a_piece(self, client: Client) -> None:
        user = a_user()
        composition = a_listed_composition(maker=a_maker(user=user))
        address = reverse("composition_visibility", args=[composition.pk])

        assertNotContains(shown(client, composition), address)
        client.force_login(user)
        assertContains(shown(client, composition), address)


@pytest.mark.django_db
class TestWaiting:
    def test_the_true_stage_is_told_and_refreshes_without_a_script(self, client: Client) -> None:
        user = a_user()
        client.force_login(user)
        composition = a_queued_composition(
            maker=a_maker(user=user), state=Composition.State.COMPOSING, progress=42, notes=137
        )

        page = shown(client, composition)

        assertContains(page, '<li data-stage="composing" aria-current="step">')
        assertContains(page, '<progress max="100" value="42"')
        assertContains(page, "137 notes so far")
        assertContains(page, '<noscript><meta http-equiv="refresh" content="3"></noscript>')
        assertContains(page, reverse("composition_cancel", args=[composition.pk]))

    def test_a_failure_says_why_and_offers_the_same_wishes_again(self, client: Client) -> None:
        user = a_user()
        client.force_login(user)
        composition = a_queued_composition(
            maker=a_maker(user=user),
            state=Composition.State.FAILED,
            error="The sampler is missing.",
            ordered_seconds=15,
            mood="sad",
        )

        page = shown(client, composition)

        assertContains(page, "The sampler is missing.")
        assertContains(page, '<input type="hidden" name="seconds" value="15">')
        assertContains(page, '<input type="hidden" name="mood" value="sad">')


@pytest.mark.django_db
class TestComposing:
    def test_every_choice_has_a_default_and_a_musical_term(self, client: Client) -> None:
        an_instrument("piano", price_minor=4900)
        an_instrument("guitar", price_minor=3900, name="Classical guitar")

        page = client.get(reverse("compose"))

        assertContains(page, 'name="seconds" value="30" id="id_seconds_2" checked')
        assertContains(page, 'Calm <i lang="it">tranquillo</i>')
        assertContains(page, 'High <i lang="it">acuto</i>')
        assertContains(page, "Brighter <i>major</i>")
        assertContains(page, "Walking · andante · 88")
        assertContains(page, "€39.00 if you buy")
        assert page.content.decode().count(" checked") == 6

    def test_the_address_may_choose_the_instrument(self, client: Client) -> None:
        an_instrument("piano")
        an_instrument("guitar")

        page = client.get(reverse("compose"), {"instrument": "guitar"})

        assertContains(page, 'name="instrument" value="guitar" id="id_instrument_0" checked')

    def test_an_error_stands_at_its_field_and_keeps_what_was_chosen(self, client: Client) -> None:
        an_instrument("piano")

        page = client.post(
            reverse("compose"), {"instrument": "piano", "seconds": "42", "seed": "-1", "mood": "calm"}
        )

        assertContains(page, 'aria-describedby="id_seed_helptext id_seed_error"', status_code=422)
        assertContains(page, '<ul class="errorlist" id="id_seed_error">', status_code=422)
        assertContains(page, 'name="seconds" value="42" id="id_seconds_5" checked', status_code=422)
        assertContains(page, 'name="mood" value="calm" id="id_mood_1" checked', status_code=422)

    def test_surprise_me_is_an_order_by_itself(self, client: Client) -> None:
        an_instrument("piano")

        page = client.get(reverse("compose"))

        assertContains(page, '<button class="btn btn-outline btn-lg" type="submit" form="surprise">')
        surprise = page.content.decode().partition('<form id="surprise"')[2]
        assert '<input type="hidden" name="instrument" value="piano">' in surprise


@pytest.mark.django_db
class TestShop:
    def test_a_sold_piece_is_seen_but_not_heard(self, client: Client) -> None:
        a_listed_composition(title="Taken", sale_state=Composition.SaleState.SOLD)

        page = client.get(reverse("shop"), {"state": "sold"})

        assertContains(page, "Taken")
        assertContains(page, '<span class="badge-state badge-sold">Sold</span>')
        assertNotContains(page, "<audio")

    def test_filters_survive_turning_the_page(self, client: Client) -> None:
        for _number in range(13):
            a_listed_composition(mood="calm")

        page = client.get(reverse("shop"), {"mood": "calm"})

        assertContains(page, 'href="?mood=calm&amp;page=2"')
        assertContains(page, "13 pieces")

    def test_a_guest_learns_how_to_keep_what_was_composed(self, client: Client) -> None:
        assertContains(client.get(reverse("library")), f"{reverse('account_login')}?next=/library/")


@pytest.mark.django_db
class TestAccounts:
    def test_the_code_page_of_development_leads_to_the_mailbox(self, client: Client) -> None:
        page = client.post(
            reverse("account_signup"),
            {"email": "new@example.com", "password1": "correct-horse-battery"},
            follow=True,
        )

        assert len(mail.outbox) == 1
        assertContains(page, 'Development: your mail is at <a href="/dev/mailbox/">/dev/mailbox/</a>')

    def test_production_pages_say_nothing_of_a_mailbox(self, client: Client, settings: Settings) -> None:
        settings.DEVELOPMENT_MAILBOX = False

        assertNotContains(client.get(reverse("home")), "mailbox")

    def test_the_trap_for_machines_is_out_of_a_persons_way(self, client: Client) -> None:
        page = client.get(reverse("account_signup")).content.decode()

        trap = page.partition('<div class="trap" aria-hidden="true">')[2].partition("</div>")[0]
        assert 'name="phone"' in trap
        assert 'tabindex="-1"' in trap
        assert "style" not in trap


class TestErrors:
    def test_a_server_error_needs_neither_context_nor_database(self, rf: RequestFactory) -> None:
        page = defaults.server_error(rf.get("/"))

        assert page.status_code == 500
        assert "Something broke on our side" in page.content.decode()

    def test_a_malformed_request_and_a_refused_form_need_no_context(self, rf: RequestFactory) -> None:
        assert b"makes no sense" in defaults.bad_request(rf.get("/"), ValueError()).content
        assert b"Please send the form again" in csrf_failure(rf.get("/")).content

    def test_too_many_requests_say_so_in_words(self) -> None:
        assert "in a few minutes" in render_to_string("429.html", {"message": ""})
        assert "Ten a day" in render_to_string("429.html", {"message": "Ten a day"})


@pytest.mark.django_db
class TestReceipt:
    @pytest.mark.parametrize("name", ["receipt.txt", "receipt.html"])
    def test_a_receipt_says_what_was_sold_to_whom_for_how_much(self, name: str) -> None:
        composition = a_ready_composition(title="Ships & stars")
        purchase = Purchase(
            composition=composition,
            licensee="Ada Ltd",
            price_minor=4900,
            currency="eur",
            terms_version="2026-11",
        )
        certificate = Certificate(
            copyright_id="SLS-TEST", right=ExclusiveRight(), issued_at=composition.finished_at, is_test=True
        )

        text = render_to_string(
            f"payments/email/{name}",
            {
                "purchase": purchase,
                "composition": composition,
                "certificate": certificate,
                "url": "http://localhost/purchases/1/",
            },
        )

        for fact in (
            "SLS-TEST",
            "Ada Ltd",
            "€49.00",
            "2026-11",
            "http://localhost/purchases/1/",
            "test purchase",
        ):
            assert fact in text
        assert ("Ships & stars" if name.endswith("txt") else "Ships &amp; stars") in text


def test_an_inline_style_of_a_widget_is_dropped() -> None:
    class Trap(Form):
        phone = CharField(widget=TextInput(attrs={"style": "position:absolute", "tabindex": "-1"}))

    html = Template("{% load soloscore %}{% control form.phone %}").render(Context({"form": Trap()}))

    assert "style" not in html
    assert 'class="form-control"' in html
