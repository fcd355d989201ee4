"""Goes to addresses as everybody, with every verb, and says what was not as the rows have it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from django.db import connection, transaction
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from tests.access.doors import ANY, EVERYBODY, IN, LOGIN, REFUSALS, REFUSED, VERBS, Outcome, Row, nobody
from tests.access.world import SECRETS, World

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
KEPT_FOR_ANYBODY = ("django_session", "django_cache", "usersessions_usersession")
"""Tables that a request may write to though it is refused: who came, and how often."""
FEW = ("anonymous", "other", "superuser", "partner")
NOT_ASKED = {("owner", "mfa_reauthenticate_webauthn")}
"""The owner's passkey here is a row without a key, which that page cannot read."""


def addresses(
    resolver: Any = None, *, parameters: tuple[str, ...] = (), space: str = ""
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every name of the site's addresses, with the names of what the address takes."""
    for pattern in (resolver or get_resolver()).url_patterns:
        taken = (*parameters, *pattern.pattern.converters, *pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inside = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from addresses(pattern, parameters=taken, space=inside)
        else:
            yield f"{space}{pattern.name}", tuple(dict.fromkeys(taken))


class Visit:
    """One request, which leaves nothing behind: its answer, and the tables that it wrote to."""

    def __init__(self, client: Client, *, verb: str, path: str, body: str = "") -> None:
        self.wrote: set[str] = set()
        cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
        with transaction.atomic(), connection.execute_wrapper(self._note):
            kind = "application/json" if body else "application/octet-stream"
            self.answer: Any = client.generic(verb, path, body, content_type=kind)
            self.body = b"" if self.answer.streaming else self.answer.content
            self.answer.close()
            transaction.set_rollback(True)
        client.cookies = cookies

    def _note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        words = sql.split(maxsplit=4)
        if words and words[0] in WRITES:
            table = words[1 if words[0] == "UPDATE" else 2].strip('"')
            if words[0] in {"INSERT", "REPLACE"} and words[1] == "OR":
                table = words[4].split()[0].strip('"')
            if table not in KEPT_FOR_ANYBODY:
                self.wrote.add(f"{words[0]} {table}")
        return execute(sql, params, many, context)

    @property
    def outcome(self) -> Outcome:
        status: int = self.answer.status_code
        ways_in = {reverse("account_login"), reverse("admin:login")}
        if status == 302 and urlsplit(self.answer["Location"]).path in ways_in:
            return LOGIN
        return status if status in REFUSALS else IN

    def mistakes(self, expected: Outcome) -> Iterator[str]:
        """Yield what is wrong with the answer to somebody of whom this was expected."""
        got = self.outcome
        right = {REFUSED: got != IN, ANY: True}.get(expected, got == expected)
        if not right:
            yield f"{got} ({self.answer.status_code}), not {expected}"
        if (got != IN or expected == ANY) and self.wrote:
            yield f"refused, and yet {', '.join(sorted(self.wrote))}"
        if got != IN and any(secret in self.body.decode(errors="replace") for secret in SECRETS):
            yield "refused, and yet told"


def walk(world: World, rows: Iterable[Row], *, persons: Iterable[str] = EVERYBODY) -> Iterator[str]:
    """Go to every address of the rows with every verb; yield what was not as the row has it.

    What a visitor may do who is not logged in, and what nobody may, is asked as a few instead of as everybody. HEAD,
    which the framework answers as GET without the body, is asked as those who are refused.
    """
    taken = dict(addresses())
    for row in rows:
        for name, verb in itertools.product(row.names.split(), VERBS):
            path = reverse(name, kwargs={one: world.keys[row.of][one] for one in taken[name]})
            door = row.doors.get(verb, nobody())
            same_for_all = door["anonymous"] == IN or verb not in row.doors
            for who in FEW if same_for_all else persons:
                if (verb == "HEAD" and door[who] == IN) or (who, name) in NOT_ASKED:
                    continue
                client = world.client(who, missing=scope_of(row, verb))
                for mistake in Visit(client, verb=verb, path=path, body=row.body).mistakes(door[who]):
                    yield f"{verb} {name} ({row.of}) as {who}: {mistake}"


def scope_of(row: Row, verb: str) -> str:
    """Return the scope that a token needs there; nothing where any token will do."""
    return f"{row.scope}:{'read' if verb in {'GET', 'HEAD'} else 'write'}" if row.scope else ""
