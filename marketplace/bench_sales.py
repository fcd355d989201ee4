"""Selling, measured on PostgreSQL: what a sale costs, a flood of bad webhooks, and a crowd after few pieces."""

from __future__ import annotations

import contextlib
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketplace.bench import Figure, on_postgres

if TYPE_CHECKING:
    from marketplace.bench_crowd import Result

PARTS = ("sale", "flood", "crowd")
SALES = 40
WORKS_ON_RECORD = 200
SALE_TAKES_AT_MOST_MS = 50


def selling(source: Path) -> Iterator[Figure]:
    """Run ``manage.py bench_sales`` with a PostgreSQL of its own, and pass its figures on."""
    return on_postgres("bench_sales", source=source)


def sales(*, parts: Sequence[str], buyers: int, pieces: int) -> Iterator[Figure]:
    """Measure in this process, against an empty PostgreSQL that ``bench_shop.prepare`` accepted."""
    from marketplace import bench_shop
    from marketplace.bench_crowd import Crowd, naive_shop
    from marketplace.bench_flood import flooded

    chance = random.Random(1)  # noqa: S311 - chance, not secrecy
    if "sale" in parts:
        yield from sale_transaction(chance)
    if "flood" in parts:
        with bench_shop.server() as server:
            yield from flooded(server, bench_shop.offer(3, rng=chance))
    if "crowd" in parts:
        offered, people = bench_shop.offer(pieces, rng=chance), bench_shop.buyers(buyers)
        twice = naive_shop(buyers=people, pieces=offered)
        yield Figure(f"naive shop, of {pieces} pieces sold to more than one", twice, "", "> 0", twice > 0)
        with bench_shop.server() as server:
            result = Crowd(server, buyers=people, pieces=offered).run()
        yield from _crowd_figures(result, name=f"{buyers} buyers, {pieces} pieces", pieces=pieces)


def _crowd_figures(result: Result, *, name: str, pieces: int) -> Iterator[Figure]:
    for what, value, wanted in (
        ("rights", result.rights, pieces),
        ("captures", result.captures, pieces),
        ("charged losers", result.charged_losers, 0),
        ("stuck after the sweeper", result.stuck, 0),
        ("authorisations left", result.standing, 0),
        ("incidents", result.incidents, 0),
    ):
        yield Figure(f"{name}: {what}", value, "", f"{wanted}", value == wanted)
    for what, count in sorted(result.seen.items()):
        yield Figure(f"on the way: {what}", count, "", "—", holds=True)


def sale_transaction(chance: random.Random) -> Iterator[Figure]:
    """Sell pieces that are on record among others, and time what is ours: all of ``settle`` but Stripe's answers.

    That is the lock of the register, the second originality check, the claim, and the transaction that writes state,
    history, right, certificate and outbox.
    """
    from django.conf import settings
    from django.db import connection

    from marketplace import bench_shop
    from payments import services
    from payments.double.browser import Browser
    from payments.double.engine import Engine

    pieces = bench_shop.offer(WORKS_ON_RECORD, rng=chance)
    with connection.cursor() as cursor:
        # As autovacuum does within a minute after so many rows; a shop that grew is never without statistics.
        cursor.execute("ANALYZE")
    stripe = Browser(Engine(settings.TEST_CHECKOUT_STORE))
    waits, processor = [], []
    for buyer, piece in zip(bench_shop.buyers(SALES), pieces, strict=False):
        purchase = services.start_purchase(
            composition_id=piece.pk, buyer=buyer.user, licensee="A buyer of the bench", consents=()
        )
        stripe.pay(purchase.session_id or "")
        with _clock() as at_stripe:
            began = _now()
            sold = services.settle(purchase_id=purchase.pk)
            ended = _now()
        waits.append(ended[0] - began[0] - sum(wall for wall, _ in at_stripe))
        processor.append(ended[1] - began[1] - sum(cpu for _, cpu in at_stripe))
        if sold.state != "sold":
            raise RuntimeError(f"purchase {sold.pk} is {sold.state} and should be sold")
    yield from _in_milliseconds(waits)
    name = "the same, processor time of the shop alone, median"
    yield Figure(name, statistics.median(processor) * 1000, "ms", "—", holds=True)


def _in_milliseconds(waits: Sequence[float]) -> Iterator[Figure]:
    median, slowest = statistics.median(waits) * 1000, max(waits) * 1000
    limit = SALE_TAKES_AT_MOST_MS
    yield Figure(
        f"sale among {WORKS_ON_RECORD} works, median of {SALES}", median, "ms", f"≤ {limit}", median <= limit
    )
    yield Figure("the same, slowest", slowest, "ms", "—", holds=True)


def _now() -> tuple[float, float]:
    """Wall and processor clock, in seconds."""
    return time.perf_counter(), time.process_time()


@contextlib.contextmanager
def _clock() -> Iterator[list[tuple[float, float]]]:
    """Collect wall and processor seconds that pass inside the gateway."""
    from payments import gateway

    spent: list[tuple[float, float]] = []

    def timed(real: Any) -> Any:
        def call(*positional: Any, **named: Any) -> Any:
            began = _now()
            try:
                return real(*positional, **named)
            finally:
                ended = _now()
                spent.append((ended[0] - began[0], ended[1] - began[1]))

        return call

    names = ("retrieve_session", "retrieve_intent", "capture")
    real = {name: getattr(gateway, name) for name in names}
    try:
        for name in names:
            setattr(gateway, name, timed(real[name]))
        yield spent
    finally:
        for name in names:
            setattr(gateway, name, real[name])
