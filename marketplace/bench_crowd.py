"""A crowd after few pieces, while web workers, webhooks and the sweeper die at random: who got what, who paid for it.

``python -m marketplace.bench_crowd`` is the sweeper of the crowd, which is killed as well.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from generation.models import Composition
from licensing.models import ExclusiveRight
from marketplace.bench_shop import Buyer, Server
from payments import gateway, services
from payments.double.browser import Browser, CheckoutClosed
from payments.double.engine import Engine
from payments.double.store import Document
from payments.models import Incident, Purchase

AT_THE_SAME_TIME = 32
"""How many of the buyers are served at any moment: a bound for the machine, not for the race."""

WILD_ROUNDS, ROUNDS_AT_MOST = 3, 12
TRIES = 6
ANSWERS_BETWEEN_KILLS = (10, 40)
SWEEP_EVERY_SECONDS = 0.5
MOODS = {
    "pay": 6,
    "pay and come back": 3,
    "decline, then pay": 1,
    "leave": 2,
    "let it expire": 1,
    "cancel": 1,
}
FAULTS = [
    ("POST /v1/checkout/sessions", "lost_after"),
    ("POST /v1/payment_intents/*/capture", "lost_after"),
    ("POST /v1/payment_intents/*/capture", "lost_before"),
    ("POST /v1/payment_intents/*/capture", "500_after"),
    ("POST /v1/checkout/sessions/*/expire", "lost_after"),
]

State = Purchase.State


@dataclass(frozen=True)
class Result:
    """How the crowd ended. ``standing`` are authorisations nobody gave back; ``seen`` is what happened on the way."""

    rights: int
    captures: int
    charged_losers: int
    stuck: int
    standing: int
    incidents: int
    seen: Counter[str]


class Crowd:
    """Buyers, their cards and Stripe's post office, all of them careless."""

    def __init__(
        self, server: Server, *, buyers: Sequence[Buyer], pieces: Sequence[Composition], seed: int = 1
    ) -> None:
        self._server = server
        self._buyers = buyers
        self._pieces = [piece.pk for piece in pieces]
        self._rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._engine = Engine(settings.TEST_CHECKOUT_STORE)
        self._stripe = Browser(self._engine)
        self._seen: Counter[str] = Counter()
        self._answers = 0

    def run(self) -> Result:
        """Let everybody in again and again until every piece is sold; then let time pass and count."""
        with _in_the_background(self._kill, self._deliver):
            for number in range(ROUNDS_AT_MOST):
                left = self._unsold()
                if not left:
                    break
                self._seen["rounds"] += 1
                self._round(left, wild=number < WILD_ROUNDS)
        with self._engine.store.open() as books:
            books.clear_faults()
        for _ in range(2):
            _let_time_pass()
            services.sweep_purchases()
        return self._count()

    def _round(self, left: list[uuid.UUID], *, wild: bool) -> None:
        if wild:
            for call, kind in self._rng.choices(FAULTS, k=6):
                self._engine.fail(call, kind, times=self._rng.choice((1, 3)))
        sweeper = subprocess.Popen(
            [sys.executable, "-m", "marketplace.bench_crowd"],
            cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        chances = [random.Random(self._rng.random()) for _ in self._buyers]  # noqa: S311
        with ThreadPoolExecutor(AT_THE_SAME_TIME) as pool:
            visits = [
                pool.submit(self._visit, buyer, chance.choice(left), chance, wild=wild)
                for buyer, chance in zip(self._buyers, chances, strict=True)
            ]
        for visit in visits:
            visit.result()
        _let_time_pass()
        time.sleep(self._rng.uniform(0, 4 * SWEEP_EVERY_SECONDS))
        sweeper.kill()
        sweeper.wait()
        self._seen["sweepers killed"] += 1
        services.sweep_purchases()

    def _visit(self, buyer: Buyer, piece: uuid.UUID, chance: random.Random, *, wild: bool) -> None:
        form = {"licensee": "A buyer of the bench", "consent_immediate": "on", "consent_withdrawal": "on"}
        status, location = self._patiently(buyer, reverse("buy", args=[piece]), form)
        page = re.search("/test-checkout/([^/]+)/", location)
        self._seen[f"answer {status}"] += 1
        if not page:
            return
        session = self._stripe.session(page[1])
        if session is None:
            raise RuntimeError(f"The shop sent a buyer to {location}, which Stripe does not know.")
        mood = chance.choices(list(MOODS), weights=list(MOODS.values()))[0] if wild else "pay and come back"
        self._seen[mood] += 1
        with contextlib.suppress(CheckoutClosed):
            self._at_checkout(buyer, session, mood)

    def _at_checkout(self, buyer: Buyer, session: Document, mood: str) -> None:
        if mood == "decline, then pay":
            self._stripe.decline(session["id"])
        if "pay" in mood:
            self._stripe.pay(session["id"])
        if mood == "let it expire":
            self._stripe.expire(session["id"])
        purchase = session["client_reference_id"]
        if mood == "pay and come back":
            self._patiently(buyer, reverse("purchase_return", args=[purchase]))
        if mood == "cancel":
            self._patiently(buyer, reverse("purchase_cancel", args=[purchase]), {})

    def _patiently(self, buyer: Buyer, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Press the button again when no answer came, as people do."""
        for _ in range(TRIES):
            try:
                answer = self._server.visit(buyer, path, form)
            except (OSError, http.client.HTTPException):
                self._seen["requests without answer"] += 1
                time.sleep(0.2)
            else:
                self._answers += 1
                return answer
        return 0, ""

    def _kill(self, over: threading.Event) -> None:
        """Kill a web worker after every few answers: in the middle of others, at whatever speed the machine has."""
        chance = random.Random(2)  # noqa: S311
        due = chance.randint(*ANSWERS_BETWEEN_KILLS)
        while not over.wait(0.01):
            if self._answers >= due:
                self._seen["web workers killed"] += self._server.kill_a_worker(chance)
                due = self._answers + chance.randint(*ANSWERS_BETWEEN_KILLS)

    def _deliver(self, over: threading.Event) -> None:
        """Be Stripe's post office: lose some events, deliver some twice, and none in order."""
        chance = random.Random(3)  # noqa: S311
        while not over.wait(0.05):
            events = self._stripe.undelivered()
            chance.shuffle(events)
            for event in events:
                self._stripe.delivered(event["id"])
                for _ in range(chance.choices((0, 1, 2), weights=(3, 5, 2))[0]):
                    self._post(event)

    def _post(self, event: Document) -> None:
        body = json.dumps(event)
        headers = {
            "Stripe-Signature": gateway.signed(body, secret=settings.STRIPE_WEBHOOK_SECRETS[0]),
            "Content-Type": "application/json",
        }
        try:
            status, _ = self._server.ask(
                "POST", reverse("stripe_webhook"), body=body.encode(), headers=headers
            )
        except (OSError, http.client.HTTPException):
            self._seen["webhooks killed"] += 1
        else:
            self._answers += 1
            self._seen[f"webhook {status}"] += 1

    def _unsold(self) -> list[uuid.UUID]:
        sold = set(ExclusiveRight.objects.values_list("composition_id", flat=True))
        return [piece for piece in self._pieces if piece not in sold]

    def _count(self) -> Result:
        ours = Purchase.objects.filter(composition__in=self._pieces)
        rights = ExclusiveRight.objects.filter(
            composition__in=self._pieces, state=ExclusiveRight.State.IN_FORCE
        )
        owners = {str(purchase) for purchase in rights.values_list("purchase_id", flat=True)}
        attempts = {str(purchase) for purchase in ours.values_list("pk", flat=True)}
        with self._engine.store.open() as books:
            charges = [c for c in books.every("charge") if c["metadata"]["purchase"] in attempts]
            intents = [i for i in books.every("payment_intent") if i["metadata"]["purchase"] in attempts]
        paid = [charge["metadata"]["purchase"] for charge in charges if charge["captured"]]
        return Result(
            rights=rights.count(),
            captures=len(paid),
            charged_losers=sum(purchase not in owners for purchase in paid),
            stuck=ours.filter(state__in=[State.HELD, State.CLAIMED]).count(),
            standing=sum(intent["status"] == "requires_capture" for intent in intents),
            incidents=Incident.objects.filter(purchase__in=ours).count(),
            seen=self._seen,
        )


def naive_shop(*, buyers: Sequence[Buyer], pieces: Sequence[Composition]) -> int:
    """Sell the same pieces by looking first and inserting then, without the constraint: how many were sold twice.

    If that were none, the crowd would prove nothing. The constraint is put back; nothing of it is left.
    """
    wall = next(c for c in Purchase._meta.constraints if c.name == "payments_purchase_one_live")
    with connection.schema_editor() as editor:
        editor.remove_constraint(Purchase, wall)
    groups = [buyers[number :: len(pieces)][:AT_THE_SAME_TIME] for number in range(len(pieces))]
    try:
        with ThreadPoolExecutor(AT_THE_SAME_TIME) as pool:
            for piece, group in zip(pieces, groups, strict=True):
                together = threading.Barrier(len(group))
                list(pool.map(partial(_buy_naively, piece, together), group))
        sold = Counter(
            Purchase.objects.filter(composition__in=pieces).values_list("composition_id", flat=True)
        )
        return sum(count > 1 for count in sold.values())
    finally:
        Purchase.objects.filter(composition__in=pieces).delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Purchase, wall)


def _buy_naively(piece: Composition, together: threading.Barrier, buyer: Buyer) -> None:
    try:
        connection.ensure_connection()
        together.wait(60)
        if not Purchase.objects.filter(composition=piece).exists():
            Purchase.objects.create(
                composition=piece, buyer=buyer.user, licensee="x", price_minor=piece.price_minor,
                currency=piece.currency, expires_at=timezone.now(), state=State.SOLD,
                payment_intent_id=f"pi_{uuid.uuid4().hex}", terms_version=settings.TERMS_VERSION,
            )  # fmt: skip
    finally:
        connection.close()


def _let_time_pass() -> None:
    """Make every hold run out and every claim old: an hour later, without waiting for it."""
    hour = timedelta(hours=1)
    Purchase.objects.filter(state=State.HELD).update(
        expires_at=F("expires_at") - hour, created_at=F("created_at") - hour, checked_at=None
    )
    Purchase.objects.filter(state=State.CLAIMED).update(updated_at=F("updated_at") - hour)


@contextlib.contextmanager
def _in_the_background(*deeds: Callable[[threading.Event], None]) -> Iterator[None]:
    over = threading.Event()
    threads = [threading.Thread(target=deed, args=(over,)) for deed in deeds]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _sweep_for_ever() -> None:
    while True:
        services.sweep_purchases()
        time.sleep(SWEEP_EVERY_SECONDS)


if __name__ == "__main__":
    _sweep_for_ever()
