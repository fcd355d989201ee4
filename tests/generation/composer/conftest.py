"""Models to compose with: tiny ones, made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.generation.composer.models import write_models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a "piano", a "guitar" and the shared index of their corpus; not to be written to."""
    return write_models(tmp_path_factory.mktemp("models") / "pretrained")
