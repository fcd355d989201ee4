"""One POST to an address that a partner gave: to the address that was checked, within a time, and no further."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.webhooks.addresses import Address, Target, UnsafeAddress, parse, resolve

TAKES_AT_MOST = 10.0
"""Seconds for everything: name, connection, TLS, request and answer."""

READ_AT_MOST = 4096
"""Bytes of a body that are looked at."""

HEAD_AT_MOST = 16_384


class NotSent(Exception):
    """No answer came; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the start of the body, as text."""

    status: int
    text: str


def post(url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post a body and return the answer, whatever its status; a redirect is an answer like any other.

    The name is looked up once and the connection goes to the address that was checked, while TLS is verified against
    the name. No proxy, no cookie, no log-in of this machine is used. Raises ``NotSent``.
    """
    deadline = time.monotonic() + TAKES_AT_MOST
    try:
        target = parse(url)
        addresses = resolve(target, seconds=_left(deadline))
        connection = _Connection(target, addresses=addresses, deadline=deadline)
        try:
            connection.request("POST", target.path, body=body, headers={"Host": target.authority, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, _start_of(answer))
        finally:
            connection.hang_up()
    except UnsafeAddress as error:
        raise NotSent(error.message) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotSent(f"{type(error).__name__}: {error}") from error


def _start_of(answer: http.client.HTTPResponse) -> str:
    """Return the start of a body. The status is what counts: a body that does not come is an empty one."""
    try:
        return answer.read(READ_AT_MOST).decode(errors="replace").replace("\0", "")
    except (OSError, http.client.HTTPException, ValueError):
        return ""


class _Connection(http.client.HTTPConnection):
    """Connects to checked addresses only, and lets every step wait no longer than what is left of the time."""

    def __init__(self, target: Target, *, addresses: list[Address], deadline: float) -> None:
        super().__init__(target.host, target.port)
        self._target, self._addresses, self._deadline = target, addresses, deadline
        self._open: socket.socket | None = None

    def connect(self) -> None:
        """Open the connection: the name is used for TLS alone."""
        plain = self._first_that_answers()
        try:
            plain.settimeout(_left(self._deadline))
            if self._target.is_https:
                plain = ssl.create_default_context().wrap_socket(plain, server_hostname=self._target.host)
        except BaseException:
            plain.close()
            raise
        self._open = plain
        self.sock: Any = _TimedSocket(plain, deadline=self._deadline)

    def hang_up(self) -> None:
        """Close the connection, which ``close`` does not: it is called before the body is read."""
        if self._open is not None:
            self._open.close()

    def _first_that_answers(self) -> socket.socket:
        failure: OSError = OSError(f"{self._target.host} has no address")
        for address in self._addresses:
            try:
                return socket.create_connection(
                    (str(address), self._target.port), timeout=_left(self._deadline)
                )
            except OSError as error:
                failure = error
        raise failure


class _TimedSocket:
    """What ``http.client`` needs of a socket; a peer that sends a byte now and then wins no time by it."""

    def __init__(self, sock: socket.socket, *, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, deadline=self._deadline))

    def close(self) -> None:
        """Leave the connection open for what reads from it."""


class _TimedReader(io.RawIOBase):
    """Reads until the time is over, or an answer has become longer than one is."""

    def __init__(self, sock: socket.socket, *, deadline: float) -> None:
        self._sock, self._deadline, self._bytes_left = sock, deadline, HEAD_AT_MOST + READ_AT_MOST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        count = self._sock.recv_into(buffer, min(len(buffer), self._bytes_left))
        self._bytes_left -= count
        return count


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"no answer within {TAKES_AT_MOST:g} seconds")
    return left
