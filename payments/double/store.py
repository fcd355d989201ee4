"""Where the double keeps its objects: one SQLite file, one transaction for each request."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (id TEXT PRIMARY KEY, kind TEXT, body TEXT, hidden TEXT, number INTEGER UNIQUE);
CREATE TABLE IF NOT EXISTS replays (key TEXT PRIMARY KEY, request TEXT, status INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS faults (number INTEGER PRIMARY KEY, call TEXT, kind TEXT, times INTEGER);
CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY, call TEXT, params TEXT, key TEXT, status INTEGER);
CREATE TABLE IF NOT EXISTS outgoing (number INTEGER PRIMARY KEY, id TEXT, body TEXT, delivered INTEGER);
"""

Document = dict[str, Any]


def new_id(prefix: str) -> str:
    """Make an id that nobody can guess, such as ``cs_test_5f…``."""
    return f"{prefix}_{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class Call:
    """One request the double was asked; ``status`` is None when the reply was lost."""

    call: str
    params: Document
    key: str | None
    status: int | None


class Store:
    """The file. ``open()`` gives a ``Books`` inside one exclusive transaction."""

    def __init__(self, path: Path, *, mark: str) -> None:
        self.path = path
        self.mark = mark

    @contextmanager
    def open(self) -> Iterator[Books]:
        """Enter one transaction; an exception undoes all of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            try:
                yield Books(connection, mark=self.mark)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        finally:
            connection.close()


class Books:
    """Objects, replays, faults, calls and outgoing events, within one transaction."""

    def __init__(self, connection: sqlite3.Connection, *, mark: str) -> None:
        self._connection = connection
        self.mark = mark
        """Stands in the ids of sessions and intents, so that they tell where they lie."""

    def get(self, identity: str) -> Document | None:
        """Return an object as Stripe would show it, or None."""
        row = self._connection.execute("SELECT body FROM objects WHERE id = ?", (identity,)).fetchone()
        return json.loads(row[0]) if row else None

    def hidden(self, identity: str) -> Document:
        """Return what Stripe knows about an object and does not show."""
        row = self._connection.execute("SELECT hidden FROM objects WHERE id = ?", (identity,)).fetchone()
        return json.loads(row[0]) if row else {}

    def put(self, body: Document, *, hidden: Document | None = None) -> Document:
        """Insert or replace an object; ``hidden=None`` keeps what was hidden."""
        kept = self.hidden(body["id"]) if hidden is None else hidden
        self._connection.execute(
            "INSERT INTO objects (id, kind, body, hidden, number) "
            "VALUES (?, ?, ?, ?, (SELECT COALESCE(MAX(number), 0) + 1 FROM objects)) "
            "ON CONFLICT (id) DO UPDATE SET body = excluded.body, hidden = excluded.hidden",
            (body["id"], body["object"], json.dumps(body), json.dumps(kept)),
        )
        return body

    def every(self, kind: str) -> list[Document]:
        """Return all objects of a kind, newest first."""
        rows = self._connection.execute(
            "SELECT body FROM objects WHERE kind = ? ORDER BY number DESC", (kind,)
        )
        return [json.loads(row[0]) for row in rows]

    def replay(self, key: str) -> tuple[str, int, Document] | None:
        """Return the request, status and body first seen with an idempotency key."""
        row = self._connection.execute(
            "SELECT request, status, body FROM replays WHERE key = ?", (key,)
        ).fetchone()
        return (row[0], row[1], json.loads(row[2])) if row else None

    def remember(self, *, key: str, request: str, status: int, body: Document) -> None:
        """Keep the first response to an idempotency key."""
        self._connection.execute(
            "INSERT OR IGNORE INTO replays VALUES (?, ?, ?, ?)", (key, request, status, json.dumps(body))
        )

    def add_fault(self, *, call: str, kind: str, times: int) -> None:
        """Script what goes wrong with the next ``times`` requests that match ``call``."""
        self._connection.execute(
            "INSERT INTO faults (call, kind, times) VALUES (?, ?, ?)", (call, kind, times)
        )

    def faults(self) -> list[tuple[int, str, str]]:
        """Return the faults still to come, in order."""
        rows = self._connection.execute(
            "SELECT number, call, kind FROM faults WHERE times > 0 ORDER BY number"
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def use_fault(self, number: int) -> None:
        """Count a fault down."""
        self._connection.execute("UPDATE faults SET times = times - 1 WHERE number = ?", (number,))

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._connection.execute("DELETE FROM faults")

    def log(self, call: Call) -> None:
        """Write down one request."""
        self._connection.execute(
            "INSERT INTO calls (call, params, key, status) VALUES (?, ?, ?, ?)",
            (call.call, json.dumps(call.params), call.key, call.status),
        )

    def calls(self) -> list[Call]:
        """Return every request so far, oldest first."""
        rows = self._connection.execute("SELECT call, params, key, status FROM calls ORDER BY number")
        return [Call(row[0], json.loads(row[1]), row[2], row[3]) for row in rows]

    def announce(self, kind: str, body: Document, *, api_version: str) -> None:
        """Add an event to what has to be delivered."""
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": api_version,
            "created": int(time.time()),
            "data": {"object": body},
            "livemode": body.get("livemode", False),
            "pending_webhooks": 1,
            "type": kind,
        }
        self._connection.execute(
            "INSERT INTO outgoing (id, body, delivered) VALUES (?, ?, 0)", (event["id"], json.dumps(event))
        )

    def outgoing(self) -> list[Document]:
        """Return the events not delivered yet, oldest first."""
        rows = self._connection.execute("SELECT body FROM outgoing WHERE delivered = 0 ORDER BY number")
        return [json.loads(row[0]) for row in rows]

    def mark_delivered(self, event_id: str) -> None:
        """Stop offering an event for delivery."""
        self._connection.execute("UPDATE outgoing SET delivered = 1 WHERE id = ?", (event_id,))
