"""Whoever misses a piece is offered the nearest different ones."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from generation.similar import query_of_more_like, similar_to
from tests.factories import a_listed_composition, an_instrument

pytestmark = pytest.mark.django_db


def test_mood_comes_before_mode_before_tempo_before_length() -> None:
    wanted = a_listed_composition(mood="calm", mode="minor", bpm=90.0, seconds=30.0)
    other_mood = a_listed_composition(mood="sad", mode="minor", bpm=90.0, seconds=30.0)
    other_mode = a_listed_composition(mood="calm", mode="major", bpm=90.0, seconds=30.0)
    longer = a_listed_composition(mood="calm", mode="minor", bpm=92.0, seconds=90.0)
    faster = a_listed_composition(mood="calm", mode="minor", bpm=150.0, seconds=30.0)
    assert similar_to(wanted) == [longer, faster, other_mode]
    assert similar_to(other_mood)[0] != other_mood


def test_only_free_pieces_of_the_instrument_are_offered_and_never_kin() -> None:
    sold = a_listed_composition(sale_state="sold", seed=7)
    a_listed_composition(origin=sold)
    a_listed_composition(seed=7)
    a_listed_composition(sale_state="on_hold")
    a_listed_composition(is_private=True)
    a_listed_composition(instrument=an_instrument("guitar"))
    free = a_listed_composition()
    assert similar_to(sold) == [free]
    page = Client().get(reverse("composition", args=[sold.pk])).content.decode()
    assert "The nearest you can have" in page
    assert f'data-piece="{free.pk}"' in page


def test_more_like_this_orders_the_wishes_and_never_the_seed() -> None:
    piece = a_listed_composition(mood="calm", wished_bpm=88, density="sparse", seed=4711, mode="minor")
    query = query_of_more_like(piece)
    assert query == "instrument=piano&seconds=30&mood=calm&mode=minor&bpm=88&density=sparse"
    page = Client().get(f"/compose/?{query}").content.decode()
    assert 'value="calm" id="id_mood_1" checked' in page
    assert "4711" not in page
