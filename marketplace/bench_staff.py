"""The admin with very many pieces, purchases and certificates, measured on PostgreSQL: time and queries of lists."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from marketplace.bench import Figure, on_postgres

VISITS = 10
LIST_TAKES_AT_MOST_MS = 300
QUERIES_AT_MOST = 15
FIRST_PAGE_QUERIES_AT_MOST = 35

PAGES = {
    "first page": "/admin/",
    "pieces": "/admin/generation/composition/",
    "pieces, page 1000": "/admin/generation/composition/?p=1000",
    "pieces that are sold": "/admin/generation/composition/?sale_state__exact=sold",
    "pieces of a month": "/admin/generation/composition/?created_at__year={year}&created_at__month={month}",
    "a piece by its key": "/admin/generation/composition/?q={piece}",
    "pieces by title": "/admin/generation/composition/?q=piano+in+e",
    "pieces by an address": "/admin/generation/composition/?q=bench77@bench.example",
    "page of a piece": "/admin/generation/composition/{piece}/change/",
    "purchases": "/admin/payments/purchase/",
    "purchases that are sold": "/admin/payments/purchase/?state__exact=sold",
    "purchases of a buyer": "/admin/payments/purchase/?q=bench77@bench.example",
    "moves of purchases": "/admin/payments/purchaseevent/",
    "declarations": "/admin/payments/declaration/",
    "rights": "/admin/licensing/exclusiveright/",
    "certificates": "/admin/licensing/certificate/",
    "a certificate": "/admin/licensing/certificate/?q=SLS-BENCH-77",
    "files": "/admin/licensing/deliveredfile/",
    "complaints": "/admin/licensing/complaint/",
    "ratings": "/admin/generation/rating/",
    "users": "/admin/accounts/user/",
    "makers": "/admin/accounts/maker/",
    "audit log": "/admin/accounts/auditentry/",
}
"""What a superuser opens; ``{…}`` differs from visit to visit."""

_BUYERS = 20_000
_FILL = (
    # Pieces come from twenty thousand people over two years, not from the house within a second.
    """INSERT INTO accounts_user (email, name, is_staff, is_superuser, is_active, date_joined, password)
    SELECT 'bench' || n || '@bench.example', 'Bench ' || n, false, false, true, now(), '!'
    FROM generate_series(1, {buyers}) AS n""",
    """INSERT INTO accounts_maker (id, user_id, client_id, created_at)
    SELECT gen_random_uuid(), id, '', now() FROM accounts_user WHERE email LIKE 'bench%'""",
    """WITH own AS (SELECT id, row_number() OVER () AS n FROM accounts_maker WHERE user_id IS NOT NULL),
    pieces AS (SELECT id, 1 + (row_number() OVER ()) % {buyers} AS n FROM generation_composition)
    UPDATE generation_composition SET maker_id = own.id, created_at = now() - random() * interval '700 days'
    FROM pieces, own WHERE pieces.id = generation_composition.id AND own.n = pieces.n""",
    """INSERT INTO payments_purchase (id, composition_id, buyer_id, licensee, price_minor, currency, total_minor, state,
    expires_at, attempt, session_id, checkout_url, payment_intent_id, is_test, terms_version, created_at, updated_at)
    SELECT gen_random_uuid(), c.id, m.user_id, 'Bench', c.price_minor, c.currency, c.price_minor, 'sold', c.created_at,
    1, 'cs_' || c.id, '', 'pi_' || c.id, true, '2026-11', c.created_at, c.created_at
    FROM generation_composition c JOIN accounts_maker m ON m.id = c.maker_id WHERE c.sale_state = 'sold'""",
    """INSERT INTO payments_purchaseevent (purchase_id, from_state, to_state, reason, created_at)
    SELECT id, move[1], move[2], '', created_at FROM payments_purchase,
    (VALUES (ARRAY['', 'held']), (ARRAY['held', 'claimed']), (ARRAY['claimed', 'sold'])) AS moves (move)""",
    """INSERT INTO payments_declaration (purchase_id, user_id, kind, text, sha256, terms_version, declared_at)
    SELECT id, buyer_id, kind, 'words', 'x', '2026-11', created_at FROM payments_purchase,
    (VALUES ('immediate_delivery'), ('withdrawal_lost')) AS kinds (kind)""",
    """INSERT INTO licensing_exclusiveright (id, composition_id, purchase_id, holder_id, licensee, state, granted_at,
    reason) SELECT gen_random_uuid(), composition_id, id, buyer_id, licensee, 'in_force', created_at, ''
    FROM payments_purchase""",
    """INSERT INTO licensing_certificate (copyright_id, right_id, holder_id, state, is_test, facts, document, signature,
    key_id, issued_at, signed_at) SELECT 'SLS-BENCH-' || row_number() OVER (), id, holder_id, 'current', true, '{{}}',
    '{{}}', 'x', 'x', granted_at, granted_at FROM licensing_exclusiveright""",
    """INSERT INTO licensing_deliveredfile (certificate_id, name, size, sha256)
    SELECT copyright_id, 'file-' || n, 1000, 'x' FROM licensing_certificate, generate_series(1, 9) AS n""",
    """INSERT INTO licensing_complaint (id, about, named, composition_id, name, email, text, language, state, filed_at,
    changed_at) SELECT gen_random_uuid(), 'other', '', id, 'Bench', 'x@bench.example', 'x', 'en', 'new', created_at,
    created_at FROM generation_composition LIMIT 2000""",
    """INSERT INTO generation_rating (composition_id, maker_id, stars, rated_at)
    SELECT id, maker_id, 1 + (random() * 4)::int, created_at FROM generation_composition""",
    """INSERT INTO accounts_auditentry (at, staff_id, did, outcome, kind, object_id, object_text, reason, before, after)
    SELECT created_at, (SELECT min(id) FROM accounts_user), 'withdrawn', 'done', 'generation.composition', id::text,
    title, 'bench', '{{}}', '{{}}' FROM generation_composition""",
    "VACUUM ANALYZE",
)


def staffing(source: Path) -> Iterator[Figure]:
    """Run ``manage.py bench_staff_pages`` with a PostgreSQL of its own, and pass its figures on."""
    return on_postgres("bench_staff_pages", source=source)


def fill_around() -> None:
    """Give a filled shop its people, purchases, certificates, complaints, ratings and an audit log."""
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement.format(buyers=_BUYERS))


def pages(*, pieces: int, visits: int, rng: random.Random) -> Iterator[Figure]:
    """Visit the pages of the admin in this process, with every middleware, and time the server's part."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User
    from generation.models import Composition
    from marketplace.bench_pages import fill

    fill(pieces, rng=rng)
    chief = User.objects.create_superuser("chief@soloscore.example")
    fill_around()
    some = list(Composition.objects.order_by("pk").values_list("pk", "created_at")[:1000])
    client = Client(SERVER_NAME="localhost")
    client.force_login(chief)
    for name, address in PAGES.items():
        waits, processor = [], []
        for _ in range(visits + 1):
            piece, made = rng.choice(some)
            path = address.format(piece=piece, year=made.year, month=made.month)
            began, busy = time.perf_counter(), time.process_time()
            answer = client.get(path)
            waits.append((time.perf_counter() - began) * 1000)
            processor.append((time.process_time() - busy) * 1000)
            if answer.status_code != 200:
                raise RuntimeError(f"{path} answered {answer.status_code}")
        # The first visit also loads templates and modules.
        wait = _p95(waits[1:])
        limit = LIST_TAKES_AT_MOST_MS
        yield Figure(f"admin of {pieces}: {name}, p95", wait, "ms", f"≤ {limit}", wait <= limit)
        yield Figure("the same, processor time of the shop alone", _p95(processor[1:]), "ms", "—", holds=True)
        with CaptureQueriesContext(connection) as seen:
            client.get(path)
        most = FIRST_PAGE_QUERIES_AT_MOST if name == "first page" else QUERIES_AT_MOST
        yield Figure("the same, queries", len(seen), "", f"≤ {most}", len(seen) <= most)


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]
