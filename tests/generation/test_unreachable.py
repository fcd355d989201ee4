"""Master, MIDI and score of an unsold piece cannot be had at any address."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.services import SESSION_KEY
from generation import storage
from generation.models import Composition
from tests.factories import a_listed_composition, a_maker, a_staff_user, a_user

pytestmark = pytest.mark.django_db

SECRETS = {name: f"the secret of {name}".encode() for name in storage.NAMES - {storage.PREVIEW}}


@pytest.fixture
def piece() -> Composition:
    """A piece that everybody may hear, whose other files each hold a sentence to look for."""
    piece = a_listed_composition(preview=b"the preview")
    for name, secret in SECRETS.items():
        storage.path_of(piece, name).write_bytes(secret)
    return piece


def routes(
    patterns: list[URLPattern | URLResolver], *, before: str = ""
) -> Iterator[tuple[str, dict[str, object]]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if not route.startswith("admin/"):
                yield from routes(pattern.url_patterns, before=route)
        else:
            yield route, pattern.pattern.converters


def addresses(piece: Composition) -> Iterator[str]:
    """Every route with every file name and id in every place, and the paths somebody might guess."""
    names = [
        *sorted(storage.NAMES),
        "everything.zip",
        "master.wav",
        "score.pdf",
        str(piece.pk),
        "../master.flac",
    ]
    for route, converters in routes(get_resolver().url_patterns):
        if not converters:
            yield "/" + route.lstrip("^").rstrip("$")
            continue
        choices = [
            [str(piece.pk)] if "uuid" in type(kind).__name__.lower() else names
            for kind in converters.values()
        ]
        for values in itertools.product(*choices):
            address = "/" + route
            for name, value in zip(converters, values, strict=True):
                start = address.index("<")
                assert name in address[start:]
                address = address[:start] + value + address[address.index(">", start) + 1 :]
            yield address
    for root in ("", "media", "static", "private", "static/../var/private"):
        for name in (storage.MASTER, storage.SCORE_MIDI, storage.SCORE_JSON):
            yield f"/{root}/compositions/{piece.pk}/{name}".replace("//", "/")
            yield f"/{root}/compositions/.work/{piece.pk}/{name}".replace("//", "/")
    for name in sorted(storage.NAMES - {storage.PREVIEW}):
        yield f"/compositions/{piece.pk}/preview.mp3?name={name}&file={name}&path=../{name}"


def visitors(piece: Composition) -> Iterator[Client]:
    yield Client()
    maker = Client()
    session = maker.session
    session[SESSION_KEY] = str(piece.maker_id)
    session.save()
    yield maker
    for user in (a_user(), a_staff_user()):
        client = Client()
        client.force_login(user)
        yield client


def test_no_address_gives_away_master_midi_or_score(piece: Composition) -> None:
    tried = heard = 0
    for client in visitors(piece):
        client.raise_request_exception = False
        for address in addresses(piece):
            answer = client.get(address)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert not [name for name, secret in SECRETS.items() if secret in body], address
            tried += 1
            heard += body == b"the preview"
    assert tried > 400
    assert heard >= 4, "the preview itself must be among what was tried"


def test_the_private_storage_has_no_address(piece: Composition) -> None:
    from django.conf import settings
    from django.core.files.storage import default_storage

    assert not settings.MEDIA_URL or settings.MEDIA_URL == "/"
    assert not settings.MEDIA_ROOT
    static = str(settings.STATIC_ROOT)
    assert not str(default_storage.path("compositions")).startswith(static)


@pytest.mark.parametrize("name", ["../../secret_key", "master.wav", "", "/etc/passwd", ".work"])
def test_only_the_known_files_have_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="has no file"):
        storage.path_of(a_listed_composition(maker=a_maker()), name)
