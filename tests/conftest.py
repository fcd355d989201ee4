"""What every test stands on: a folder of its own for everything the product writes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from hypothesis import settings as games
from pytest_django import Settings

# HYPOTHESIS_PROFILE=nightly plays each game of chance as often as the promise says, and anew each night.
games.register_profile("taste", max_examples=10)  # while writing a game
games.register_profile("nightly", max_examples=2000, derandomize=False, print_blob=True)
games.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "default")


@pytest.fixture(autouse=True)
def _isolated(settings: Settings, tmp_path: Path) -> None:
    """Give each test its own private files, mail, test checkout and English; send tasks nowhere and hash quickly."""
    translation.deactivate()  # a page asked for in German leaves its thread speaking it
    settings.PRIVATE_DIR = tmp_path / "private"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": settings.PRIVATE_DIR},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # Nothing was collected, but whitenoise wants a folder.
    settings.STATIC_ROOT = settings.VAR_DIR / "static"
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    settings.MAIL_DIR = tmp_path / "mail"
    settings.EMAIL_FILE_PATH = settings.MAIL_DIR
    settings.TEST_CHECKOUT_STORE = tmp_path / "test-stripe.sqlite3"
    settings.SANDBOX_STORE = tmp_path / "sandbox-stripe.sqlite3"
    settings.SIGNING_KEYS_DIR = tmp_path / "keys"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CELERY_BROKER_URL = "memory://"


@pytest.fixture
def full_at_the_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which everything finds room but the first signed file."""
    write = Path.write_bytes
    refused: list[Path] = []

    def full(path: Path, data: Any) -> int:
        if b"c2pa.claim" in bytes(data) and not refused:
            refused.append(path)
            write(path, bytes(1000))
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
