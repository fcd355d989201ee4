from __future__ import annotations

import pytest

from generation.composer.measures import bars_of, entropy, jaccard, measure, unique_elements
from generation.composer.score import Note, Score


def test_measures_of_a_known_piece() -> None:
    bar = [Note(0, 60, 12), Note(12, 64, 12), Note(24, 67, 24)]
    notes = tuple(
        Note(note.onset + 48 * index, note.pitch, note.duration) for index in range(4) for note in bar
    )
    found = measure(Score("piano", notes, (4, 4), 4, 120.0, "C", "major"))
    assert found["bar_similarity_1"] == found["bar_similarity_2"] == 1
    assert "bar_similarity_4" not in found
    assert found["bar_recurrence"] == 0.75
    assert found["notes_per_quarter"] == 0.75
    assert found["unique_elements"] == 3
    assert found["empty_beats"] == 0
    assert found["pitch_class_entropy"] == pytest.approx(1.585, abs=1e-3)
    assert found["scale_consistency"] == 1


def test_chords_count_once_by_their_pitch_classes() -> None:
    chords = [Note(0, 60, 12), Note(0, 64, 12), Note(12, 72, 12), Note(12, 76, 12), Note(24, 60, 12)]
    assert unique_elements(chords) == 2
    assert entropy("aabb") == 1
    assert (
        jaccard(*bars_of(Score("piano", (Note(0, 60, 48), Note(48, 62, 48)), (4, 4), 2, 120.0, "C", "major")))
        == 0
    )
