"""A piece that nobody named is called what it is, in the language of whoever reads; a given name is never touched."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from generation import titles, worker
from generation.models import Composition
from tests.factories import a_listed_composition, a_maker, a_queued_composition, a_ready_composition, a_user
from tests.generation.stubs import Studio

pytestmark = pytest.mark.django_db

GERMAN = {"Accept-Language": "de"}


def a_nameless_piece(**fields: object) -> Composition:
    piece = a_ready_composition(**fields)
    piece.title = titles.kept_title(piece, tonic=piece.tonic, mode=piece.mode)
    piece.save(update_fields=["title"])
    return piece


def test_a_worker_names_no_piece_for_good(studio: Studio) -> None:
    user = a_user()
    piece = a_queued_composition(maker=a_maker(user=user))
    assert worker.run(piece.pk)
    client, number = Client(), piece.pk.hex[-4:]
    client.force_login(user)
    page = reverse("composition", args=[piece.pk])
    assertContains(client.get(page), f"Piano in D minor, no. {number}")
    assertContains(client.get(page, headers=GERMAN), f"Klavier in D-Moll, Nr. {number}")
    program = client.get(f"/api/v1/compositions/{piece.pk}/", headers=GERMAN).json()
    assert program["title"] == f"Klavier in D-Moll, Nr. {number}"


def test_a_given_name_stays_in_every_language_even_if_it_looks_like_ours() -> None:
    piece = a_listed_composition()
    number = piece.pk.hex[-4:]
    for name in ("Dawn", f"Sunset in D minor, no. {number}", f"Piano in D minor, no. {number}0"):
        Composition.objects.filter(pk=piece.pk).update(title=name)
        assertContains(Client().get("/shop/", headers=GERMAN), name)


def test_confirming_the_name_that_is_shown_names_nothing(client: Client) -> None:
    user = a_user()
    client.force_login(user)
    piece = a_nameless_piece(maker=a_maker(user=user))
    shown = f"Klavier in D-Moll, Nr. {piece.pk.hex[-4:]}"
    rename = reverse("composition_title", args=[piece.pk])
    client.post(rename, {"title": shown}, headers=GERMAN)
    assertContains(client.get(reverse("composition", args=[piece.pk])), "Piano in D minor, no.")
    client.post(rename, {"title": "Morgen"}, headers=GERMAN)
    assertContains(client.get(reverse("composition", args=[piece.pk])), "Morgen")
