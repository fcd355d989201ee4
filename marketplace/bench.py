"""Measurements of the running shop, taken from outside: a real server, a real worker, real requests."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_WITHIN_SECONDS = 600.0
COMPOSE_WITHIN_SECONDS = 120.0
ASKS_APART = 0.3
"""Seconds between two questions how far a piece is, as the waiting page asks (progress.js)."""

IN_WORK = "SELECT count(*) FROM generation_composition WHERE state IN ('queued', 'composing', 'rendering')"


@dataclass(frozen=True)
class Figure:
    """One line of the report: what was measured, the value with its unit, and the figure it must hold."""

    what: str
    value: float
    unit: str
    must_hold: str
    holds: bool


class Visitor:
    """A browser without a screen: keeps cookies, sends forms with their token."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes, str]:
        """Fetch a page: status, body and the address it ended at."""
        return self._send(urllib.request.Request(self.address + path, headers=headers or {}))

    def post(self, path: str, fields: dict[str, str]) -> tuple[int, bytes, str]:
        """Send a form as its own page would."""
        token = next((c.value for c in self._cookies if c.name == "csrftoken"), None) or ""
        body = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        headers = {"Referer": self.address + path}
        return self._send(urllib.request.Request(self.address + path, data=body, headers=headers))

    def _send(self, request: urllib.request.Request) -> tuple[int, bytes, str]:
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read(), answer.url
        except urllib.error.HTTPError as error:
            return error.code, error.read(), request.full_url


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], *, folder: Path, environment: dict[str, str]) -> Iterator[tuple[str, float]]:
    """Run a command that serves the shop; yields its address and the seconds until its first page answered."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment, "PORT": str(port)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while not _answers(address):
                if process.poll() is not None or time.monotonic() - began > START_WITHIN_SECONDS:
                    log.seek(0)
                    raise RuntimeError(f"{command} did not start:\n{log.read().decode(errors='replace')}")
                time.sleep(0.05)
            yield address, time.monotonic() - began
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextlib.contextmanager
def served(source: Path, *, var: Path) -> Iterator[str]:
    """Prepare a shop of its own in the folder ``var`` and serve it with its worker; yields its address."""
    environment = {"SOLOSCORE_VAR_DIR": str(var)}
    subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        cwd=source, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    serve = [sys.executable, "manage.py", "serve"]
    with running(serve, folder=source, environment=environment) as (address, _):
        yield address


def on_postgres(command: str, *, source: Path) -> Iterator[Figure]:
    """Run a command of ours that writes its figures to ``--json`` with a PostgreSQL of its own; pass them on."""
    with tempfile.TemporaryDirectory(prefix="soloscore-bench-") as name:
        report = Path(name) / "figures.json"
        done = subprocess.run(
            [
                sys.executable, "-m", "tests.with_postgres",
                sys.executable, "manage.py", command, "--json", str(report),
            ],
            cwd=source, env={**os.environ, "SOLOSCORE_VAR_DIR": name},
            check=False, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        if not report.exists():
            raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        for row in json.loads(report.read_text()):
            yield Figure(**row)


def chromium() -> str | None:
    """The path of the system's Chromium, or of its like; None where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def fresh_clone(source: Path) -> Iterator[Figure]:
    """`make run` in a fresh clone of the last commit, until the first page answers; then once more."""
    with tempfile.TemporaryDirectory(prefix="soloscore-bench-") as name:
        clone = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(source), str(clone)], check=True)
        with running(["make", "run"], folder=clone, environment={}) as (_, seconds):
            yield Figure(
                "make run on a fresh clone, to the first page", seconds, "s", "≤ 180", seconds <= 180
            )
        with running(["make", "run"], folder=clone, environment={}) as (_, seconds):
            yield Figure("second make run, to the first page", seconds, "s", "≤ 10", seconds <= 10)


def visit(source: Path) -> Iterator[Figure]:
    """A guest's click to a playable preview, five times, and what the web process weighs after it."""
    with (
        tempfile.TemporaryDirectory(prefix="soloscore-bench-") as name,
        served(source, var=Path(name)) as address,
    ):

        def wait(instrument: str, seconds: int) -> tuple[float, float]:
            # The other take of the order before is none of this one's business.
            wait_until_idle(Path(name))
            return click_to_sound(address, instrument=instrument, seconds=seconds)

        for instrument in ("piano", "guitar"):
            waits = [wait(instrument, 30) for _ in range(5)]
            yield from _median_and_slowest(
                f"click to playable preview, 30 s of {instrument}", [full for _, full in waits], limit=10
            )
        waits = [wait("piano", 60) for _ in range(5)]
        yield from _median_and_slowest(
            "click to first audible sound, 60 s of piano", [first for first, _ in waits], limit=2
        )
        yield from _median_and_slowest(
            "click to full preview, 60 s of piano", [full for _, full in waits], limit=5
        )
        visitor = Visitor(address)
        for page in (
            "/",
            "/compose/",
            "/shop/",
            "/library/",
            "/accounts/login/",
            "/certificates/",
            "/api/schema/",
        ):
            visitor.get(page)
        yield from web_process(address)


def _median_and_slowest(what: str, seconds: list[float], *, limit: float) -> Iterator[Figure]:
    ordered = sorted(seconds)
    for name, value in (
        (f"{what}, median of {len(ordered)}", ordered[len(ordered) // 2]),
        ("the same, slowest", ordered[-1]),
    ):
        yield Figure(name, value, "s", f"≤ {limit:g}", value <= limit)


def click_to_sound(address: str, *, instrument: str, seconds: int) -> tuple[float, float]:
    """Seconds from sending the compose form until there is something to hear, and until the preview is there.

    The first is the preview where a piece is so short that it has no opening.
    """
    visitor = Visitor(address)
    visitor.get("/compose/")
    began = time.monotonic()
    status, body, url = visitor.post("/compose/", {"instrument": instrument, "seconds": str(seconds)})
    path = urllib.parse.urlsplit(url).path
    if status != 200 or "/compositions/" not in path:
        raise RuntimeError(f"POST /compose/ answered {status} at {url}: {body[:300]!r}")
    first = None
    while time.monotonic() - began < COMPOSE_WITHIN_SECONDS:
        state = json.loads(visitor.get(path + "status/")[1])
        if state["state"] in {"failed", "cancelled"}:
            raise RuntimeError(f"the composition {state['state']}: {state['error']}")
        if state["state"] == "ready":
            _hear(visitor, state["preview_url"])
            full = time.monotonic() - began
            return first or full, full
        if state["opening_url"] and first is None:
            _hear(visitor, state["opening_url"])
            first = time.monotonic() - began
        time.sleep(ASKS_APART)
    raise RuntimeError(f"no preview after {COMPOSE_WITHIN_SECONDS} s")


def _hear(visitor: Visitor, path: str) -> None:
    """Fetch as much of a sound as a player wants before it begins."""
    status, sound, _ = visitor.get(path, {"Range": "bytes=0-65535"})
    if status != 206 or len(sound) < 1000:
        raise RuntimeError(f"{path} answered {status} with {len(sound)} bytes")


def web_process(address: str) -> Iterator[Figure]:
    """Memory of the largest web process, and whether it has loaded what only the worker may."""
    port = str(urllib.parse.urlsplit(address).port)
    processes = [p for p in _processes() if "gunicorn" in p.command and f":{port}" in p.command]
    largest = max(processes, key=lambda p: p.resident_mib)
    yield Figure(
        "web process, resident after a visit",
        largest.resident_mib,
        "MiB",
        "≤ 120",
        largest.resident_mib <= 120,
    )
    loaded = sum(p.has_mapped("tensorflow") for p in processes)
    yield Figure("web processes with TensorFlow loaded", loaded, "", "0", loaded == 0)


@dataclass(frozen=True)
class _Process:
    pid: int
    command: str
    resident_mib: float

    def has_mapped(self, name: str) -> bool:
        return name in Path(f"/proc/{self.pid}/maps").read_text()


def _processes() -> list[_Process]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            resident = re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())
            if resident:
                found.append(_Process(int(folder.name), command, int(resident[1]) / 1024))
    return found


def wait_until_idle(var: Path) -> None:
    """Wait until the pieces that a first start composes for the shop are done."""
    deadline = time.monotonic() + COMPOSE_WITHIN_SECONDS
    unfinished: Any = None
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(var / "db.sqlite3")) as database:
            (unfinished,) = database.execute(IN_WORK).fetchone()
        if not unfinished:
            return
        time.sleep(0.5)
    raise RuntimeError(f"{unfinished} pieces are still in work after {COMPOSE_WITHIN_SECONDS} s")
