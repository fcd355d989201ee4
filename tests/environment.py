"""Loaded before Django reads its settings: gives the run a folder of its own for everything the product writes."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="soloscore-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["SOLOSCORE_VAR_DIR"] = _folder
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
for _name in (
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SOLOSCORE_ENV",
    "SOLOSCORE_DEBUG",
    "CELERY_BROKER_URL",
):
    os.environ.pop(_name, None)
