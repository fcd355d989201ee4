"""Bring all of production up on this machine with the files of ``deploy/``, and buy a piece: ``make prod-check``.

One line a step with its seconds. Exit code 1 at the first failure, with the last lines of every log. Whatever happens,
everything is stopped and deleted at the end.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.production.house import HOST, CheckFailed, House
from tests.production.journey import STEPS, Journey
from tests.with_postgres import NoServer, postgres

QUEUES = ("compose", "files", "mail")


def main() -> int:
    """Run the rehearsal; return the exit status."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    # By Ctrl-C or by a time limit: both must go through the end of every block.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="soloscore-production-") as name:
        house = House(Path(name))
        try:
            with ExitStack() as running:
                bring_up(house, running)
                journey = Journey(house)
                for act in STEPS:
                    with step(act.__name__.replace("_", " ")):
                        act(journey)
                began = time.monotonic()
            print(f"{'everything stops':32} {time.monotonic() - began:6.1f} s", flush=True)
        except (CheckFailed, NoServer, OSError) as error:
            print(f"FAILED: {type(error).__name__}: {error}\n{house.tails()}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    print("Production is fit.")
    return 0


def bring_up(house: House, running: ExitStack) -> None:
    """Start the engines, prepare the version, and start its processes."""
    with step("PostgreSQL"):
        database = running.enter_context(postgres())
    with step("RabbitMQ"):
        broker = running.enter_context(house.rabbitmq())
    house.write_environment(
        DATABASE_URL=database,
        CELERY_BROKER_URL=broker,
        SOLOSCORE_SMTP_HOST="localhost",
        STRIPE_SECRET_KEY="sk_test_rehearsal",
    )
    with step("keys"):
        house.manage("make_signing_key")
        house.manage("make_c2pa_key")
    with step("release"):
        house.manage("release")
    with step("web"):
        running.enter_context(house.unit("soloscore-web"))
    with step("workers, clock"):
        for queue in QUEUES:
            running.enter_context(house.unit("soloscore-worker", queue))
        running.enter_context(house.unit("soloscore-clock"))
    with step(f"nginx for {HOST}"):
        running.enter_context(house.nginx())


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what is done and how long it took."""
    print(f"{name:32} ", end="", flush=True)
    began = time.monotonic()
    yield
    print(f"{time.monotonic() - began:6.1f} s", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
