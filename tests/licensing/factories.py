"""Rights and what belongs to them, without a sale."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import reverse

from licensing import services
from licensing.models import ExclusiveRight
from tests.factories import a_ready_composition, a_user

SOLD_AT = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
MUSIC = (
    "master.flac",
    "master.mp3",
    "master.wav",
    "performance.mid",
    "score-drawing.json",
    "score.mid",
    "score.musicxml",
    "score.pdf",
)


def a_right(**fields: Any) -> ExclusiveRight:
    """A right in force, with its certificate not signed yet."""
    fields.setdefault("licensee", "Ada Lovelace")
    piece = fields.pop("composition", None) or a_ready_composition()
    values: dict[str, Any] = {
        "composition": piece,
        "purchase_id": uuid.uuid4(),
        "price_minor": 4900,
        "currency": "eur",
        "terms_version": "2026-11",
        "is_test": True,
        "now": SOLD_AT,
    }
    holder = fields.pop("holder", None) or a_user()
    with transaction.atomic():
        return services.grant_right(**values | fields, holder_id=holder.pk)


def write_silence(*, folder: Path, **_others: Any) -> None:
    """Stand in for the music: small files of the right names."""
    for name in MUSIC:
        (folder / name).write_bytes(f"this is {name}".encode())


def a_delivered_right(**fields: Any) -> ExclusiveRight:
    """A right whose files lie ready; call it with ``write_music_files`` patched."""
    right = a_right(**fields)
    services.deliver(purchase_id=right.purchase_id)
    right.certificate.refresh_from_db()
    return right


def downloaded(client: Client, copyright_id: str, name: str) -> Any:
    """Ask for a file as a click on our pages does; what is streamed is read to its end and kept as ``body``."""
    answer = client.get(reverse("download", args=[copyright_id, name]))
    if answer.status_code == 302 and answer["Location"].startswith("/download/"):
        answer = client.get(answer["Location"])
    if answer.streaming:
        answer.body = b"".join(answer.streaming_content)
        answer.close()
    return answer
