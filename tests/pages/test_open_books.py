"""What the shop says of itself: its networks, their scores, its terms, who runs it and whether it works."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from generation.catalogue import PRETRAINED, sync_instruments
from generation.models import Composition, Instrument
from licensing import terms
from tests.factories import a_queued_composition, a_ready_composition, an_instrument

pytestmark = pytest.mark.django_db


def test_every_network_in_use_has_its_card(client: Client) -> None:
    models = sync_instruments()
    page = client.get(reverse("models"))
    for model in models:
        assertContains(page, model.version)
        card = client.get(reverse("model_card", args=[model.instrument]))
        assertContains(card, model.card["sha256"]["weights.npz"])
        assert client.get(reverse("model_card_json", args=[model.instrument])).json() == model.card


def test_an_instrument_that_is_not_offered_has_no_card(client: Client) -> None:
    sync_instruments()
    Instrument.objects.filter(slug="organ").update(is_active=False)
    assert client.get(reverse("model_card", args=["organ"])).status_code == 404
    assert client.get(reverse("model_card_json", args=["organ"])).status_code == 404
    assertNotContains(client.get(reverse("models")), "Organ")


def test_a_network_that_learned_from_another_instrument_says_so(client: Client) -> None:
    sync_instruments()
    assertContains(client.get(reverse("model_card", args=["harp"])), "No scores of its own")


def test_the_ledger_is_the_file_that_the_certificates_name(client: Client) -> None:
    answer = client.get(reverse("corpus_json"))
    content = b"".join(answer.streaming_content)
    card = json.loads((PRETRAINED / "piano" / "card.json").read_text())
    assert hashlib.sha256(content).hexdigest() == card["sha256"]["ledger.json"]


def test_scores_are_found_by_any_words_in_any_order(client: Client) -> None:
    page = client.get(reverse("corpus"), {"q": "quartet ANDRÉE"})
    assert {entry.composer for entry in page.context["page"]} == {"Elfrida Andrée"}
    assertContains(page, "String Quartet in A major, section 1")
    nothing = client.get(reverse("corpus"), {"q": "<b>nobody</b>"})
    assertContains(nothing, "No score has “&lt;b&gt;nobody&lt;/b&gt;”")


@pytest.mark.parametrize("page", ["2", "0", "-1", "999999", "x"])
def test_any_page_number_gives_a_page(client: Client, page: str) -> None:
    assert client.get(reverse("corpus"), {"page": page}).status_code == 200


def test_an_older_version_of_the_terms_stays_and_names_its_successor(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "2025-01.md").write_text("# Old terms\n")
    (tmp_path / f"{settings.TERMS_VERSION}.md").write_text("# New terms\n")
    monkeypatch.setattr(terms, "FOLDER", tmp_path)
    old = client.get(reverse("terms_version", args=["2025-01"]))
    assertContains(old, "Old terms")
    assertContains(old, terms.terms_sha256("2025-01"))
    assertContains(old, f'<a href="/terms/">version {settings.TERMS_VERSION}</a>', html=True)
    assertContains(client.get(reverse("terms")), "New terms")
    assert client.get("/terms/2024-01/").status_code == 404


def test_the_imprint_is_what_the_settings_say(client: Client, settings: Any) -> None:
    assertContains(client.get(reverse("imprint")), "has not said its address yet")
    settings.IMPRINT = ["1 Main Street", "<Town>"]
    page = client.get(reverse("imprint"))
    assertContains(page, "1 Main Street<br>&lt;Town&gt;")
    assertNotContains(page, "SOLOSCORE_IMPRINT")


def test_the_status_says_what_does_not_work(client: Client, settings: Any) -> None:
    a_ready_composition()
    assertContains(client.get(reverse("status")), "Everything works")
    piece = a_queued_composition()
    Composition.objects.filter(pk=piece.pk).update(created_at=timezone.now() - timedelta(minutes=3))
    late = client.get(reverse("status"))
    assertContains(late, "Something is not working")
    assertContains(late, "pieces have waited for minutes")
    piece.delete()
    settings.TEST_CHECKOUT, settings.STRIPE_SECRET_KEY = False, ""
    assertContains(client.get(reverse("status")), "closed: no payment provider is set up")


def test_every_instrument_that_ships_can_be_heard_on_its_card(client: Client) -> None:
    models = sync_instruments()
    page = client.get(reverse("compose")).content.decode()
    for model in models:
        path = finders.find(f"audio/{model.instrument}.mp3")
        assert path is not None, f"run: python manage.py make_samples --instrument {model.instrument}"
        assert Path(path).stat().st_size < 40_000
        assert f"/audio/{model.instrument}" in page


def test_an_instrument_without_a_sample_has_no_button(client: Client) -> None:
    an_instrument("theremin")
    assertNotContains(client.get(reverse("compose")), "data-sample")
