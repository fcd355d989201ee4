"""Copies are caught in any key and at any tempo; what is only similar in kind is not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from generation.composer.score import Note
from generation.originality.index import CorpusIndex, MemoryIndex
from generation.originality.report import check
from generation.originality.runs import (
    bass_line,
    distinct,
    lines_on_record,
    longest_run,
    shingles,
    top_line,
)


def melody(seed: int, *, count: int = 60, start: int = 0, key: int = 60) -> list[Note]:
    rng = random.Random(seed)
    notes, onset, pitch = [], start, key
    for _ in range(count):
        length = rng.choice((3, 6, 6, 12, 12, 18, 24))
        pitch = min(84, max(48, pitch + rng.choice((-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7))))
        notes.append(Note(onset, pitch, length))
        onset += length
    return notes


def moved(notes: list[Note], *, semitones: int, stretch: int, start: int) -> list[Note]:
    first = notes[0].onset
    return [
        Note((note.onset - first) * stretch + start, note.pitch + semitones, note.duration * stretch)
        for note in notes
    ]


def corpus(*seeds: int) -> CorpusIndex:
    return CorpusIndex.build({f"piece {seed}": distinct(shingles(melody(seed))) for seed in seeds})


def planted(*, length: int) -> list[Note]:
    """A tune of its own with notes 20 … of piece 2 inside, a fourth higher and half as fast."""
    before = melody(77, count=20)
    end = before[-1].onset + before[-1].duration
    copy = moved(melody(2)[20 : 20 + length], semitones=5, stretch=2, start=end)
    after = melody(78, count=20, start=copy[-1].onset + copy[-1].duration, key=75)
    return before + copy + after


def test_a_planted_copy_in_another_key_and_tempo_is_caught_and_named() -> None:
    report = check(planted(length=20), corpus=corpus(1, 2, 3))
    assert report.verdict == "too_near"
    assert report.nearest == "piece 2"
    assert 20 <= report.longest_run_corpus <= 21
    assert report.share > 0.1


def test_an_unrelated_tune_is_original() -> None:
    report = check(melody(99), corpus=corpus(*range(20)))
    assert (report.verdict, report.longest_run, report.nearest, report.share) == ("original", 0, None, 0.0)


def test_twelve_notes_in_common_are_reported_but_allowed() -> None:
    report = check(planted(length=12), corpus=corpus(1, 2, 3))
    assert report.verdict == "original"
    assert 12 <= report.longest_run_corpus <= 13


def test_a_copied_bass_under_a_new_melody_is_caught() -> None:
    bass = melody(2)
    tops = [Note(note.onset, 96 + index % 5, note.duration) for index, note in enumerate(bass)]
    assert check(sorted(bass + tops), corpus=corpus(2)).verdict == "too_near"


def test_works_on_record_have_a_limit_of_their_own() -> None:
    record = MemoryIndex({"sold": lines_on_record(melody(2))})
    assert check(planted(length=14), works=record).verdict == "original"
    assert check(planted(length=18), works=record).verdict == "too_near"
    record.add("mine", lines_on_record(melody(5)))
    assert check(melody(5), works=record).nearest == "mine"


def test_plain_scales_and_repeated_notes_belong_to_everybody() -> None:
    scale = [Note(index * 6, 40 + index * 2 - index // 4, 6) for index in range(24)]
    drum = [Note(index * 6, 60, 6) for index in range(24)]
    assert distinct(shingles(scale)).size == 0
    assert distinct(shingles(drum)).size == 0


def test_runs_are_counted_in_notes() -> None:
    tune = melody(4, count=30)
    lines = shingles(tune)
    assert longest_run(lines, known=distinct(lines)) == 30
    assert longest_run(lines, known=np.zeros(0, np.uint64)) == 0


def test_hashes_are_the_same_on_every_machine() -> None:
    pitches = (60, 64, 62, 65, 67, 60, 59, 62, 71, 72, 69)
    tune = [Note(index * 12, pitch, 6) for index, pitch in enumerate(pitches)]
    assert shingles(tune)[0].tolist() == [8114773296430874397]


def test_an_index_survives_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "index.npz"
    corpus(1, 2).save(path)
    loaded = CorpusIndex.load(path)
    assert len(loaded) == len(corpus(1, 2))
    assert check(melody(2), corpus=loaded).nearest == "piece 2"


def test_lines_are_what_nothing_sounds_above_or_below() -> None:
    held = [Note(0, 72, 48), Note(0, 48, 12), Note(12, 60, 12), Note(24, 50, 12)]
    assert [note.pitch for note in top_line(held)] == [72]
    assert [note.pitch for note in bass_line(held)] == [48, 60, 50]


def test_the_decoder_s_hashes_are_sorted_distinct_and_short() -> None:
    index = corpus(1, 2)
    whole = np.concatenate([line for seed in (1, 2) for line in shingles(melody(seed))])
    assert index.hashes.dtype == np.uint32
    assert index.hashes.tolist() == sorted({int(value) >> 32 for value in whole if value})


def test_each_part_is_a_line_of_its_own() -> None:
    inner = [Note(note.onset, note.pitch, note.duration, 1) for note in melody(2, key=60)]
    top = [Note(note.onset, note.pitch + 30, note.duration, 0) for note in melody(7)]
    bass = [Note(note.onset, note.pitch - 30, note.duration, 2) for note in melody(8)]
    report = check(sorted(inner + top + bass), corpus=corpus(2))
    assert (report.verdict, report.nearest) == ("too_near", "piece 2")


def test_a_piece_of_a_few_seconds_is_guarded_by_its_whole_melody() -> None:
    short = melody(3, count=9)
    record = MemoryIndex({"sold": lines_on_record(short)})
    moved_up = moved(short, semitones=7, stretch=2, start=0)
    assert check(moved_up, works=record).verdict == "too_near"
    assert check(melody(4, count=9), works=record).verdict == "original"


def test_an_index_without_its_owners_still_refuses(tmp_path: Path) -> None:
    path = tmp_path / "index.npz"
    corpus(1, 2).save(path)
    (tmp_path / "index.owners.npz").unlink()
    assert check(melody(2), corpus=CorpusIndex.load(path)).verdict == "too_near"
