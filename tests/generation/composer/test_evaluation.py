from __future__ import annotations

import pytest

from generation.composer.evaluation import classifier_auc, evaluate, features, overlapping_areas
from generation.composer.measures import bars_of, entropy, jaccard, measure, unique_elements
from generation.composer.model import load_model
from generation.composer.score import Note, Score
from tests.generation.composer.scores import tune

LOOP = Score(
    "piano", tuple(Note(step * 6, 60 + step % 2, 6) for step in range(128)), (4, 4), 16, 120.0, "C", "major"
)


def test_a_set_is_like_itself_and_unlike_a_loop() -> None:
    tunes = [tune(seed, bars=16) for seed in range(24)]
    alike = overlapping_areas(tunes[::2], tunes[1::2])
    unlike = overlapping_areas(tunes, [LOOP] * 12)
    assert alike["mean"] > 0.85
    assert unlike["mean"] < 0.5
    assert classifier_auc(tunes, [LOOP] * 12) > 0.95
    assert len(alike) == 1 + len(features(LOOP)) == 10


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


def test_too_little_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 5 pieces"):
        evaluate(load_model("piano"), real=[LOOP], held_out=[LOOP], pieces=2)
