"""A score as JSON: the same score comes back, and nothing but a score is read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from generation.composer.score import Note, Score
from generation.composer.stored import DamagedScoreError, from_json, to_json

SCORE = Score(
    instrument="piano",
    notes=(Note(0, 60, 12), Note(0, 64, 6, 1), Note(13, 127, 1)),
    metre=(6, 8),
    bars=7,
    bpm=101.0 / 3.0,
    tonic="E-",
    mode="minor",
    title='Größe, “ü” \u2028 "1"',
    pickup=6,
)


@pytest.mark.parametrize("bpm", [101.0 / 3.0, 0.1 + 0.2, 96, 239.99999999999997])
def test_the_same_score_comes_back(bpm: float) -> None:
    score = replace(SCORE, bpm=bpm)
    assert from_json(to_json(score)) == score
    assert from_json(to_json(score).encode()) == score


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "{}", "1e999", "[" * 100_000, b"\xff\xfe\x00", "9" * 5000]
)
def test_what_is_no_score_is_refused(text: str | bytes) -> None:
    with pytest.raises(DamagedScoreError):
        from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notes", []), ("notes", None), ("notes", [[0, 60, 12]]), ("notes", [[0, 60, 0, 0]]), ("notes", ["abcd"]),
        ("notes", [[0, 128, 1, 0]]), ("notes", [[-1, 60, 1, 0]]), ("notes", [[0, 60.5, 1, 0]]),
        ("notes", [[2**31, 60, 1, 0]]), ("metre", [4]), ("metre", [4, 0]), ("metre", [4, 5]), ("metre", "44"),
        ("bars", 0), ("bars", 2.5), ("bars", True), ("bpm", 0), ("bpm", "96"), ("bpm", 10**400), ("bpm", float("nan")),
        ("bpm", float("inf")), ("tonic", "H"), ("tonic", []), ("mode", "dorian"), ("instrument", 5), ("title", None),
        ("pickup", -1), ("composer", "x"),
    ],
)  # fmt: skip
def test_a_damaged_field_is_refused(field: str, value: Any) -> None:
    document = json.loads(to_json(SCORE)) | {field: value}
    with pytest.raises(DamagedScoreError):
        from_json(json.dumps(document))


@pytest.mark.parametrize("field", ["instrument", "notes", "metre", "bars", "bpm", "tonic", "mode"])
def test_a_missing_field_is_refused(field: str) -> None:
    document = json.loads(to_json(SCORE))
    del document[field]
    with pytest.raises(DamagedScoreError, match=field):
        from_json(json.dumps(document))
