"""What is made from a piece belongs to its family, whoever makes it and however."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from generation.errors import NotAllowed, TooManyCompositions
from generation.kin import kin_of, retire_kin
from generation.models import Composition
from generation.services import Version, compose_kin
from tests.factories import a_listed_composition, a_maker, a_queued_composition, a_ready_composition

pytestmark = pytest.mark.django_db

CUT = Version(kind="cut", seconds=15)
BEGINS_IN = {"generation/services.py", "marketplace/bench_pages.py", "marketplace/bench_shop.py"}
"""Where a piece may begin: the services, which are told its family, and the benches of selling and browsing."""


def test_what_is_made_from_a_piece_is_of_its_family_and_leaves_the_shop_with_it() -> None:
    first = a_listed_composition()
    cut = compose_kin(piece=first, maker=a_maker(), version=CUT)
    variation = a_listed_composition(origin=first)
    cut_of_the_variation = compose_kin(piece=variation, maker=cut.maker, version=CUT)
    assert (cut.origin, cut_of_the_variation.origin) == (first, first)
    assert (cut.parent, cut_of_the_variation.parent) == (first, variation)
    assert set(kin_of(cut)) == {first, variation, cut_of_the_variation}
    retire_kin(first)
    ends = first.derived.order_by("created_at").values_list("state", "sale_state")
    assert list(ends) == [("cancelled", "available"), ("ready", "retired"), ("cancelled", "available")]


@pytest.mark.parametrize("sold", [0, 1])
def test_nothing_more_is_made_from_a_family_of_which_a_piece_was_sold(sold: int) -> None:
    first = a_listed_composition()
    family = [first, a_listed_composition(origin=first)]
    maker = a_maker()
    # They may hear it, as its owner may; that it was sold is reason enough.
    Composition.objects.filter(pk__in=[piece.pk for piece in family]).update(maker=maker)
    Composition.objects.filter(pk=family[sold].pk).update(sale_state="sold")
    for piece in Composition.objects.order_by("created_at"):
        with pytest.raises(NotAllowed, match="has been sold"):
            compose_kin(piece=piece, maker=maker, version=CUT)
    assert Composition.objects.count() == 2


def test_nothing_is_made_from_a_piece_that_one_may_not_hear() -> None:
    with pytest.raises(NotAllowed, match="may hear"):
        compose_kin(piece=a_ready_composition(), maker=a_maker(), version=CUT)
    assert Composition.objects.count() == 1


@pytest.mark.parametrize(
    "fields", [{"sale_state": "on_hold"}, {"sale_state": "retired", "retired_because": "withdrawn"}]
)
def test_nothing_is_made_from_a_piece_that_is_not_free(fields: dict[str, str]) -> None:
    piece = a_ready_composition(**fields)
    with pytest.raises(NotAllowed, match="not free"):
        compose_kin(piece=piece, maker=piece.maker, version=CUT)
    assert Composition.objects.count() == 1


def test_the_limits_of_a_maker_count_for_kin_too() -> None:
    first, maker = a_listed_composition(), a_maker()
    for _ in range(settings.COMPOSITIONS_IN_WORK_PER_MAKER):
        a_queued_composition(maker=maker)
    with pytest.raises(TooManyCompositions):
        compose_kin(piece=first, maker=maker, version=CUT)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "variation", "from_bar": 5},
        {"kind": "variation", "from_bar": 5, "parent": 1, "origin": None},
        {"kind": "variation", "parent": 1},
        {"kind": "variation", "parent": 1, "from_bar": 1},
        {"kind": "cut", "parent": 1, "from_bar": 5},
        {"kind": "cut", "parent": 1, "variant": 1},
        {"kind": "original", "parent": 1},
        {"kind": "medley", "parent": 1},
    ],
)
def test_a_row_that_does_not_say_whole_what_it_is_made_from_cannot_be_written(fields: dict[str, Any]) -> None:
    first = a_listed_composition()
    fields = {"origin": first} | fields | ({"parent": first} if "parent" in fields else {})
    with pytest.raises(IntegrityError), transaction.atomic():
        a_queued_composition(**fields)


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
