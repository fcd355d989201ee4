"""Who may do what at every address of the site: the rows are in ``pages``, ``api`` and ``staff``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from payments import gateway
from tests.access import api, pages, staff
from tests.access.doors import EVERYBODY, names_in
from tests.access.walk import addresses, walk
from tests.access.world import World
from tests.licensing.factories import write_silence

OF_PAGES = [who for who in EVERYBODY if who not in {"unscoped", "other partner", "sandbox"}]
"""On a page a token is nothing, whosever it is."""


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    logging.disable(logging.ERROR)  # each refusal is a line
    # The rows of a walk are never committed, which the gateway would refuse.
    monkeypatch.setattr(gateway, "connection", SimpleNamespace(in_atomic_block=False))
    monkeypatch.setattr("licensing.delivery.write_music_files", write_silence)
    yield World()
    logging.disable(logging.NOTSET)


def none_of(mistakes: Iterable[str]) -> None:
    """Fail with all that was wrong."""
    found = list(mistakes)
    assert not found, "\n".join(found)


def test_every_address_has_a_row() -> None:
    """Whoever adds an address writes down who may go there."""
    of_rows = names_in((*pages.ROWS, *api.ROWS, *staff.ROWS))
    assert {name for name, _taken in addresses()} == of_rows | staff.names()


def test_the_pages_let_in_and_refuse_as_their_rows_say(world: World) -> None:
    none_of(walk(world, pages.ROWS, persons=OF_PAGES))


def test_the_api_lets_in_and_refuses_as_its_rows_say(world: World) -> None:
    none_of(walk(world, api.ROWS))


def test_the_admin_lets_in_the_staff_alone(world: World) -> None:
    none_of(walk(world, staff.ROWS, persons=OF_PAGES))


def test_a_models_pages_let_in_and_refuse_as_the_roles_say(world: World) -> None:
    none_of(staff.walk_admin(world))


CONTROLS = [
    ("generation.views.own_piece", "composition_delete", pages.ROWS, "as other: in"),
    ("accounts.authentication.MayUse.has_permission", "api_webhook", api.ROWS, "as unscoped: in"),
    ("marketplace.staff.site.StaffSite.has_permission", "staff_health", pages.ROWS, "as owner: in"),
]
"""A check, an address that it guards, and what a walk must say when it is gone."""


def test_a_check_that_was_taken_away_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: without its check an address must not pass."""
    for check, name, rows, told in CONTROLS:
        row = replace(next(row for row in rows if name in row.names.split()), names=name)
        assert list(walk(world, [row])) == []
        with monkeypatch.context() as gone:
            gone.setattr(check, lambda *_arguments, **_options: world.piece)
            assert any(told in mistake for mistake in walk(world, [row])), check
