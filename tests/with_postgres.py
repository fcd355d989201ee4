"""Run a command with a throw-away PostgreSQL server: ``python -m tests.with_postgres COMMAND…``.

The server gets a temporary folder, a free port of the loopback and no durability; ``DATABASE_URL`` points there.
Whatever happens, it is stopped and deleted at the end. The exit status is the command's.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STARTS_WITHIN_SECONDS = "60"
FASTER = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


class NoServer(RuntimeError):
    """PostgreSQL is not there, or does not start; the message says what to do."""


def main(command: Sequence[str]) -> int:
    """Run ``command`` with a server of its own; return its exit status."""
    if not command:
        sys.stderr.write("usage: python -m tests.with_postgres COMMAND [ARGUMENT ...]\n")
        return 2
    signal.signal(signal.SIGTERM, _stop)
    try:
        with postgres() as url:
            return subprocess.run(command, env=os.environ | {"DATABASE_URL": url}, check=False).returncode
    except NoServer as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server, give its address, and remove it with all it holds."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="soloscore-postgres-"))
    user = _server_user(folder)
    data = folder / "data"
    started = False
    try:
        _run(
            [
                str(initdb),
                "-D",
                str(data),
                "-U",
                "soloscore",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                "--locale=C",
            ],
            user,
        )
        port = _free_port()
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} {FASTER}"
        log = folder / "log"
        start = [
            str(pg_ctl),
            "-D",
            str(data),
            "-l",
            str(log),
            "-o",
            options,
            "-w",
            "-t",
            STARTS_WITHIN_SECONDS,
            "start",
        ]
        try:
            _run(start, user)
        except NoServer as error:
            raise NoServer(f"{error}\n{log.read_text() if log.exists() else ''}") from error
        started = True
        yield f"postgres://soloscore@127.0.0.1:{port}/postgres"
    finally:
        if started:
            _run([str(pg_ctl), "-D", str(data), "-m", "immediate", "-w", "stop"], user)
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> Path:
    """Find a server program: Debian keeps them off the PATH, one folder a version."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        key=lambda path: [int(n) for n in path.parts[4].split(".")],
    )
    found = versions[-1] if versions else shutil.which(name)
    if not found:
        raise NoServer(
            f"{name} was not found. Install PostgreSQL, on Debian and Ubuntu:  apt-get install postgresql"
        )
    return Path(found)


def _server_user(folder: Path) -> str | None:
    """Return whom the server must run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        return name
    raise NoServer(
        "PostgreSQL does not run as root, and there is no user postgres. Try:  apt-get install postgresql"
    )


def _run(command: Sequence[str], user: str | None) -> None:
    done = subprocess.run(
        command,
        check=False,
        text=True,
        # The server inherits these: pipes would stay open, and be waited for, as long as it runs.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if "start" not in command else subprocess.DEVNULL,
        cwd="/",
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        raise NoServer(f"{Path(command[0]).name} failed ({done.returncode}): {(done.stderr or '').strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(_signal: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
