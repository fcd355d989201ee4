"""What sounds together, and how it stands to the key: the harmonic half of the classifier's descriptors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from generation.composer.score import TONICS, Note, Score
from generation.originality.runs import bass_line, top_line

_IN_KEY = {"major": frozenset({0, 2, 4, 5, 7, 9, 11}), "minor": frozenset({0, 2, 3, 5, 7, 8, 10, 11})}
_TRIADS = frozenset(
    frozenset((root + step) % 12 for step in triad) for root in range(12) for triad in ((0, 4, 7), (0, 3, 7))
)
_ROUGH = frozenset({1, 2, 6})
"""Interval classes that are heard as dissonant: seconds, sevenths and the tritone."""

Sonority = tuple[int, tuple[int, ...]]


def sonorities(notes: Sequence[Note]) -> list[Sonority]:
    """At each onset: the onset, and the pitches sounding then (struck or held), from low to high."""
    found: list[Sonority] = []
    held: list[tuple[int, int]] = []
    for index, note in enumerate(notes):
        held = [(end, pitch) for end, pitch in held if end > note.onset]
        held.append((note.onset + note.duration, note.pitch))
        if index + 1 == len(notes) or notes[index + 1].onset > note.onset:
            found.append((note.onset, tuple(sorted({pitch for _, pitch in held}))))
    return found


def harmony(score: Score) -> dict[str, dict[str, float]]:
    """Harmonic descriptors of an excerpt by family; shares are of 1."""
    sounding = sonorities(score.notes)
    return {
        "degrees": _degrees(score),
        "pairs": _pairs(sounding),
        "chords": _chords(sounding, score=score),
        "bass": _bass(score),
        "change": _change(score),
    }


def _degrees(score: Score) -> dict[str, float]:
    """Shares of the notes on degrees of the key, counted in semitones above the tonic."""
    tonic = TONICS.index(score.tonic)
    counts = Counter((note.pitch - tonic) % 12 for note in score.notes)
    total = counts.total()
    chromatic = sum(count for degree, count in counts.items() if degree not in _IN_KEY[score.mode])
    return {
        "on_tonic": counts[0] / total,
        "on_second": counts[2] / total,
        "on_third": (counts[3] + counts[4]) / total,
        "on_fourth": counts[5] / total,
        "on_fifth": counts[7] / total,
        "on_sixth": (counts[8] + counts[9]) / total,
        "on_leading_note": counts[11] / total,
        "outside_key": chromatic / total,
    }


def _pairs(sounding: Sequence[Sonority]) -> dict[str, float]:
    """Shares of interval classes among all pairs of notes that sound together."""
    classes: Counter[int] = Counter()
    for _, pitches in sounding:
        for low, high in combinations(pitches, 2):
            distance = (high - low) % 12
            classes[min(distance, 12 - distance)] += 1
    total = max(1, classes.total())
    return {
        "octave": classes[0] / total,
        "semitone": classes[1] / total,
        "tone": classes[2] / total,
        "third": (classes[3] + classes[4]) / total,
        "fourth": classes[5] / total,
        "tritone": classes[6] / total,
    }


def _chords(sounding: Sequence[Sonority], *, score: Score) -> dict[str, float]:
    """How many voices sound, how many of the fuller sonorities are triads, and what stands on the down-beats."""
    classes = [frozenset(pitch % 12 for pitch in pitches) for _, pitches in sounding]
    full = [found for found in classes if len(found) >= 3]
    downbeats = [pitches for onset, pitches in sounding if onset % score.steps_per_bar == 0]
    tonic = TONICS.index(score.tonic)
    return {
        "voices_sounding": float(np.mean([len(pitches) for _, pitches in sounding])),
        "triads_among_full": sum(found in _TRIADS for found in full) / max(1, len(full)),
        "rough_downbeats": sum(map(_rough, downbeats)) / max(1, len(downbeats)),
        "tonic_under_downbeats": sum(low[0] % 12 == tonic for low in downbeats) / max(1, len(downbeats)),
    }


def _rough(pitches: Sequence[int]) -> bool:
    distances = ((high - low) % 12 for low, high in combinations(pitches, 2))
    return any(min(distance, 12 - distance) in _ROUGH for distance in distances)


def _bass(score: Score) -> dict[str, float]:
    """Motion of the lowest line, and how the outer lines move against each other where both move at once."""
    low, high = bass_line(score.notes), top_line(score.notes)
    moves = [abs(b.pitch - a.pitch) for a, b in pairwise(low)] or [0]
    top_at = {note.onset: note.pitch for note in high}
    both = [
        (note.pitch, top_at[note.onset]) for note in low if top_at.get(note.onset, note.pitch) != note.pitch
    ]
    signs = [(np.sign(b[0] - a[0]), np.sign(b[1] - a[1])) for a, b in pairwise(both)]
    moving = [(under, over) for under, over in signs if under and over]
    return {
        "steps": sum(1 <= move <= 2 for move in moves) / len(moves),
        "fourths_and_fifths": sum(move in (5, 7) for move in moves) / len(moves),
        "stays": sum(move == 0 for move in moves) / len(moves),
        "outer_lines_contrary": sum(under != over for under, over in moving) / max(1, len(moving)),
    }


def _change(score: Score) -> dict[str, float]:
    """How much pitch classes change (1 - cosine): from bar to bar, and between the two halves."""
    chroma = np.zeros((score.bars, 12))
    for note in score.notes:
        chroma[min(note.onset // score.steps_per_bar, score.bars - 1), note.pitch % 12] += note.duration
    half = score.bars // 2
    halves = np.stack([chroma[:half].sum(axis=0), chroma[half:].sum(axis=0)])
    return {"from_bar_to_bar": _turn(chroma), "between_halves": _turn(halves)}


def _turn(rows: NDArray[np.float64]) -> float:
    if len(rows) < 2:
        return 0.0
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return float(np.mean(1 - (unit[1:] * unit[:-1]).sum(axis=1)))
