"""A plain HTTP client that comes through nginx: by TLS whose certificate it checks, under the shop's own name."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.parse
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path

from tests.production.house import HOST

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What came back: ``headers`` have small names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def path(self) -> str:
        """Where a redirect leads, without the host."""
        parts = urllib.parse.urlsplit(self.headers.get("location", ""))
        return urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))


class Visitor:
    """Keeps cookies and sends forms as their pages would. ``source`` is the address it comes from, 127.0.0.N."""

    def __init__(self, port: int, certificate: Path, *, source: str = "127.0.0.1") -> None:
        self._port, self._source = port, source
        self._tls = ssl.create_default_context(cafile=str(certificate))
        self._cookies: SimpleCookie = SimpleCookie()

    def get(self, path: str, **headers: str) -> Answer:
        """Fetch an address. Header names have ``_`` for ``-``."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form with its token."""
        token = self._cookies["csrftoken"].value if "csrftoken" in self._cookies else ""
        body = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        headers = {"Referer": f"https://{HOST}{path}", "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, body, headers)

    def send(self, path: str, body: bytes, **headers: str) -> Answer:
        """Post bytes as a machine would."""
        return self._ask("POST", path, body, headers)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPSConnection(HOST, timeout=TIMEOUT_SECONDS, context=self._tls)
        raw = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS, (self._source, 0))
        connection.sock = self._tls.wrap_socket(raw, server_hostname=HOST)
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {**sent, "Cookie": cookies} if cookies else sent)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self._cookies.load(value)
        found: dict[str, str] = {}
        for name, value in answer.getheaders():
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
        return Answer(answer.status, found, content)
