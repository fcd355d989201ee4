"""What the register keeps of a work is enough to find it again, whatever was done to it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.composer.score import Note
from generation.originality.index import MemoryIndex
from generation.originality.lines import reduced
from generation.originality.planted import ornamented
from generation.originality.record import (
    ALIGNED_LIMIT,
    Comparison,
    is_plain,
    is_too_near,
    pack,
    prints_of,
    unpack,
)
from generation.originality.report import check
from generation.originality.runs import lines_on_record
from tests.generation.originality.test_originality import melody, moved


def test_lines_survive_packing() -> None:
    lines = lines_on_record(melody(1, count=200))
    assert unpack(pack(lines)) == lines
    assert unpack(memoryview(pack(()))) == ()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), start=st.integers(0, 40), semitones=st.integers(-12, 12))
def test_a_shared_run_of_thirteen_notes_always_shares_a_fingerprint(
    seed: int, start: int, semitones: int
) -> None:
    source = melody(seed)
    passage = moved(source[start : start + 13], semitones=semitones, stretch=3, start=0)
    end = passage[-1].onset + passage[-1].duration
    tune = passage + melody(seed + 20_000, count=20, start=end)
    assert prints_of(lines_on_record(source)).runs & prints_of(lines_on_record(tune)).runs


def test_the_longest_run_is_exact_and_only_measured_beyond_what_is_known() -> None:
    source = melody(2)
    passage = moved(source[20:37], semitones=5, stretch=2, start=0)
    end = passage[-1].onset + passage[-1].duration
    tune = lines_on_record(passage + melody(77, count=30, start=end))
    comparison = Comparison(tune)
    assert comparison.to(lines_on_record(source)).run in {17, 18}
    assert comparison.to(lines_on_record(source), beyond=18).run == 0


@pytest.mark.parametrize("pitches", [(60, 62, 64, 65) * 6, (60, 60) * 12, tuple(range(48, 72))])
def test_figures_that_go_round_and_scales_belong_to_everybody(pitches: tuple[int, ...]) -> None:
    lines = lines_on_record([Note(index * 6, pitch, 6) for index, pitch in enumerate(pitches)])
    assert all(is_plain(line.tokens) for line in lines)
    assert not prints_of(lines).runs


def test_ornaments_hide_a_melody_neither_from_its_reduction_nor_from_the_register() -> None:
    source = melody(11, count=120)
    copy = ornamented(source, source, random.Random(1))
    assert len(copy) > 150
    found = check(copy, works=MemoryIndex({"sold": lines_on_record(source)}))
    assert found.aligned >= ALIGNED_LIMIT
    assert (found.verdict, found.nearest) == ("too_near", "sold")


def test_pieces_of_chance_are_not_near_each_other() -> None:
    record = MemoryIndex({str(seed): lines_on_record(melody(seed, count=120)) for seed in range(60)})
    near = [check(melody(seed, count=120), works=record).verdict for seed in range(100, 130)]
    assert near == ["original"] * 30


def test_many_short_phrases_in_one_work_are_too_near_without_a_long_run() -> None:
    source, tune, onset = melody(2, count=120), [], 0
    for start in range(0, 60, 12):
        for part in (source[start : start + 12], melody(500 + start, count=4)):
            tune += moved(part, semitones=0, stretch=1, start=onset)
            onset = tune[-1].onset + tune[-1].duration
    found = Comparison(lines_on_record(tune)).to(lines_on_record(source))
    assert found.run < 16
    assert found.share > 0.1
    assert is_too_near(found)


def test_the_reduction_keeps_what_fills_the_beat() -> None:
    turn = [
        Note(0, 62, 3),
        Note(3, 60, 3),
        Note(6, 59, 3),
        Note(9, 60, 3),
        Note(12, 64, 12),
        Note(24, 64, 12),
    ]
    assert reduced(turn) == [60, 64]
