"""What is made from a piece belongs to its family, whoever makes it and however."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from generation.errors import NotAllowed, SeedBurned, TooManyCompositions
from generation.kin import kin_of, retire_kin
from generation.models import Composition
from generation.orders import OrderFields
from generation.services import compose_kin
from tests.factories import a_listed_composition, a_maker, a_queued_composition, a_ready_composition

pytestmark = pytest.mark.django_db

ORDER = OrderFields(instrument="piano", seconds=15)
BEGINS_IN = {"generation/services.py", "marketplace/bench_pages.py", "marketplace/bench_shop.py"}
"""Where a piece may begin: the services, which are told its family, and the benches of selling and browsing."""


def test_what_is_made_from_a_piece_is_of_its_family_and_leaves_the_shop_with_it() -> None:
    first = a_listed_composition()
    cut = compose_kin(piece=first, maker=a_maker(), order=ORDER)
    variation = a_listed_composition(origin=first)
    cut_of_the_variation = compose_kin(piece=variation, maker=cut.maker, order=ORDER)
    assert (cut.origin, cut_of_the_variation.origin) == (first, first)
    assert set(kin_of(cut)) == {first, variation, cut_of_the_variation}
    retire_kin(first)
    ends = first.derived.order_by("created_at").values_list("state", "sale_state")
    assert list(ends) == [("cancelled", "available"), ("ready", "retired"), ("cancelled", "available")]


@pytest.mark.parametrize("sold", [0, 1])
def test_nothing_more_is_made_from_a_family_of_which_a_piece_was_sold(sold: int) -> None:
    first = a_listed_composition()
    family = [first, a_listed_composition(origin=first)]
    Composition.objects.filter(pk=family[sold].pk).update(sale_state="sold")
    for piece in family:
        with pytest.raises(NotAllowed, match="has been sold"):
            compose_kin(piece=piece, maker=a_maker(), order=ORDER)
    assert Composition.objects.count() == 2


def test_a_burned_seed_stays_burned_for_kin() -> None:
    a_listed_composition(seed=7, ordered_seconds=15, sale_state="sold")
    with pytest.raises(SeedBurned):
        compose_kin(piece=a_listed_composition(), maker=a_maker(), order=replace(ORDER, seed=7))


def test_nothing_is_made_from_a_piece_that_one_may_not_hear() -> None:
    with pytest.raises(NotAllowed):
        compose_kin(piece=a_ready_composition(), maker=a_maker(), order=ORDER)
    assert Composition.objects.count() == 1


def test_the_limits_of_a_maker_count_for_kin_too() -> None:
    first, maker = a_listed_composition(), a_maker()
    for _ in range(settings.COMPOSITIONS_IN_WORK_PER_MAKER):
        a_queued_composition(maker=maker)
    with pytest.raises(TooManyCompositions):
        compose_kin(piece=first, maker=maker, order=ORDER)


def begins_a_piece(node: ast.AST) -> bool:
    """Whether this is ``Composition(…)``, or ``create`` and its like on its manager."""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    makes = ("create", "get_or_create", "update_or_create", "bulk_create", "acreate", "abulk_create")
    return called == "Composition" or called in {f"Composition.objects.{name}" for name in makes}


def test_a_piece_begins_where_its_family_must_be_told() -> None:
    """Kin that was made without its ``origin`` would stay on sale beside the piece that was sold."""
    found = set()
    for app in ("accounts", "generation", "licensing", "payments", "marketplace"):
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            if "migrations" not in path.parts and any(
                map(begins_a_piece, ast.walk(ast.parse(path.read_text())))
            ):
                found.add(str(path.relative_to(settings.BASE_DIR)))
    assert found == BEGINS_IN
