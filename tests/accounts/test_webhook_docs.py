"""The partners' page on webhooks is true: its catalogue is the code's, its ladder too, and its snippets run."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.management.commands.describe_webhooks import with_catalogue
from accounts.webhooks.catalogue import EventType, body_of
from accounts.webhooks.delivery import LADDER
from accounts.webhooks.models import WebhookEndpoint
from accounts.webhooks.signing import headers_for, secret_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "partners" / "webhooks.md"
TEXT = PAGE.read_text()


def snippet(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def signed() -> tuple[str, dict[str, str], str]:
    """A secret, headers and a body, while the secret changes."""
    now = datetime.now(UTC)
    endpoint = WebhookEndpoint(secret_number=2, previous_secret_until=datetime(2100, 1, 1, tzinfo=UTC))
    body = body_of(event_type=EventType.PING, data={"webhook": "ümlaut"}, now=now)
    return secret_of(endpoint), headers_for(endpoint=endpoint, event_id="evt_1", body=body, now=now), body


def test_the_catalogue_is_that_of_the_code() -> None:
    assert with_catalogue(TEXT) == TEXT, "run: python manage.py describe_webhooks"
    assert re.findall(r"^### `(.*)`$", TEXT, re.MULTILINE) == EventType.values


def test_the_ladder_is_that_of_the_code() -> None:
    words = re.search(r"with pauses of\s+5 seconds, 5 minutes, 30 minutes, ([\d, ]+) and (\d+) hours", TEXT)
    assert words
    hours = [int(hour) for hour in (*words[1].split(", "), words[2])]
    assert [step.total_seconds() for step in LADDER] == [5, 300, 1800, *(hour * 3600 for hour in hours)]


def test_the_python_snippet_verifies_and_refuses(signed: tuple[str, dict[str, str], str]) -> None:
    secret, headers, body = signed
    scope: dict[str, Any] = {}
    exec(snippet("python"), scope)
    assert scope["event_of"](body.encode(), headers, secret) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        scope["event_of"](body.replace("ping", "pong").encode(), headers, secret)


@pytest.mark.parametrize(
    ("tampered", "says", "status"), [(False, "genuine", 0), (True, "forged", 1)], ids=["genuine", "forged"]
)
def test_the_shell_snippet_verifies_and_refuses(
    signed: tuple[str, dict[str, str], str], tmp_path: Path, tampered: bool, says: str, status: int
) -> None:
    secret, headers, body = signed
    (tmp_path / "body.json").write_text(body + " " if tampered else body)
    environment = os.environ | {
        "SECRET": secret,
        "ID": headers["webhook-id"],
        "TIMESTAMP": headers["webhook-timestamp"],
        "SIGNATURE": headers["webhook-signature"],
    }
    done = subprocess.run(
        ["sh", "-c", snippet("sh")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == (says, status), done.stderr
