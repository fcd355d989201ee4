"""Examples for the API's description: one for every operation."""

from __future__ import annotations

from typing import Any

SITE = "https://soloscore.example"
ID = "4f6c2a9e-51d4-4f0b-9d0e-6f3f0a4f2b11"

ORDER: dict[str, Any] = {
    "instrument": "guitar",
    "seconds": 30,
    "mood": "calm",
    "tonic": "D",
    "mode": "minor",
}
RIGHTS: dict[str, Any] = {
    "permissions": ["preview"],
    "state": "none",
    "held_by": None,
    "test": False,
    "summary": "Nobody has a right in this piece yet. Its preview may be heard to decide, nothing else.",
    "terms_version": "2026-11",
    "terms_url": f"{SITE}/terms/2026-11/",
}
ORIGINALITY: dict[str, Any] = {
    "longest_run_corpus": 8,
    "longest_run_works": 5,
    "nearest": "Sor, Study op. 35 no. 22",
    "share": 0.0213,
}
ROLL: dict[str, Any] = {
    "seconds_per_column": 0.333333,
    "semitones_per_row": 3,
    "rectangles": [[0, 2, 4], [4, 3, 2], [6, 0, 8]],
}
INSTRUMENT: dict[str, Any] = {
    "slug": "guitar",
    "name": "Classical guitar",
    "description": "Six nylon strings: plucked melodies with a bass of their own.",
    "price": {"amount_minor": 4900, "currency": "eur"},
    "capabilities": {
        "lowest_pitch": 40,
        "highest_pitch": 81,
        "voices": 5,
        "usual_bpm": [66, 112],
        "bpm": [30, 240],
        "seconds": [5, 180],
        "moods": ["calm", "happy", "sad", "tense", "playful", "solemn"],
        "modes": ["major", "minor"],
        "tonics": ["C", "C#", "D", "E-", "E", "F", "F#", "G", "A-", "A", "B-", "B"],
        "densities": ["sparse", "medium", "busy"],
        "registers": ["low", "middle", "high"],
    },
}
VARIATION: dict[str, Any] = {"kind": "variation", "from_bar": 9}
_PIECE: dict[str, Any] = {
    "id": ID,
    "kind": "original",
    "title": "Classical guitar in D minor, no. 2b11",
    "instrument": "guitar",
    "mood": "calm",
    "seconds": 30.2,
    "bpm": 90.0,
    "tonic": "D",
    "mode": "minor",
    "metre": "3/4",
    "notes": 124,
    "price": {"amount_minor": 4900, "currency": "eur"},
    "sale_state": "available",
    "held_until": None,
    "listed_from": "2026-11-28T15:30:00Z",
    "url": f"{SITE}/compositions/{ID}/",
    "preview_url": f"{SITE}/compositions/{ID}/preview.mp3?token=988210:Qm9…",
    "rights": RIGHTS,
}
COMPOSITION: dict[str, Any] = _PIECE | {
    "origin": None,
    "made_from": None,
    "from_bar": None,
    "ordered_seconds": 30,
    "seed": 4711,
    "wished_tonic": "D",
    "wished_mode": "minor",
    "wished_bpm": None,
    "density": "",
    "register": "",
    "temperature": 1.0,
    "state": "ready",
    "percent": 100,
    "queue_place": None,
    "estimate_seconds": None,
    "error": "",
    "error_code": "",
    "created_at": "2026-11-27T15:29:50Z",
    "finished_at": "2026-11-27T15:30:00Z",
    "model": "guitar-3",
    "originality": ORIGINALITY,
    "retired_because": "",
    "is_private": False,
    "is_sandbox": False,
}
_UNFINISHED: dict[str, Any] = {
    "title": "",
    "seconds": None,
    "bpm": None,
    "tonic": "",
    "mode": "",
    "metre": "",
    "notes": None,
    "listed_from": None,
    "preview_url": None,
    "model": None,
    "originality": None,
    "percent": 0,
}
QUEUED_COMPOSITION: dict[str, Any] = (
    COMPOSITION
    | _UNFINISHED
    | {"state": "queued", "queue_place": 1, "estimate_seconds": 10, "finished_at": None}
)
QUEUED_VARIATION: dict[str, Any] = QUEUED_COMPOSITION | VARIATION | {"origin": ID, "made_from": ID}
CANCELLED_COMPOSITION: dict[str, Any] = COMPOSITION | _UNFINISHED | {"state": "cancelled"}
OFFER: dict[str, Any] = _PIECE | {"stars": 4.2, "ratings": 5, "free": True}
