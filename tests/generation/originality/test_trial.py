"""The trial that is published: copies are planted, strangers are tried, both are counted."""

from __future__ import annotations

import json

import pytest

from generation.composer.score import Note, Score
from generation.originality.planted import COPYISTS
from generation.originality.trial import planted_copies_report
from tests.generation.originality.test_originality import melody


def piece(seed: int) -> list[Score]:
    """Two voices of chance, sixteen bars and more."""
    top = melody(seed, count=120, key=72)
    bass = [
        Note(note.onset, note.pitch - 24, note.duration) for note in melody(seed + 1000, count=120, key=60)
    ]
    notes = tuple(sorted(top + bass))
    bars = max(note.onset for note in notes) // 48 + 1
    return [Score("piano", notes, (4, 4), bars, 90.0, "C", "major")]


def test_exact_copies_are_all_caught_and_strangers_are_not() -> None:
    report = planted_copies_report(
        known={f"known {seed}": piece(seed) for seed in range(8)},
        strangers={f"stranger {seed}": piece(seed + 100) for seed in range(8)},
        copies=8,
    )
    assert set(report["caught"]) == set(COPYISTS)
    for kind in ("transposed", "retimed", "one_voice", "embedded"):
        assert report["caught"][kind] == {"sample": 8, "corpus": 1.0, "works": 1.0}
    assert report["caught"]["ornamented"]["works"] >= 0.75
    assert report["false_alarms"] == {"sample": 8, "corpus": 0.0, "works": 0.0}
    assert json.loads(json.dumps(report)) == report


def test_pieces_too_short_for_an_excerpt_are_said() -> None:
    with pytest.raises(ValueError, match="16 bars"):
        planted_copies_report(known={"short": []}, strangers={"short": []}, copies=1)
