"""Who may do what at every address of the site: the rows are in ``pages``, ``api`` and ``staff``."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from payments import gateway
from tests.access import api, pages, staff
from tests.access.doors import EVERYBODY, Row, names_in
from tests.access.walk import addresses, walk
from tests.access.world import World
from tests.licensing.factories import write_silence

OF_PAGES = [who for who in EVERYBODY if who not in {"unscoped", "other partner", "sandbox"}]
"""On a page a token is nothing, whosever it is."""


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    # The rows of a walk are never committed, which the gateway would refuse.
    monkeypatch.setattr(gateway, "connection", SimpleNamespace(in_atomic_block=False))
    monkeypatch.setattr("licensing.delivery.write_music_files", write_silence)
    return World()


def test_every_address_has_a_row() -> None:
    """Whoever adds an address writes down who may go there."""
    of_rows = names_in((*pages.ROWS, *api.ROWS, *staff.ROWS))
    assert {name for name, _taken in addresses()} == of_rows | staff.names()


def test_the_pages_let_in_and_refuse_as_their_rows_say(world: World) -> None:
    assert list(walk(world, pages.ROWS, persons=OF_PAGES)) == []


def test_the_api_lets_in_and_refuses_as_its_rows_say(world: World) -> None:
    assert list(walk(world, api.ROWS)) == []


def test_the_admin_lets_in_and_refuses_as_the_roles_say(world: World) -> None:
    assert list(walk(world, staff.ROWS, persons=OF_PAGES)) == []
    assert list(staff.walk_admin(world)) == []


@pytest.mark.parametrize(
    ("check", "name", "rows", "told"),
    [
        ("generation.views.own_piece", "composition_delete", pages.ROWS, "as other: in"),
        ("accounts.authentication.MayUse.has_permission", "api_webhook", api.ROWS, "as unscoped: in"),
        ("marketplace.staff.site.StaffSite.has_permission", "staff_health", pages.ROWS, "as owner: in"),
    ],
)
def test_a_check_that_was_taken_away_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch, check: str, name: str, rows: tuple[Row, ...], told: str
) -> None:
    """The negative control: without the check the walk must not come back empty."""
    one = [row for row in rows if name in row.names.split()][:1]
    one = [replace(row, names=name) for row in one]
    assert list(walk(world, one)) == []
    monkeypatch.setattr(check, lambda *_arguments, **_options: True)
    assert [mistake for mistake in walk(world, one) if told in mistake]
