"""Partners for tests: a client with a token, and what it asks of the API."""

from __future__ import annotations

import base64
from typing import Any

from django.test import Client

from accounts import models
from accounts.models import Maker
from accounts.services import create_partner

API = "/api/v1/"
COMPOSITIONS = f"{API}compositions/"
PURCHASES = f"{API}purchases/"
RETURN_URL = "https://acme.example/thanks"


def token_of(client_id: str, secret: str, **wishes: str) -> Any:
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return Client().post(
        "/identity/o/api/token",
        {"grant_type": "client_credentials"} | wishes,
        headers={"Authorization": f"Basic {basic}"},
    )


class Partner:
    """A partner who has asked for a token."""

    def __init__(self, *, scope: str = "", **fields: Any) -> None:
        self.client_id, self.secret = create_partner(name="Acme", **fields)
        answer = token_of(self.client_id, self.secret, **({"scope": scope} if scope else {}))
        assert answer.status_code == 200, answer.content
        self.token = answer.json()["access_token"]
        self.http = Client(headers={"Authorization": f"Bearer {self.token}"})

    @classmethod
    def sandbox(cls, **fields: Any) -> Partner:
        return cls(kind=models.Partner.Kind.SANDBOX, **fields)

    @property
    def row(self) -> models.Partner:
        return models.Partner.objects.get(client_id=self.client_id)

    @property
    def maker(self) -> Maker:
        return Maker.objects.get(client_id=self.client_id)

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self.http.post(path, body or {}, content_type="application/json", headers=headers)

    def order(self, *, key: str = "", **wishes: object) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.post(COMPOSITIONS, {"instrument": "piano"} | wishes, **headers)

    def reserve(self, piece: Any, *, licensee: str = "Bakery Krume", key: str = "", **wishes: object) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"composition": str(piece.pk), "licensee": licensee, "return_url": RETURN_URL} | wishes
        return self.post(PURCHASES, body, **headers)

    def buy_on_invoice(self, piece: Any, **wishes: Any) -> Any:
        return self.reserve(piece, payment="invoice", **wishes)

    def pay(self, purchase_id: str, outcome: str = "paid") -> Any:
        return self.post(f"{PURCHASES}{purchase_id}/pay/", {"outcome": outcome})
