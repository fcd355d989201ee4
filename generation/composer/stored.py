"""A score as JSON text and back, without loss."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from generation.composer.score import STEPS_PER_QUARTER, TONICS, Note, Score

FILE_NAME = "score.json"

_MODES = ("major", "minor")
_PITCHES = range(128)
_COUNTS = range(2**31)
_TEMPI = (0.0, 10_000.0)


class DamagedScoreError(ValueError):
    """A text is no stored score; the message says where it is at fault."""


def to_json(score: Score) -> str:
    """Write a score so that :func:`from_json` gives an equal one back."""
    document = asdict(score) | {"notes": [[n.onset, n.pitch, n.duration, n.part] for n in score.notes]}
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def from_json(text: str | bytes) -> Score:
    """Read what :func:`to_json` has written. Raises ``DamagedScoreError``."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedScoreError(f"it is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise DamagedScoreError("it does not hold one JSON object")
    try:
        score = Score(**document | {"notes": _notes(document["notes"]), "metre": _metre(document["metre"])})
    except KeyError as error:
        raise DamagedScoreError(f"{error} is missing") from error
    except TypeError as error:
        raise DamagedScoreError(f"its fields are not those of a score ({error})") from error
    for field, is_sound in _soundness(score).items():
        if not is_sound:
            raise DamagedScoreError(f"its {field} cannot be {getattr(score, field)!r}")
    return score


def _soundness(score: Score) -> dict[str, bool]:
    return {
        "instrument": isinstance(score.instrument, str),
        "title": isinstance(score.title, str),
        "bars": _is_count(score.bars) and score.bars > 0,
        "bpm": isinstance(score.bpm, int | float) and _TEMPI[0] < score.bpm < _TEMPI[1],
        "tonic": score.tonic in TONICS,
        "mode": score.mode in _MODES,
        "pickup": _is_count(score.pickup),
    }


def _notes(rows: Any) -> tuple[Note, ...]:
    if not isinstance(rows, list) or not rows:
        raise DamagedScoreError("it has no notes")
    for row in rows:
        if not isinstance(row, list) or len(row) != 4 or not all(map(_is_count, row)):
            raise DamagedScoreError(f"a note is not four counts: {row!r}")
    notes = tuple(Note(*row) for row in rows)
    for note in notes:
        if note.pitch not in _PITCHES or note.duration < 1:
            raise DamagedScoreError(f"there is no such note: {note}")
    return notes


def _metre(pair: Any) -> tuple[int, int]:
    if isinstance(pair, list) and len(pair) == 2 and all(_is_count(number) and number > 0 for number in pair):
        beats, unit = pair
        if STEPS_PER_QUARTER * 4 % unit == 0:
            return beats, unit
    raise DamagedScoreError(f"there is no such metre: {pair!r}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _COUNTS
