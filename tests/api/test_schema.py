"""The OpenAPI description: committed, true, and shown without breaking the content security policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"


def test_the_committed_description_is_that_of_the_code(tmp_path: Path) -> None:
    call_command("spectacular", "--file", str(tmp_path / "openapi.yaml"), "--validate", "--fail-on-warn")
    made = (tmp_path / "openapi.yaml").read_text()
    assert made == COMMITTED.read_text(), "run: python manage.py spectacular --file docs/openapi.yaml"


def test_the_description_names_every_operation_and_its_refusals() -> None:
    paths = yaml.safe_load(COMMITTED.read_text())["paths"]
    one, offer, own, hook = "{composition_id}/", "{copyright_id}/", "{purchase_id}/", "{webhook_id}/"
    assert {path.removeprefix("/api/v1/") for path in paths} == {
        "account/", "usage/", "instruments/",
        "compositions/", f"compositions/{one}", f"compositions/{one}cancel/", f"compositions/{one}originality/",
        f"compositions/{one}roll/", f"compositions/{one}variations/",
        "offers/", f"offers/{one}", f"offers/{one}similar/", f"offers/{one}originality/", f"offers/{one}roll/",
        "purchases/", f"purchases/{own}", f"purchases/{own}cancel/", f"purchases/{own}pay/", "invoices/",
        "certificates/", f"certificates/{offer}", f"certificates/{offer}files/",
        "webhooks/", f"webhooks/{hook}", f"webhooks/{hook}deliveries/",
        f"webhooks/{hook}deliveries/{{delivery_id}}/replay/", f"webhooks/{hook}replay/", f"webhooks/{hook}secret/",
        f"webhooks/{hook}test/",
    }  # fmt: skip
    create = paths["/api/v1/compositions/"]["post"]["responses"]
    assert set(create) == {"202", "400", "401", "403", "406", "409", "415", "422", "429", "503"}


def test_every_operation_has_an_example_of_its_answer_and_of_its_body() -> None:
    bare = []
    for path, methods in yaml.safe_load(COMMITTED.read_text())["paths"].items():
        for method, operation in methods.items():
            good = next(operation["responses"][code] for code in operation["responses"] if code[0] == "2")
            bodies = [good["content"]["application/json"]] if "content" in good else []
            bodies += operation.get("requestBody", {}).get("content", {}).values()
            if not all(body.get("examples") for body in bodies):
                bare.append(f"{method} {path}")
    assert bare == []


def test_every_operation_names_the_scope_it_asks_for() -> None:
    paths = yaml.safe_load(COMMITTED.read_text())["paths"]
    asked = {
        (path.split("/")[3], method): operation["security"][0]["partner"]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    assert asked[("compositions", "get")] == asked[("offers", "get")] == ["compositions:read"]
    assert asked[("compositions", "post")] == ["compositions:write"]
    assert asked[("purchases", "get")] == asked[("certificates", "get")] == ["purchases:read"]
    assert asked[("purchases", "post")] == ["purchases:write"]
    assert asked[("account", "get")] == []


@pytest.mark.django_db
def test_the_documentation_page_has_nothing_inline_and_asks_nobody_else(client: Client) -> None:
    page = client.get("/api/docs/")
    assert page.status_code == 200
    html = page.content.decode()
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", html)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith("/"), address
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/")), address
        else:
            assert client.get(address).status_code == 200, address


@pytest.mark.django_db
def test_the_description_itself_is_served(client: Client) -> None:
    answer = client.get("/api/schema/")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["openapi"].startswith("3.1")
