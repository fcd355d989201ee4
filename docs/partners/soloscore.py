"""A client of the Soloscore API in one module, with nothing but Python 3.11: copy it into your project.

    shop = Soloscore("https://soloscore.example", client_id="…", client_secret="…")
    piece = shop.wait_until_ready(shop.compose(instrument="piano", seconds=30)["id"])

Answers are the API's JSON as dictionaries. A refusal raises ``Refused`` with the problem's ``code``.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

Json = dict[str, Any]

TIMEOUT_SECONDS = 30
RENEW_BEFORE_SECONDS = 60
TRIES = 4


class Refused(Exception):
    """The API said no. ``code`` is for programs, ``detail`` for people, ``errors`` names fields."""

    def __init__(self, problem: Json, *, retry_after: int | None = None) -> None:
        super().__init__(f"{problem.get('status')} {problem.get('code')}: {problem.get('detail')}")
        self.status: int = problem.get("status", 0)
        self.code: str = problem.get("code", "")
        self.detail: str = problem.get("detail", "")
        self.errors: Json = problem.get("errors", {})
        self.retry_after = retry_after


class Soloscore:
    """One client. It fetches its token itself, and waits and tries again when it is asked to slow down."""

    def __init__(self, site: str, *, client_id: str, client_secret: str) -> None:
        self._site = site.rstrip("/")
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._token = ""
        self._token_until = 0.0

    # What there is

    def account(self) -> Json:
        """Who you are, live or sandbox, and what you may do."""
        return self._get("account/")

    def usage(self) -> Json:
        """How much of your quotas is used."""
        return self._get("usage/")

    def instruments(self) -> list[Json]:
        """What can be ordered, at what price."""
        return self._get("instruments/")

    def offers(self, **filters: str) -> Iterator[Json]:
        """Go through the open shop, as ``mood="calm", length="45"`` and so on narrow it."""
        return self._pages(f"offers/?{urlencode(filters)}")

    # Composing

    def compose(self, *, key: str = "", **wishes: Any) -> Json:
        """Order a piece. ``key`` makes it safe to ask again after a broken line; one is made if you give none."""
        return self._post("compositions/", wishes, key=key or str(uuid.uuid4()))

    def composition(self, composition_id: str) -> Json:
        """How far one of your pieces is."""
        return self._get(f"compositions/{composition_id}/")

    def wait_until_ready(self, composition_id: str, *, seconds: float = 300) -> Json:
        """Poll until a piece is ready. Raises ``RuntimeError`` if it failed, ``TimeoutError``."""
        return self._wait(f"compositions/{composition_id}/", until=("state", {"ready"}), seconds=seconds)

    # Buying

    def reserve(self, composition_id: str, *, licensee: str, return_url: str, key: str = "") -> Json:
        """Hold a piece for a client of yours; send whoever pays to ``checkout_url``."""
        body = {"composition": composition_id, "licensee": licensee, "return_url": return_url}
        return self._post("purchases/", body, key=key or str(uuid.uuid4()))

    def buy_on_invoice(self, composition_id: str, *, licensee: str, key: str = "") -> Json:
        """Buy a piece for a client of yours at once, if you are approved for invoices."""
        body = {"composition": composition_id, "licensee": licensee, "payment": "invoice"}
        return self._post("purchases/", body, key=key or str(uuid.uuid4()))

    def purchase(self, purchase_id: str) -> Json:
        """How far a purchase is."""
        return self._get(f"purchases/{purchase_id}/")

    def cancel_purchase(self, purchase_id: str) -> Json:
        """Let go of a piece on hold."""
        return self._post(f"purchases/{purchase_id}/cancel/", {})

    def pay_in_sandbox(self, purchase_id: str, *, outcome: str = "paid") -> Json:
        """Play the payer: ``paid``, ``declined`` or ``expired``. In the sandbox only."""
        return self._post(f"purchases/{purchase_id}/pay/", {"outcome": outcome})

    def wait_until_delivered(self, copyright_id: str, *, seconds: float = 300) -> Json:
        """Poll until a certificate is signed and its files can be fetched."""
        return self._wait(f"certificates/{copyright_id}/", until=("signed_at", None), seconds=seconds)

    def files(self, copyright_id: str) -> list[Json]:
        """The files of a piece you bought, each with a link that works for a quarter of an hour."""
        return self._get(f"certificates/{copyright_id}/files/")

    def fetch(self, url: str, path: Path) -> None:
        """Save what a link of ``files``, or a ``preview_url``, leads to."""
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer, path.open("wb") as file:
            while chunk := answer.read(1 << 16):
                file.write(chunk)

    # How it is asked

    def _get(self, path: str) -> Any:
        return self._ask("GET", path)

    def _post(self, path: str, body: Json, *, key: str = "") -> Any:
        return self._ask("POST", path, body=body, key=key)

    def _pages(self, path: str) -> Iterator[Json]:
        page = self._get(path)
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            page = self._get(page["next"])

    def _wait(self, path: str, *, until: tuple[str, set[str] | None], seconds: float) -> Json:
        field, wanted = until
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            body: Json = self._get(path)
            if body[field] in wanted if wanted else body[field]:
                return body
            if body.get("state") in {"failed", "cancelled"}:
                raise RuntimeError(f"{body['state']}: {body.get('error')}")
            time.sleep(2)
        raise TimeoutError(f"{path} is not done after {seconds} seconds.")

    def _ask(self, method: str, path: str, *, body: Json | None = None, key: str = "") -> Any:
        url = path if path.startswith("http") else f"{self._site}/api/v1/{path}"
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        for left in reversed(range(TRIES)):
            headers["Authorization"] = f"Bearer {self._fresh_token()}"
            data = None if body is None else json.dumps(body).encode()
            try:
                with urlopen(Request(url, data, headers, method=method), timeout=TIMEOUT_SECONDS) as answer:
                    return json.load(answer)
            except HTTPError as error:
                refusal = _refusal(error)
            # Asking again is safe for reading, and for whatever has a key.
            again = refusal.status == 429 or refusal.code == "idempotency_key_in_flight"
            if not (left and again and refusal.retry_after is not None and refusal.retry_after <= 60):
                raise refusal
            time.sleep(refusal.retry_after)
        raise AssertionError("unreachable")

    def _fresh_token(self) -> str:
        if time.time() > self._token_until - RENEW_BEFORE_SECONDS:
            request = Request(
                f"{self._site}/identity/o/api/token",
                urlencode({"grant_type": "client_credentials"}).encode(),
                {"Authorization": f"Basic {self._basic}"},
            )
            try:
                with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                    body = json.load(answer)
            except HTTPError as error:
                raise _refusal(error) from error
            self._token, self._token_until = body["access_token"], time.time() + body["expires_in"]
        return self._token


def _refusal(error: HTTPError) -> Refused:
    retry_after = error.headers.get("Retry-After", "")
    try:
        problem = json.load(error)
    except ValueError:
        problem = {"detail": error.reason}
    problem.setdefault("code", problem.get("error", ""))
    return Refused(
        problem | {"status": error.code}, retry_after=int(retry_after) if retry_after.isdigit() else None
    )
