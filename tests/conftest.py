"""What every test stands on: a folder of its own for everything the product writes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Settings are read once, when Django starts; the folder has to be named before.
_VAR = tempfile.TemporaryDirectory(prefix="soloscore-tests-")
os.environ["SOLOSCORE_VAR_DIR"] = _VAR.name
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
for _name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "SOLOSCORE_ENV", "SOLOSCORE_DEBUG"):
    os.environ.pop(_name, None)

import pytest


@pytest.fixture(autouse=True)
def _isolated(settings: object, tmp_path: Path) -> None:
    """Give each test its own private files, mail and test checkout; send tasks nowhere and hash quickly."""
    settings.PRIVATE_DIR = tmp_path / "private"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": settings.PRIVATE_DIR},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.MAIL_DIR = tmp_path / "mail"
    settings.EMAIL_FILE_PATH = settings.MAIL_DIR
    settings.TEST_CHECKOUT_STORE = tmp_path / "test-stripe.sqlite3"
    settings.SIGNING_KEYS_DIR = tmp_path / "keys"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CELERY_BROKER_URL = "memory://"


@pytest.fixture(scope="session")
def sound_cache() -> Path:
    """One folder for unpacked fonts and spoken tags, shared by all tests of a run."""
    folder = Path(_VAR.name) / "sound-cache"
    folder.mkdir(exist_ok=True)
    return folder
