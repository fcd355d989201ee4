"""A web process stays light: what composes and renders is loaded by workers only."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = [
    "tensorflow",
    "keras",
    "music21",
    "scipy",
    "soundfile",
    "pydub",
    "verovio",
    "numpy",
    "pyloudnorm",
    "c2pa",
]
OPEN_EVERY_PAGE = f"""
import sys, django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
import generation.admin, generation.tasks, marketplace.wsgi
print([name for name in {HEAVY} if name in sys.modules])
"""


def run(code: str) -> str:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "marketplace.settings"}
    environment.pop("OPENBLAS_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    return done.stdout.strip()


def test_a_worker_composes_on_one_thread() -> None:
    asked = "import os, django; django.setup(); import generation.tasks; print(os.environ['OPENBLAS_NUM_THREADS'])"
    assert run(asked) == "1"


def test_a_web_process_imports_nothing_that_composes_or_renders() -> None:
    assert run(OPEN_EVERY_PAGE) == "[]"
