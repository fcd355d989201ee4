"""The open shop with very many pieces, measured on PostgreSQL: how long the server takes for a page."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from marketplace.bench import Figure, on_postgres

PIECES = 100_000
DIFFERENT = 4000
"""Pieces that are made one by one; the others are copies of them with names of their own, made by the database."""

VISITS = 40
PAGE_TAKES_AT_MOST_MS = 100
QUERIES_AT_MOST = 12
SOLD_OF_TEN = 2

PAGES = {
    "list": "/shop/",
    "page 500": "/shop/?page=500",
    "filter": "/shop/?instrument={instrument}&mood=sad&mode=minor&length=75",
    "filter, page 50": "/shop/?instrument={instrument}&page=50",
    "filter that nothing fits": "/shop/?tonic=F%23&mood=solemn&tempo=very-slow&length=10",
    "longest first, page 500": "/shop/?sort=longest&page=500",
    "best rated, slow, page 20": "/shop/?sort=best&tempo=slow&page=20",
    "search": "/shop/?q=calm+{instrument}+in+E+minor",
    "search for a title nobody has": "/shop/?q=zanzibar",
    "page of a piece": "/compositions/{piece}/",
    "states of a page": "/shop/states/?ids={ids}",
}
"""What is asked, each by a guest; ``{…}`` differs from visit to visit."""


def browsing(source: Path) -> Iterator[Figure]:
    """Run ``manage.py bench_shop_pages`` with a PostgreSQL of its own, and pass its figures on."""
    return on_postgres("bench_shop_pages", source=source)


def fill(count: int, *, rng: random.Random) -> None:
    """Put pieces of every kind into the shop, as many as asked, with waveforms and drawings of the usual size."""
    from django.db import connection
    from django.utils import timezone

    from accounts.services import HOUSE_CLIENT, maker_of_client
    from generation.composer.score import TONICS
    from generation.drawings import drawn_for_cards
    from generation.models import ComposerModel, Composition

    models = list(ComposerModel.objects.filter(is_active=True).select_related("instrument"))
    maker, now = maker_of_client(HOUSE_CLIENT), timezone.now()
    drawings: list[dict[str, Any]] = []
    for _ in range(20):
        peaks = [rng.randint(-100, 100) for _ in range(1600)]
        roll = [[rng.randrange(400), rng.randrange(40), rng.randint(1, 6)] for _ in range(300)]
        drawings.append({"peaks": peaks, "roll": roll, **drawn_for_cards(peaks=peaks, roll=roll)})

    def piece(number: int) -> Composition:
        model, tonic, mode = rng.choice(models), rng.choice(TONICS), rng.choice(Composition.Mode.values)
        sold = rng.randrange(10) < SOLD_OF_TEN
        rated = rng.randrange(3) == 0
        return Composition(
            maker=maker, instrument=model.instrument, model=model, ordered_seconds=30, seed=rng.getrandbits(40),
            state=Composition.State.READY, progress=100, title=f"{model.instrument} in {tonic} {mode}, no. {number:x}",
            mood=rng.choice(["", *Composition.Mood.values]), seconds=rng.choice((6, 15, 30, 60, 90)) + rng.random(),
            bpm=float(rng.randint(40, 200)), tonic=tonic, mode=mode, metre="4/4", notes=200,
            fingerprint=hashlib.sha256(f"{number}".encode()).hexdigest()[:58],
            **rng.choice(drawings),
            originality={"longest_run_corpus": 8, "longest_run_works": 0, "nearest": None},
            price_minor=model.instrument.price_minor, currency=model.instrument.currency,
            sale_state=Composition.SaleState.SOLD if sold else Composition.SaleState.AVAILABLE,
            stars_count=5 if rated else 0, stars_mean=rng.randint(5, 25) / 5 if rated else 0.0,
            started_at=now, finished_at=now, listed_from=now - timedelta(seconds=number),
        )  # fmt: skip

    made = min(count, DIFFERENT)
    Composition.objects.bulk_create([piece(number) for number in range(made)], batch_size=500)
    columns = [str(field.column) for field in Composition._meta.concrete_fields if not field.generated]
    copied = {
        "id": "gen_random_uuid()",
        "fingerprint": "fingerprint || '-' || copy",
        "title": "title || '-' || copy",
        "listed_from": "listed_from - copy * interval '1 day'",
    }
    names, values = ", ".join(columns), ", ".join(copied.get(column, column) for column in columns)
    table = Composition._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {table}, generate_series(1, %s) AS copy "  # noqa: S608
            "LIMIT %s",
            [count // DIFFERENT, count - made],
        )
        # What the server does by itself within a minute.
        cursor.execute("VACUUM ANALYZE")


def pages(*, pieces: int, visits: int, rng: random.Random) -> Iterator[Figure]:
    """Visit the pages of a filled shop in this process, with every middleware, and time the server's part."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from generation.models import Composition, Instrument

    fill(pieces, rng=rng)
    instruments = list(
        Instrument.objects.filter(compositions__isnull=False).distinct().values_list("pk", flat=True)
    )
    keys = [
        str(key) for key in Composition.objects.order_by("-listed_from").values_list("pk", flat=True)[:1000]
    ]
    client = Client(SERVER_NAME="localhost")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (database,) = cursor.fetchone()
    for name, address in PAGES.items():
        waits, processor = [], []
        for _ in range(visits + 1):
            path = address.format(
                instrument=rng.choice(instruments),
                piece=rng.choice(keys),
                ids=",".join(rng.sample(keys, min(12, len(keys)))),
            )
            began, busy = time.perf_counter(), _processor_seconds(database)
            answer = client.get(path)
            waits.append((time.perf_counter() - began) * 1000)
            processor.append((_processor_seconds(database) - busy) * 1000)
            if answer.status_code != 200:
                raise RuntimeError(f"{path} answered {answer.status_code}")
        # The first visit also loads templates and modules.
        yield from _figures(f"shop of {pieces}: {name}", waits[1:], kind="on the clock")
        yield from _figures("the same", processor[1:], kind="processor time")
        with CaptureQueriesContext(connection) as seen:
            client.get(path)
        yield Figure("the same, queries", len(seen), "", f"≤ {QUERIES_AT_MOST}", len(seen) <= QUERIES_AT_MOST)


def _processor_seconds(database: int) -> float:
    """What this process and the database's process have worked so far: nothing that others on the machine slow down."""
    worked = int(Path(f"/proc/{database}/schedstat").read_text().split()[0])
    return time.process_time() + worked / 1e9


def _figures(what: str, milliseconds: Sequence[float], *, kind: str) -> Iterator[Figure]:
    ordered = sorted(milliseconds)
    limit = PAGE_TAKES_AT_MOST_MS
    for share in (50, 95):
        value = ordered[share * (len(ordered) - 1) // 100]
        yield Figure(f"{what}, p{share} {kind}", value, "ms", f"≤ {limit}", value <= limit)
