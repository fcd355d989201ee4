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
    assert set(paths) == {
        "/api/v1/compositions/",
        "/api/v1/compositions/{composition_id}/",
        "/api/v1/compositions/{composition_id}/variations/",
        "/api/v1/instruments/",
        "/api/v1/webhooks/",
        "/api/v1/webhooks/{webhook_id}/",
        "/api/v1/webhooks/{webhook_id}/deliveries/",
        "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay/",
        "/api/v1/webhooks/{webhook_id}/replay/",
        "/api/v1/webhooks/{webhook_id}/secret/",
        "/api/v1/webhooks/{webhook_id}/test/",
    }
    create = paths["/api/v1/compositions/"]["post"]["responses"]
    assert set(create) == {"202", "400", "401", "403", "422", "429", "503"}
    more = paths["/api/v1/compositions/{composition_id}/variations/"]["post"]["responses"]
    assert set(more) == {*create, "404", "409"}


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
