"""Every failure that is injected into a sale, and the tests that do it: ``python -m tests.failures`` writes the page.

A test names its rows by ``@pytest.mark.row("R7")``; ``tests/payments/test_failures.py`` fails when a row has no test.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "failures.md"

GROUPS = {
    "R": "Reservation",
    "P": "Payment",
    "A": "After the sale",
    "W": "The webhook's channel",
    "I": "Infrastructure",
}

ROWS = {
    "R1": (
        "many buyers at the same instant",
        "one hold; the others are told, and Stripe is not asked for them",
    ),
    "R2": ("one buyer clicks twice, in two tabs, goes back", "one row, one session, one page"),
    "R3": ("one account hoards pieces, or one piece all day", "429, and nothing is held"),
    "R4": ("crash after the row, before Stripe", "the sweeper releases; no address ever existed"),
    "R5": ("crash after Stripe's answer, before it is stored", "the same key finds the same session"),
    "R6": ("create times out or the connection breaks", "tried again with the same key; exactly one session"),
    "R7": ("Stripe answers 500, and repeats it for the key", "another key the next time; never a loop"),
    "R8": (
        "the same key with other parameters",
        "impossible, since the price is a snapshot; an incident if it is not",
    ),
    "R9": (
        "Stripe answers 400, 401 or 429",
        "the hold is cancelled or kept, staff are told, the buyer sees a page",
    ),
    "R10": (
        "the sweeper releases while a slow request stores its session",
        "the session is closed; nobody is sent there",
    ),
    "R11": (
        "staff change the price of, withdraw or delete a held piece",
        "the snapshot is charged; the checkout is closed before the piece leaves; deletion is refused",
    ),
    "R12": ("our clock is ten minutes wrong", "nothing is released but by Stripe's word"),
    "R13": ("the buyer presses Cancel", "cancelled when Stripe has closed the page; sold if they had paid"),
    "R14": (
        "nobody, an unconfirmed or closed account, or a piece not on offer (its maker may buy it)",
        "refused before anything is held",
    ),
    "P1": ("card declined, then another card", "held, then sold once"),
    "P2": ("3-D Secure asked for and abandoned", "held until Stripe ends it, then released"),
    "P3": ("the buyer closes the tab after paying", "the webhook sells; the library shows it"),
    "P4": ("the webhook never arrives", "the success page or the sweeper sells"),
    "P5": ("webhook, success page and sweeper at once", "one claim, one capture, one certificate"),
    "P6": ("somebody else opens the success page", "404, and nothing changes"),
    "P7": (
        "paid in the last second, while the sweeper ends the hold",
        "Stripe refuses to end it; it is sold",
    ),
    "P8": ("authorised after the hold ended (forged)", "given back; nothing is captured"),
    "P9": ("captured after the hold ended (forged)", "one refund, one incident, no certificate"),
    "P10": ("two authorisations for one piece (forged)", "one is sold, the other given back"),
    "P11": ("capture times out, or its answer is lost", "looked up; captured once and sold"),
    "P12": ("capture fails for good", "cancelled; the piece is for sale again and no certificate existed"),
    "P13": (
        "killed between claim and capture, or capture and certificate",
        "the sweeper finishes; one certificate",
    ),
    "P14": ("amount, currency, mode or environment differ", "not claimed; given back; an incident"),
    "P15": ("a delayed method", "held while the money is on its way, then sold or released"),
    "P16": ("completed without a payment (forged)", "nothing is sold; an incident"),
    "P17": ("review by Radar, warning of fraud", "capture waits; staff are told"),
    "A1": ("refunded in full in the Dashboard", "right revoked, piece retired, never sold again"),
    "A2": ("refunded in part", "written down; the right stays"),
    "A3": ("the bank refuses the refund", "flagged; nothing is sent twice"),
    "A4": ("staff press Refund twice", "one refund; the second is told"),
    "A5": ("charge.refunded overtakes the completed session", "refunded in the end"),
    "A6": ("dispute opened, won, lost", "suspended; restored or revoked; no refund meanwhile"),
    "A7": ("dispute of an unknown charge, inquiry", "200, and nothing changes"),
    "A8": (
        "the buyer's account is deleted",
        "the person is forgotten; purchase, certificate and proof stay; not while something is being paid",
    ),
    "W1": ("unsigned, wrong secret, tampered, old, v0, empty, huge, malformed", "400 or 413; nothing stored"),
    "W2": ("one event twice, one after the other and at once", "processed once, 200 both times"),
    "W3": ("one fact as many events", "one sale"),
    "W4": ("every order of a sale's events, a stale one among them", "the same end"),
    "W5": (
        "an event before our commit, unknown, or foreign",
        "found by reference; 500 if ours; 200 if foreign",
    ),
    "W6": ("the secret changes", "either is accepted, the old one until it is removed"),
    "W7": ("unknown type, other API version, live event in test", "200, and no more than the bell"),
    "W8": ("the handler raises", "500; the next delivery succeeds"),
    "W9": ("lock timeout, deadlock", "a few tries, then 503"),
    "W10": ("a cookie, no token, GET", "no token needed; GET is 405"),
    "W11": ("no webhook for days", "the nightly comparison repairs and reports"),
    "I1": ("the broker is down", "sale and order stand; the work is done later"),
    "I2": ("a task is delivered twice", "the second finds nothing to do"),
    "I3": ("kill -9 of a composing worker", "queued again; after three attempts failed, with the reason"),
    "I4": ("the disk is full", "fails clearly; nothing half-written, nothing for sale"),
    "I5": ("Stripe is called inside a transaction", "refused on the spot"),
    "I6": ("the Stripe library is upgraded", "the contract tests fail before a buyer does"),
}
"""What is injected, and the right outcome."""


def rows_with_tests() -> dict[str, list[str]]:
    """Read from the sources which test injects which row, as ``tests/….py::name``."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for row in _rows(node):
                    found[row].append(f"{path.relative_to(TESTS.parent)}::{node.name}")
    return dict(found)


def _rows(test: ast.FunctionDef) -> list[str]:
    return [
        argument.value
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.row"
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    ]


def page() -> str:
    """Return the page: every row with what is injected, the right outcome and its tests."""
    tests = rows_with_tests()
    lines = [
        "# Failures that are injected",
        "",
        "Made by `python -m tests.failures`. A test names its rows by `@pytest.mark.row`; a row without one fails",
        "the suite. `tests/races` runs on PostgreSQL, with real threads. Beside these rows, a machine plays any",
        "order of them (`tests/payments/test_any_order.py`), and `manage.py bench_sales` lets a crowd in while",
        "processes die.",
    ]
    for letter, title in GROUPS.items():
        lines += ["", f"## {title}", "", "| | injected | outcome | tests |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {row} | {injected} | {outcome} | {'<br>'.join(map(_link, tests.get(row, [])))} |"
            for row, (injected, outcome) in ROWS.items()
            if row.startswith(letter)
        ]
    return "\n".join([*lines, ""])


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE} is written.\n")
