"""A partner with an endpoint: a real HTTP server on the loopback that writes down what it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from standardwebhooks.webhooks import Webhook

from accounts.models import Maker
from accounts.services import create_partner, maker_of_client
from accounts.webhooks.models import WebhookEndpoint
from accounts.webhooks.services import create_endpoint
from accounts.webhooks.signing import secret_of


@dataclass(slots=True)
class Told:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body).get("data", {})
        return data

    def verified(self, secret: str) -> Any:
        """What the partner's own library makes of it; raises if the signature is not ours."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass(slots=True)
class Receiver:
    """A partner's server: answers ``status`` with ``text``, after ``pause`` seconds."""

    port: int = 0
    status: int = 200
    text: str = "thanks"
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    told: list[Told] = field(default_factory=list)
    busiest: dict[str, int] = field(default_factory=dict)
    """The most requests about one piece that were ever open at once."""
    _open: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hook"

    def take(self, told: Told) -> None:
        subject = str(told.data.get("composition", ""))
        with self._lock:
            self._open[subject] = self._open.get(subject, 0) + 1
            self.busiest[subject] = max(self.busiest.get(subject, 0), self._open[subject])
        time.sleep(self.pause)
        with self._lock:
            self._open[subject] -= 1
            self.told.append(told)


@contextmanager
def a_receiver(*, serve: Callable[[Any], None] | None = None) -> Iterator[Receiver]:
    """A server on a free port of the loopback until the end of the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.take(Told({name.lower(): value for name, value in self.headers.items()}, body))
            if serve is not None:
                serve(self)
                return
            answer = receiver.text.encode()
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def a_partner() -> Maker:
    """The maker of a partner's client."""
    client_id, _secret = create_partner(name="Acme")
    return maker_of_client(client_id)


def an_endpoint(receiver: Receiver | None = None, **fields: Any) -> WebhookEndpoint:
    """An endpoint of a partner at a receiver; development's setting lets it lie on the loopback."""
    settings.WEBHOOKS_TO_LOCALHOST = True
    fields.setdefault("url", receiver.url if receiver else "http://localhost:9/nobody")
    maker = fields.pop("maker", None) or a_partner()
    return create_endpoint(maker=maker, **fields)


def verified(receiver: Receiver, endpoint: WebhookEndpoint) -> list[Any]:
    """Everything a receiver was told, each signature checked."""
    return [told.verified(secret_of(endpoint)) for told in receiver.told]
