"""Run the web server, the worker and the clock together, as one thing that one Ctrl-C ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

RESTART_AFTER_SECONDS = 1.0
STOP_WITHIN_SECONDS = 10.0


class Command(BaseCommand):
    """Start web, worker and clock in this process group; start a worker or clock anew that died."""

    help = "Run web server, worker and clock together until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        _refuse_a_taken_port(host, port)
        environment = {**os.environ, "PORT": str(port), "OPENBLAS_NUM_THREADS": "1"}
        commands = {"web": _web_command(host, port), "worker": _worker_command(), "clock": _clock_command()}
        stopping = _note_signals()
        children = {"web": subprocess.Popen(commands["web"], env=environment)}
        try:
            # A visitor looks before they order: the first page should not share the cores with the others' start.
            _wait_for(port, host=host, child=children["web"], stopping=stopping)
            children |= {
                name: subprocess.Popen(commands[name], env=environment) for name in ("worker", "clock")
            }
            self.stdout.write(f"Soloscore is at http://localhost:{port}/   (Ctrl-C stops it)")
            while not stopping:
                time.sleep(0.2)
                if (code := children["web"].poll()) is not None:
                    raise CommandError(f"The web server ended by itself (exit code {code}).")
                for name in ("worker", "clock"):
                    if (code := children[name].poll()) is not None:
                        self.stderr.write(f"The {name} ended (exit code {code}); it is started again.")
                        time.sleep(RESTART_AFTER_SECONDS)
                        children[name] = subprocess.Popen(commands[name], env=environment)
        finally:
            _stop(children)


def _note_signals() -> list[int]:
    """Return a list that grows when the user or the system asks us to stop."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: received.append(got))
    return received


def _web_command(host: str, port: int) -> list[str]:
    return [
        sys.executable, "-m", "gunicorn", "marketplace.wsgi:application", "--bind", f"{host}:{port}",
        "--worker-class", "gthread", "--workers", "1", "--threads", "12", "--timeout", "60",
        "--log-level", "warning", "--access-logfile", "-" if settings.DEBUG else "/dev/null",
    ]  # fmt: skip


def _worker_command() -> list[str]:
    return [
        sys.executable, "-m", "celery", "-q", "-A", "marketplace", "worker", "--pool", "prefork",
        "--queues", ",".join(settings.WORKER_QUEUES), "--concurrency", "2", "--loglevel", "warning",
        "--without-gossip", "--without-mingle",
    ]  # fmt: skip


def _clock_command() -> list[str]:
    return [
        sys.executable, "-m", "celery", "-q", "-A", "marketplace", "beat", "--loglevel", "warning", "--pidfile=",
    ]  # fmt: skip


def _refuse_a_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} cannot be used ({error.strerror}); try PORT=8001 make run."
            ) from None


def _wait_for(port: int, *, host: str, child: subprocess.Popen[bytes], stopping: list[int]) -> None:
    """Wait until the web server has answered anything, ended, or we are told to stop."""
    while child.poll() is None and not stopping:
        try:
            urllib.request.urlopen(f"http://{host}:{port}/healthz", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return


def _stop(children: dict[str, subprocess.Popen[bytes]]) -> None:
    """End every child: kindly first, by force when it does not listen."""
    for child in children.values():
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + STOP_WITHIN_SECONDS
    for child in children.values():
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
