"""What a monitor and a log collector see: metrics behind a token, JSON lines, one id through request and log."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone
from django_guid.log_filters import CorrelationId
from pytest_django import Settings
from pythonjsonlogger.json import JsonFormatter

from generation.models import Composition
from marketplace.metrics import exposition
from tests.factories import a_queued_composition, a_ready_composition

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}])
def test_metrics_are_for_those_who_know_the_token(
    client: Client, settings: Settings, header: dict[str, str]
) -> None:
    settings.METRICS_TOKEN = "secret"
    assert client.get("/metrics", headers=header).status_code == 404


def test_without_a_token_there_are_no_metrics(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_the_queue_is_told(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "secret"
    piece = a_queued_composition()
    Composition.objects.filter(pk=piece.pk).update(created_at=timezone.now() - timedelta(seconds=90))
    a_ready_composition()
    answer = client.get("/metrics", headers={"Authorization": "Bearer secret"})
    assert answer["Content-Type"].startswith("text/plain")
    told = dict(
        line.rsplit(" ", 1) for line in answer.content.decode().splitlines() if not line.startswith("#")
    )
    assert float(told["soloscore_queue_pieces"]) == 1
    assert 90 <= float(told["soloscore_queue_oldest_seconds"]) < 120
    assert float(told["soloscore_working_pieces"]) == 0
    assert float(told["soloscore_captured_without_right"]) == 0


def test_an_empty_shop_has_metrics_too() -> None:
    assert b"soloscore_queue_oldest_seconds 0.0" in exposition()


def test_a_request_is_known_by_one_id(client: Client) -> None:
    own = "0123456789abcdef0123456789abcdef"
    assert client.get("/healthz", headers={"X-Request-ID": own})["X-Request-ID"] == own
    given = client.get("/healthz", headers={"X-Request-ID": "<script>"})["X-Request-ID"]
    assert given.isalnum()


def test_log_lines_are_json_with_the_purchase_in_them() -> None:
    facts = dict(configured.LOGGING["formatters"]["json"])
    kind = facts.pop("()")
    assert kind == "pythonjsonlogger.json.JsonFormatter"
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(
        JsonFormatter(facts["format"], style=facts["style"], rename_fields=facts["rename_fields"])
    )
    handler.addFilter(CorrelationId("request_id"))
    record = logging.LogRecord("payments", logging.INFO, __file__, 1, "moved %s", ("on",), None)
    record.purchase = "p-1"
    handler.handle(record)
    line = json.loads(written.getvalue())
    assert (line["level"], line["logger"], line["message"], line["purchase"]) == (
        "INFO",
        "payments",
        "moved on",
        "p-1",
    )
    assert "request_id" in line
