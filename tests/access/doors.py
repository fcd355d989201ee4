"""What a row of the matrix says: who is let in at an address, and how everybody else is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from marketplace.staff.roles import ROLES

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

STAFF = (*ROLES, "no role", "superuser")
PERSONS = ("owner", "other", *STAFF)
"""Who is logged in. The owner bought and composed; the other did neither."""
PARTNERS = ("partner", "unscoped", "other partner", "sandbox")
"""Who has a token. ``unscoped`` is the partner's own program, with every scope but the one that is asked for."""
EVERYBODY = ("anonymous", *PERSONS, *PARTNERS)

IN, LOGIN, REFUSED, ANY = "in", "login", "refused", "any"
"""Let in, whatever is made of an empty form; led to the log-in; refused in one way or another; whatever it is, nothing
is written. A number is a refusal with that status.
"""
REFUSALS = (LOGIN, 401, 403, 404, 405, 410)

Outcome = str | int
Door = dict[str, Outcome]
GROUPS = {
    "strangers": ("anonymous", *PARTNERS),  # on a page a token opens nothing
    "persons": PERSONS,
    "staff": STAFF,
    "partners": PARTNERS,
}


def door(default: Outcome, **others: Outcome) -> Door:
    """Say what becomes of everybody, and of the groups and people named; the later word counts."""
    outcomes: Door = dict.fromkeys(EVERYBODY, default)
    for name, outcome in others.items():
        who = name.replace("_", " ")
        outcomes |= dict.fromkeys(GROUPS.get(who, (who,)), outcome)
    assert set(outcomes) == set(EVERYBODY), set(outcomes) - set(EVERYBODY)
    return outcomes


@dataclass(frozen=True, slots=True)
class Row:
    """Addresses that have the same doors: one for each verb they know, and none for the others.

    ``of`` names the objects that are asked for (``world.World.keys``), ``scope`` what a token needs: the part before
    the colon, or nothing where any token will do, ``body`` what is sent where an empty one is refused before anybody
    asks whose the object is.
    """

    names: str
    doors: dict[str, Door]
    of: str = "own"
    scope: str = ""
    body: str = ""


def nobody() -> Door:
    """Say that a verb is not known there."""
    return door(REFUSED)


def reads(names: str, who: Door, **options: Any) -> Row:
    """Addresses that are looked at and do nothing."""
    return Row(names, {"GET": who, "HEAD": who}, **options)


def acts(names: str, who: Door, **options: Any) -> Row:
    """Addresses that are posted to, and show nothing."""
    return Row(names, {"POST": who}, **options)


def forms(names: str, who: Door, **options: Any) -> Row:
    """Addresses that show a form and take it."""
    return Row(names, dict.fromkeys(("GET", "HEAD", "POST"), who), **options)


def every(names: str, who: Door, **options: Any) -> Row:
    """Addresses that take every verb for the same."""
    return Row(names, dict.fromkeys(VERBS, who), **options)


def of_allauth(names: str, who: Door) -> Row:
    """Forms of allauth, which sends people on whatever the verb."""
    elsewise = {one: REFUSED if outcome == LOGIN else ANY for one, outcome in who.items()}
    return Row(names, {verb: who if verb in {"GET", "HEAD", "POST"} else elsewise for verb in VERBS})


def names_in(rows: Iterable[Row]) -> set[str]:
    """Return the names of the addresses that have a row."""
    return {name for row in rows for name in row.names.split()}
