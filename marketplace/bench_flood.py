"""A flood of webhooks that are none: what they are answered, what they leave behind, and what it costs the visitors."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

from django.conf import settings
from django.urls import reverse

from generation.models import Composition
from marketplace.bench import Figure
from marketplace.bench_shop import Server
from payments import gateway
from payments.models import Purchase, WebhookEvent
from payments.views import LARGEST_EVENT

POSTS = 1000
POSTS_A_SECOND = 50
SENDERS = 8
QUIET_PAGES = 100
PER_CENT = 95

Post = tuple[bytes, dict[str, str], int]
"""A body, its headers, and the length it claims to have."""


def flooded(server: Server, pieces: Sequence[Composition]) -> Iterator[Figure]:
    """Read pages in peace, then through a flood of unsigned, stale, huge and malformed posts."""
    pages = ["/", "/shop/", *(reverse("composition", args=[piece.pk]) for piece in pieces[:3])]
    _read(server, pages, count=2 * len(pages))
    before = _counts()
    quiet = _read(server, pages, count=QUIET_PAGES)
    over = threading.Event()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(SENDERS) as senders:
        reading = reader.submit(_read_until, server, pages, over)
        answers = list(senders.map(lambda numbered: _send(server, *numbered), _scheduled()))
        over.set()
        loud = reading.result()
    refused = sum(status in {400, 413} for status in answers)
    yield Figure(
        f"{POSTS} bad webhook posts, refused with 400 or 413", refused, "", f"{POSTS}", refused == POSTS
    )
    stored = sum(_counts()) - sum(before)
    yield Figure("the same, rows they left behind", stored, "", "0", stored == 0)
    calm, busy = _percentile(quiet), _percentile(loud)
    yield Figure("page, p95 without the flood", calm * 1000, "ms", "—", holds=True)
    yield Figure(f"page, p95 during the flood at {POSTS_A_SECOND}/s", busy * 1000, "ms", "—", holds=True)
    yield Figure("the flood's p95 against the quiet one", busy / calm, "×", "< 2", busy < 2 * calm)


def _counts() -> tuple[int, int]:
    return WebhookEvent.objects.count(), Purchase.objects.count()


def _posts() -> list[Post]:
    body = json.dumps({"id": "evt_flood", "type": "checkout.session.completed", "livemode": False})
    secret = settings.STRIPE_WEBHOOK_SECRETS[0]
    plain, signed = body.encode(), gateway.signed(body, secret=secret)
    stale = gateway.signed(body, secret=secret).replace(
        f"t={int(time.time())}", f"t={int(time.time()) - 4000}"
    )
    malformed = "{"
    kinds = [
        (plain, "", len(plain)),
        (plain, "garbage", len(plain)),
        (plain, stale, len(plain)),
        (plain, gateway.signed(body, secret="whsec_wrong"), len(plain)),  # noqa: S106
        (plain.replace(b"evt", b"evx"), signed, len(plain)),
        (plain[:1], signed, LARGEST_EVENT + 1),
        (malformed.encode(), gateway.signed(malformed, secret=secret), len(malformed)),
        (b"\xff\xfe", signed, 2),
        (b"", signed, 0),
    ]
    return [
        (content, {"Stripe-Signature": header} if header else {}, size) for content, header, size in kinds
    ]


def _scheduled() -> Iterator[tuple[float, Post]]:
    """Yield each post with the moment it is due, whatever became of those before it."""
    began = time.monotonic()
    for number, post in enumerate(islice(cycle(_posts()), POSTS)):
        yield began + number / POSTS_A_SECOND, post


def _send(server: Server, due: float, post: Post) -> int:
    """Post one; its status, or 0 without an answer. A body that is claimed to be huge is never sent whole."""
    time.sleep(max(0.0, due - time.monotonic()))
    content, headers, size = post
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        link.putrequest("POST", reverse("stripe_webhook"))
        for name, value in {
            **headers,
            "Content-Type": "application/json",
            "Content-Length": str(size),
        }.items():
            link.putheader(name, value)
        link.endheaders(content)
        return link.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        link.close()


def _read(server: Server, pages: Sequence[str], *, count: int) -> list[float]:
    return [_seconds(server, page) for page in islice(cycle(pages), count)]


def _read_until(server: Server, pages: Sequence[str], over: threading.Event) -> list[float]:
    waits = []
    for page in cycle(pages):
        waits.append(_seconds(server, page))
        if over.is_set():
            break
    return waits


def _seconds(server: Server, page: str) -> float:
    began = time.perf_counter()
    status, _ = server.ask("GET", page)
    if status != 200:
        raise RuntimeError(f"{page} answered {status}")
    return time.perf_counter() - began


def _percentile(waits: Sequence[float]) -> float:
    return sorted(waits)[min(len(waits) - 1, len(waits) * PER_CENT // 100)]
