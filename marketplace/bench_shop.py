"""A shop to be measured: pieces on offer, buyers who are logged in, and a real server whose workers may be killed."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import random
import secrets
import signal
import subprocess
import sys
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.services import HOUSE_CLIENT, maker_of_client
from generation.composer.score import Note
from generation.drawings import drawn_for_cards
from generation.models import ComposerModel, Composition
from generation.originality.runs import lines_on_record
from generation.works import put_on_record
from marketplace.bench import free_port
from marketplace.management.commands.prepare import static_is_current
from marketplace.management.commands.release import UNUSED_STATIC

NOTES = 200
PEAKS, ROLL = [0, 10, -10, 20], [[0, 20, 2]]
WORKERS, THREADS = 2, 20
ANSWER_WITHIN_SECONDS = 60


def prepare(*, for_command: str = "bench_sales") -> None:
    """Make the tables and offer the instruments. Refuses a database that is not an empty PostgreSQL."""
    if connection.vendor != "postgresql":
        raise CommandError(
            f"{for_command} measures PostgreSQL. Run:  python -m tests.with_postgres python manage.py {for_command}"
        )
    if settings.PRODUCTION or not settings.TEST_CHECKOUT:
        raise CommandError(
            f"{for_command} fills a shop of invented pieces and buyers; it runs in development, without a Stripe key."
        )
    if connection.introspection.table_names():
        raise CommandError(
            f"The database is not empty; let python -m tests.with_postgres start one for {for_command}."
        )
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    if not static_is_current():
        call_command("collectstatic", ignore_patterns=UNUSED_STATIC, verbosity=0, interactive=False)
    call_command("sync_instruments", verbosity=0)


def offer(count: int, *, rng: random.Random) -> list[Composition]:
    """Put pieces up for sale, each on record with a melody of its own."""
    model = ComposerModel.objects.filter(is_active=True).select_related("instrument").order_by("pk")[0]
    now = timezone.now()
    pieces = []
    for number in range(count):
        piece = Composition.objects.create(
            maker=maker_of_client(HOUSE_CLIENT), instrument=model.instrument, model=model,
            ordered_seconds=60, seed=rng.getrandbits(40), state=Composition.State.READY, progress=100,
            title=f"Bench {number}", seconds=60.0, bpm=90.0, tonic="D", mode="minor", metre="3/4", notes=NOTES,
            fingerprint=hashlib.sha256(rng.randbytes(32)).hexdigest(),
            originality={"longest_run_corpus": 8, "longest_run_works": 0, "nearest": None},
            peaks=PEAKS, roll=ROLL, **drawn_for_cards(peaks=PEAKS, roll=ROLL),
            preview_sha256=hashlib.sha256(b"preview").hexdigest(),
            master_sha256=hashlib.sha256(b"master").hexdigest(),
            price_minor=4900, currency=model.instrument.currency,
            started_at=now, finished_at=now, listed_from=now - timedelta(hours=1),
        )  # fmt: skip
        put_on_record(composition_id=piece.pk, lines=lines_on_record(_melody(rng)))
        pieces.append(piece)
    return pieces


def _melody(rng: random.Random) -> list[Note]:
    """Walk at random for as many notes as a minute of music has."""
    onset, pitch, notes = 0, 62, []
    for _ in range(NOTES):
        length = rng.choice((6, 12, 12, 24))
        pitch = min(84, max(48, pitch + rng.choice((-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7))))
        notes.append(Note(onset, pitch, length))
        onset += length
    return notes


@dataclass(frozen=True)
class Buyer:
    """Somebody with a confirmed address who is logged in; ``cookie`` is their browser's."""

    user: User
    cookie: str
    token: str


def buyers(count: int) -> list[Buyer]:
    """Make buyers and their sessions."""
    return [_buyer(number) for number in range(count)]


def _buyer(number: int) -> Buyer:
    user = User.objects.create_user(
        email=f"buyer{number}-{uuid.uuid4().hex[:6]}@bench.example", password=None
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    token = secrets.token_hex(16)
    return Buyer(user, f"{settings.SESSION_COOKIE_NAME}={session.session_key}; csrftoken={token}", token)


@dataclass(frozen=True)
class Server:
    """A gunicorn of ours; ``process`` is its master."""

    port: int
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill_a_worker(self, rng: random.Random) -> bool:
        """Kill one worker without a word, whatever it is doing; its master starts another."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            workers = self.workers()
            if workers:
                os.kill(rng.choice(workers), signal.SIGKILL)
                return True
        return False

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Send one request; the status and where it leads. Raises ``OSError`` or ``HTTPException`` without answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN_SECONDS)
        try:
            link.request(method, path, body=body, headers=headers or {})
            answer = link.getresponse()
            answer.read()
            return answer.status, answer.getheader("Location") or ""
        finally:
            link.close()

    def visit(self, buyer: Buyer, path: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
        """Fetch a page as a buyer, or send a form if there are fields."""
        headers = {"Cookie": buyer.cookie}
        if fields is None:
            return self.ask("GET", path, headers=headers)
        form = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": buyer.token}).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self.ask("POST", path, body=form, headers=headers)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """Serve the shop with several worker processes until the end of the block."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "marketplace.wsgi:application", "--preload", "--bind", f"127.0.0.1:{port}",
        "--worker-class", "gthread", "--workers", str(WORKERS), "--threads", str(THREADS), "--timeout", "120",
        "--log-level", "critical",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    running = Server(port, process)
    try:
        _wait_for(running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(running: Server) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and running.process.poll() is None:
        with contextlib.suppress(OSError):
            running.ask("GET", "/healthz")
            return
        time.sleep(0.2)
    raise CommandError(
        "The web server of the bench did not start; try  python -m gunicorn marketplace.wsgi  by hand."
    )
