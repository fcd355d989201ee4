"""Rows that tests need, made with what a test does not care about filled in."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from accounts.models import Maker, User
from generation import storage
from generation.composer.score import Note
from generation.drawings import drawn_for_cards
from generation.models import ComposerModel, Composition, Instrument
from generation.works import put_on_record

_numbers = itertools.count(1)
PASSWORD = "correct-horse-battery"


def a_user(**fields: Any) -> User:
    """A user with a verified address who can log in with ``PASSWORD``."""
    fields.setdefault("email", f"person{next(_numbers)}@example.com")
    password = fields.pop("password", PASSWORD)
    user = User.objects.create_user(password=password, **fields)
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    return user


def a_staff_user(**fields: Any) -> User:
    """A user who may do everything in the admin."""
    return a_user(is_staff=True, is_superuser=True, **fields)


def staff_client(user: User | None = None, *, proved_ago: timedelta = timedelta()) -> Client:
    """The browser of a member of staff who proved who they are that long ago; of a superuser unless one is given."""
    user = user or a_staff_user()
    client = Client()
    client.force_login(user)
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, method="password")
    request.session[AUTHENTICATION_METHODS_SESSION_KEY][0]["at"] -= proved_ago.total_seconds()
    request.session.save()
    return client


def a_maker(**fields: Any) -> Maker:
    """A guest's maker, unless a user or a partner's client is named."""
    return Maker.objects.create(**fields)


def an_instrument(slug: str = "piano", **fields: Any) -> Instrument:
    """An instrument that can be ordered: with a composer model in use."""
    fields.setdefault("name", slug.capitalize())
    fields.setdefault("description", f"A {slug} for tests.")
    fields.setdefault("price_minor", 4900)
    instrument, _ = Instrument.objects.get_or_create(slug=slug, defaults=fields)
    a_model(instrument)
    return instrument


def a_model(instrument: Instrument) -> ComposerModel:
    """The composer model in use for an instrument."""
    model, _ = ComposerModel.objects.get_or_create(
        instrument=instrument,
        is_active=True,
        defaults={"version": "test-1", "weights_sha256": "a" * 64, "ledger_sha256": "b" * 64, "card": {}},
    )
    return model


def a_queued_composition(**fields: Any) -> Composition:
    """A piece that has just been ordered."""
    instrument = fields.pop("instrument", None) or an_instrument()
    fields.setdefault("maker", None)
    fields["maker"] = fields["maker"] or a_maker()
    fields.setdefault("ordered_seconds", 30)
    fields.setdefault("seed", next(_numbers))
    fields.setdefault("price_minor", instrument.price_minor)
    fields.setdefault("currency", instrument.currency)
    return Composition.objects.create(instrument=instrument, **fields)


def a_ready_composition(*, listed: bool = False, preview: bytes = b"", **fields: Any) -> Composition:
    """A finished piece, private to its maker unless ``listed``; ``preview`` are the bytes of its preview file.

    With a preview, master, MIDI and score files lie beside it, each holding its own name.
    """
    now = timezone.now()
    instrument = fields.get("instrument") or an_instrument()
    values: dict[str, Any] = {
        "instrument": instrument,
        "state": Composition.State.READY,
        "progress": 100,
        "title": f"Piece {next(_numbers)}",
        "model": a_model(instrument),
        "seconds": 30.0,
        "bpm": 90.0,
        "tonic": "D",
        "mode": "minor",
        "metre": "3/4",
        "notes": 120,
        "fingerprint": hashlib.sha256(uuid.uuid4().bytes).hexdigest(),
        "originality": {"longest_run_corpus": 8, "longest_run_works": 0, "nearest": None},
        "peaks": [0, 10, -10, 20],
        "roll": [[0, 20, 2]],
        "preview_sha256": hashlib.sha256(preview).hexdigest(),
        "master_sha256": hashlib.sha256(b"master.flac").hexdigest(),
        "started_at": now - timedelta(seconds=8),
        "finished_at": now,
        "listed_from": now - timedelta(hours=1) if listed else now + Composition.FIRST_REFUSAL,
    }
    values |= fields
    composition = a_queued_composition(**drawn_for_cards(peaks=values["peaks"], roll=values["roll"]) | values)
    if preview:
        folder = storage.folder_of(composition.pk)
        folder.mkdir(parents=True)
        for name in storage.NAMES:
            (folder / name).write_bytes(preview if name == storage.PREVIEW else name.encode())
    return composition


def a_listed_composition(**fields: Any) -> Composition:
    """A finished piece that everybody may find and buy."""
    return a_ready_composition(listed=True, **fields)


def on_record(composition: Composition, notes: Sequence[Note]) -> Composition:
    """The same piece, with these notes on record."""
    from generation.originality.runs import lines_on_record

    put_on_record(composition_id=composition.pk, lines=lines_on_record(notes))
    return composition
