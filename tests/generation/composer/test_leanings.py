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
from generation.composer.leanings import (
    FAMILIES,
    LEANINGS,
    MOST,
    completed,
    corrected,
    counted,
    divergence,
    frequencies,
    none,
)
from generation.composer.model import CARD, MissingModelError, load_model
from generation.composer.order import Order
from generation.composer.plan import plan
from generation.composer.sampling import Stream
from generation.composer.score import Note, Score
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
    counts = counted(score)
    assert family(counts, "struck with it") == intervals(score, struck=True)
    assert family(counts, "held from before") == intervals(score, struck=False)
    assert family(counts, "move of the top") == moves([note.pitch for note in top_line(score.notes)])
    assert family(counts, "move of the bass") == moves([note.pitch for note in bass_line(score.notes)])
    assert family(counts, "metrical weight") == weights(score)
    assert sum(family(counts, "its class struck in this bar")) == len(score.notes)
    assert sum(family(counts, "duration: its class")) == len(score.notes)
    crossing = sum(note.onset % 48 + note.duration > 48 for note in score.notes)
    assert family(counts, "over the bar line") == [len(score.notes) - crossing, crossing]


def chains(moves: list[tuple[int, ...]]) -> list[int]:
    """How many moves up to each were made before, three moves ago or more, on end: 0, 1, 2, 3, 4-5, 6-8, more."""
    found = [0] * 7
    for end in range(len(moves)):
        longest = 0
        for other in range(end - 2):
            alike = 0
            while alike <= other and moves[other - alike] == moves[end - alike]:
                alike += 1
            longest = max(longest, alike)
        found[(0, 1, 2, 3, 4, 4, 5, 5, 5, 6)[min(longest, 9)]] += 1
    return found


@pytest.mark.parametrize("seed", range(4))
def test_moves_made_before_are_counted_along_the_whole_line(seed: int) -> None:
    score = song(seed, form="AAB")
    line = top_line(score.notes)
    alone = counted(Score("piano", tuple(line), score.metre, score.bars, 120.0, "C", "major"))
    moves = [(b.onset - a.onset, a.pitch, b.pitch) for a, b in pairwise(line)]
    step = {pitch: pitch // 12 * 7 + (0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6)[pitch % 12] for pitch in range(128)}
    for one in ("top", "bass"):
        assert family(alone, f"the {one} has made before, from the same notes") == chains(moves)
        steps = [(time, step[after] - step[before]) for time, before, after in moves]
        assert family(alone, f"the {one} has made before, on any step") == chains(steps)


def turned(line: list[int]) -> list[int]:
    """Moves that go on or turn after 1, 2, 3, 4-5 and more moves one way; notes struck again are no moves."""
    found = [0] * 10
    ways = [1 if b > a else -1 for a, b in pairwise(line) if a != b]
    for index, way in enumerate(ways[1:], start=1):
        run = next((back for back in range(1, index) if ways[index - 1 - back] != ways[index - 1]), index)
        found[2 * (0, 0, 1, 2, 3, 3, 4)[min(run, 6)] + (way != ways[index - 1])] += 1
    return found


def strayed(line: list[int]) -> list[int]:
    """Moves down, none and up from below, near and above the mean of the last 24 notes."""
    found = [0] * 9
    for index, (before, after) in enumerate(pairwise(line), start=1):
        off = before - float(np.mean(line[max(0, index - 24) : index]))
        found[3 * ((off > 4) - (off < -4) + 1) + (after > before) - (after < before) + 1] += 1
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_line_goes_on_or_turns_and_strays_or_comes_back(seed: int) -> None:
    score = song(seed, form="AAB")
    line = top_line(score.notes)
    alone = counted(Score("piano", tuple(line), score.metre, score.bars, 120.0, "C", "major"))
    pitches = [note.pitch for note in line]
    starts = [
        index for index, (name, _) in enumerate(FAMILIES) if "one way the" in name or "from below the" in name
    ]
    first = sum(size for _, size in FAMILIES[: starts[0]])
    np.testing.assert_array_equal(alone[first : first + 20], turned(pitches) * 2)
    np.testing.assert_array_equal(alone[first + 20 : first + 38], strayed(pitches) * 2)


def one_bar(*notes: tuple[int, int, int]) -> np.ndarray:
    return counted(
        Score("piano", tuple(sorted(Note(*note) for note in notes)), (4, 4), 2, 120.0, "C", "major")
    )


def test_chords_are_told_apart_by_what_a_note_makes_of_them() -> None:
    c_major = [(0, 48, 48), (0, 52, 48), (0, 55, 48)]
    assert family(one_bar(*c_major), "two classes sound") == [0, 1, 0]
    assert family(one_bar(*c_major[:2], (0, 60, 48)), "two classes sound") == [1, 0, 0]
    assert family(one_bar(*c_major[:2], (0, 65, 48)), "two classes sound") == [0, 0, 1]
    assert family(one_bar(*c_major, (12, 60, 12), (24, 58, 12), (36, 62, 12)), "a triad sounds") == [1, 1, 1]
    assert family(one_bar(*c_major[:2], (0, 53, 48), (12, 57, 12)), "another three sounds") == [0, 1, 0]
    more = one_bar(*c_major, (0, 58, 48), (12, 70, 12), (24, 73, 12))
    assert family(more, "more than three classes") == [1, 1]


def test_outer_lines_move_alike_or_against_each_other() -> None:
    apart = [
        (0, 48, 12),
        (0, 72, 12),
        (12, 47, 12),
        (12, 74, 12),
        (24, 45, 12),
        (24, 72, 12),
        (36, 45, 12),
        (36, 76, 12),
    ]
    assert family(one_bar(*apart), "above a bass that has moved") == [1, 1, 1]


def test_bars_fill_as_the_ones_before_did_or_not() -> None:
    even = one_bar(*[(12 * place, 60, 12) for place in range(8)])
    assert family(even, "in a bar with more onsets") == [3, 1, 0]
    assert family(even, "in a bar with fewer onsets") == [3, 0, 0]
    assert family(even, "in a bar with no more") == [0, 0, 0]


def test_excerpts_weigh_alike_however_many_notes_they_have() -> None:
    one, two = tune(1), song(2)
    both = frequencies([one, two])
    np.testing.assert_allclose(2 * both, counted(one) / len(one.notes) + counted(two) / len(two.notes))
    assert not frequencies([]).any()


def test_a_correction_leans_against_what_comes_too_often() -> None:
    real = frequencies(tune(seed) for seed in range(8))
    made = np.array([frequencies([song(seed)]) for seed in range(8)])
    found = corrected(none(), real=real, made=made, pace=1.0)
    alike = np.array([real, real])
    assert not corrected(none(), real=real, made=alike, pace=1.0).any()
    for words in ("struck with it", "over the bar line", "duration: its class"):
        theirs, ours = (np.array(family(counts, words)) for counts in (real, made.mean(axis=0)))
        wanting = int(np.argmax(theirs / theirs.sum() - ours / ours.sum()))
        assert family(found, words)[wanting] > 0, words
    assert np.abs(corrected(found * 100, real=real, made=made, pace=1.0)).max() == MOST
    assert sum(divergence(real=real, made=made)) > 0
    assert divergence(real=real, made=alike) == [0.0] * len(FAMILIES)


def test_a_difference_that_orders_have_among_themselves_is_not_corrected() -> None:
    real = np.full(LEANINGS, 0.1)
    few, many = real.copy(), real.copy()
    few[0], many[0] = 0.05, 0.14
    assert corrected(none(), real=real, made=np.array([few, few]), pace=1.0)[0] > 0
    assert corrected(none(), real=real, made=np.array([few, many]), pace=1.0)[0] == 0


def test_nothing_is_learned_of_a_family_that_never_came() -> None:
    real = frequencies(song(seed) for seed in range(8))
    made = np.array([frequencies([tune(seed, accompanied=False)]) for seed in range(8)])
    assert not any(family(made.sum(axis=0), "a chord of four or more"))
    real[[index for index, count in enumerate(made.sum(axis=0)) if not count]] += 0.01
    assert family(corrected(none(), real=real, made=made, pace=1.0), "a chord of four or more") == [0, 0]


@pytest.mark.parametrize(
    ("words", "one"),
    [
        ("struck with it", 1),
        ("its class struck in this bar", 0),
        ("metrical weight", 0),
        ("over the", 1),
        ("two classes sound", 0),
        ("with more onsets", 2),
    ],
)
def test_a_leaning_makes_its_class_rarer(words: str, one: int) -> None:
    order = Order(instrument="piano", seconds=20, seed=3)
    drawn = plan(order, styles=some_styles(), stream=Stream("leaning"))

    def share(leanings: np.ndarray | None) -> float:
        streams = [Stream("leaning", number) for number in range(4)]
        batch = decode_batch(drawn, core=random_core(3), streams=streams, temperature=1.0, leanings=leanings)
        counts = family(frequencies(candidate.score for candidate in batch), words)
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


def test_leanings_of_an_older_model_lean_nowhere_in_new_families(tmp_path: Path) -> None:
    home = write_models(tmp_path)
    older = np.arange(206, dtype=np.int32)
    write_leanings(home / "piano", leanings=older)
    found = load_model("piano", home).leanings
    np.testing.assert_array_equal(found[:206], older)
    assert len(found) == LEANINGS
    assert not found[206:].any()
    np.testing.assert_array_equal(completed(found), found)
    write_leanings(home / "piano", leanings=older[:-1])
    with pytest.raises(MissingModelError, match=r"\(205,\)"):
        load_model("piano", home)


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
