"""What a composer does too often is counted as it is defined, and made rarer."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from generation.composer.decode import decode_batch
from generation.composer.export import write_leanings
from generation.composer.leanings import FAMILIES, LEANINGS, MOST, corrected, counted, divergence, none
from generation.composer.model import CARD, load_model
from generation.composer.order import Order
from generation.composer.plan import plan
from generation.composer.sampling import Stream
from generation.composer.score import Score
from generation.originality.runs import bass_line, top_line
from tests.generation.composer.models import random_core, some_styles, write_models
from tests.generation.composer.scores import corpus_of, song, tune

SIZE = (0, 1, 2, 3, 3, 4, 5, 4, 6, 6, 5, 5, 7)


def family(counts: np.ndarray, words: str) -> list[int]:
    start = 0
    for name, size in FAMILIES:
        if words in name:
            return counts[start : start + size].tolist()
        start += size
    raise AssertionError(words)


def intervals(score: Score, *, struck: bool) -> list[int]:
    found: Counter[int] = Counter()
    for index, note in enumerate(score.notes):
        for other in score.notes[:index]:
            together = other.onset == note.onset
            if together == struck and other.onset + other.duration > note.onset:
                apart = (note.pitch - other.pitch) % 12
                found[min(apart, 12 - apart)] += 1
    return [found[one] for one in range(7)]


def moves(line: list[int]) -> list[int]:
    found = [0] * 54
    before = 0
    for one, two in pairwise(line):
        move = two - one
        way = 0 if not move or not before else 1 if (move > 0) == (before > 0) else 2
        found[((8 if abs(move) > 12 else SIZE[abs(move)]) * 3 + way) * 2 + (move > 0)] += 1
        before = move
    return found


def weights(score: Score) -> list[int]:
    """Of the onsets after the first in 4/4."""
    found = [0] * 5
    for one, two in pairwise(sorted({note.onset for note in score.notes})):
        assert two > one
        place = two % 48
        found[
            4 if place == 0 else 3 if place == 24 else 2 if place % 12 == 0 else 1 if place % 6 == 0 else 0
        ] += 1
    return found


@pytest.mark.parametrize("seed", range(6))
def test_classes_are_counted_as_plain_python_counts_them(seed: int) -> None:
    score = song(seed) if seed % 2 else tune(seed)
    counts = counted([score])
    assert family(counts, "struck with it") == intervals(score, struck=True)
    assert family(counts, "held from before") == intervals(score, struck=False)
    assert family(counts, "move of the top") == moves([note.pitch for note in top_line(score.notes)])
    assert family(counts, "move of the bass") == moves([note.pitch for note in bass_line(score.notes)])
    assert family(counts, "metrical weight") == weights(score)
    assert sum(family(counts, "its class struck in this bar")) == len(score.notes)
    assert sum(family(counts, "duration: its class")) == len(score.notes)
    crossing = sum(note.onset % 48 + note.duration > 48 for note in score.notes)
    assert family(counts, "over the bar line") == [len(score.notes) - crossing, crossing]


def test_counts_of_several_pieces_add_up() -> None:
    one, two = tune(1), song(2)
    np.testing.assert_array_equal(counted([one, two]), counted([one]) + counted([two]))
    assert not counted([]).any()


def test_a_correction_leans_against_what_comes_too_often() -> None:
    real, made = counted([tune(seed) for seed in range(8)]), counted([song(seed) for seed in range(8)])
    found = corrected(none(), real=real, made=made, pace=1.0)
    assert not corrected(none(), real=real, made=real, pace=1.0).any()
    for words in ("struck with it", "over the bar line", "duration: its class"):
        theirs, ours = (np.array(family(counts, words)) for counts in (real, made))
        wanting = int(np.argmax(theirs / theirs.sum() - ours / ours.sum()))
        assert family(found, words)[wanting] > 0
    assert np.abs(corrected(found * 100, real=real, made=made, pace=1.0)).max() == MOST
    assert sum(divergence(real=real, made=made)) > 0
    assert divergence(real=real, made=real) == [0.0] * len(FAMILIES)


@pytest.mark.parametrize(
    ("words", "one"),
    [("struck with it", 1), ("its class struck in this bar", 0), ("metrical weight", 0), ("over the", 1)],
)
def test_a_leaning_makes_its_class_rarer(words: str, one: int) -> None:
    order = Order(instrument="piano", seconds=20, seed=3)
    drawn = plan(order, styles=some_styles(), stream=Stream("leaning"))

    def share(leanings: np.ndarray | None) -> float:
        streams = [Stream("leaning", number) for number in range(4)]
        batch = decode_batch(drawn, core=random_core(3), streams=streams, temperature=1.0, leanings=leanings)
        counts = family(counted([candidate.score for candidate in batch]), words)
        return counts[one] / sum(counts)

    start = 0
    for name, size in FAMILIES:
        if words in name:
            break
        start += size
    against = none()
    against[start + one] = -MOST
    assert share(None) == share(none())
    assert share(against) < 0.85 * share(None)


def test_other_leanings_make_another_version_of_the_same_weights(tmp_path: Path) -> None:
    home = write_models(tmp_path)
    before = write_leanings(home / "piano", leanings=none())["version"]
    other = np.arange(LEANINGS, dtype=np.int32)
    version = write_leanings(home / "piano", leanings=other)["version"]
    found = load_model("piano", home)
    assert version == found.version != before
    np.testing.assert_array_equal(found.leanings, other)
    assert write_leanings(home / "piano", leanings=none())["version"] == before


def test_the_command_writes_leanings_and_says_how_far_apart_it_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    home = write_models(tmp_path / "models")
    corpus = corpus_of(tmp_path / "corpus", count=12, bars=20)
    options = {"instrument": "piano", "corpus": corpus, "models": home, "orders": 1}
    call_command("lean_composer", rounds=1, **options)
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert first["version"] == json.loads((home / "piano" / CARD).read_text())["version"]
    assert load_model("piano", home).leanings.any()
    call_command("lean_composer", rounds=1, chosen=True, **options)
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again["version"] != first["version"]
    with pytest.raises(CommandError, match="--rounds is 0"):
        call_command("lean_composer", rounds=0, **options)
