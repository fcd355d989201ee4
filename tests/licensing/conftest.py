from __future__ import annotations

import pytest

from tests.licensing.factories import write_silence


@pytest.fixture
def quick_music(monkeypatch: pytest.MonkeyPatch) -> None:
    """Music files without an orchestra."""
    monkeypatch.setattr("licensing.delivery.write_music_files", write_silence)
