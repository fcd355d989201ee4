"""A second language, complete: every string, every page, dates, money, plurals and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from pytest_django.asserts import assertContains

from generation.models import Instrument
from generation.pricing import price_label
from marketplace.templatetags.soloscore import tonic
from tests.factories import a_listed_composition, an_instrument
from tests.licensing.factories import SOLD_AT
from tests.pages.test_every_page import NOT_THERE, PAGES, Page

CATALOGUE = Path(settings.BASE_DIR) / "locale" / "de" / "LC_MESSAGES" / "django.po"
PLACE = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}|<[^>]+>")


@pytest.fixture
def german() -> Iterator[None]:
    with translation.override("de"):
        yield


def entries() -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]


def test_every_string_is_translated_and_keeps_its_places() -> None:
    for entry in entries():
        assert entry.translated(), entry.msgid
        for text in [*entry.msgstr_plural.values()] or [entry.msgstr]:
            assert set(PLACE.findall(entry.msgid_plural or entry.msgid)) >= set(PLACE.findall(text)), text


def test_what_is_served_is_what_was_written() -> None:
    """Whoever edits the catalogue compiles it: python manage.py compilemessages."""
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    served = {(entry.msgctxt, entry.msgid): entry.msgstr_plural or entry.msgstr for entry in compiled}
    for entry in entries():
        assert served[(entry.msgctxt, entry.msgid)] == (entry.msgstr_plural or entry.msgstr)


@pytest.mark.django_db
@pytest.mark.parametrize("name", list(PAGES))
def test_every_page_comes_in_german(client: Client, name: str) -> None:
    path = PAGES[name](client)
    answer = client.get(path, headers={"Accept-Language": "de"})
    assert answer.status_code in ({404, 410} if name in NOT_THERE else {200})
    html = answer.content.decode()
    assert Page(html).all("html") == [{"lang": "de"}]
    assert "Von einem Netz komponiert" in html or "von einem Netz" in html


@pytest.mark.django_db
def test_the_language_is_chosen_and_remembered(client: Client) -> None:
    assertContains(client.get("/"), "Music with one owner")
    answer = client.post(reverse("set_language"), {"language": "de", "next": "/shop/"})
    assert answer["Location"] == "/shop/"
    assertContains(client.get("/"), "Musik mit einem Eigentümer")


@pytest.mark.django_db
def test_instruments_that_ship_have_german_names_and_others_keep_theirs(german: None) -> None:
    assert str(an_instrument("harpsichord", name="Harpsichord")) == "Cembalo"
    assert str(Instrument(slug="x", name="Theremin of Ada")) == "Theremin of Ada"


def test_dates_money_and_keys_are_written_as_in_german(german: None) -> None:
    assert date_format(SOLD_AT, "DATETIME_FORMAT") == "22. November 2026, 15:30"
    assert price_label(4900, "eur") == "49,00\u00a0€"
    assert [tonic(name) for name in ("B", "B-", "F#", "E-")] == ["H", "B", "Fis", "Es"]


@pytest.mark.django_db
@pytest.mark.parametrize(("count", "words"), [(1, "1 Stück"), (2, "2 Stücke")])
def test_plurals_agree(client: Client, count: int, words: str) -> None:
    for _ in range(count):
        a_listed_composition()
    assertContains(client.get("/shop/", headers={"Accept-Language": "de"}), words)
