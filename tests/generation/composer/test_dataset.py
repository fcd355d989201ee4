"""What is learned from and what is held out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generation.composer import dataset as loading
from generation.composer.corpus import CorpusError
from generation.composer.dataset import Dataset, load_dataset
from generation.composer.write import write_midi
from generation.originality.runs import distinct, longest_run, shingles
from tests.generation.composer.scores import add_rows, corpus_of, sha256, tune


def held(work: str) -> bool:
    digest = hashlib.sha256(f"tests: made/{work}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < 2**32 // 10


HELD = [f"held-{number}" for number in range(400) if held(f"held-{number}")]
"""Works that are held out."""

TAUGHT = [f"taught-{number}" for number in range(100) if not held(f"taught-{number}")]
"""Works that are learned from."""


def source(work: str) -> str:
    return f"Tests: made/{work}/tune.mid"


def two_folders(folder: Path) -> Path:
    """A piano and a violin, each with six works to learn from and three held out, no two alike."""
    for instrument in ("piano", "violin"):
        works = [f"{w}" for w in (*TAUGHT[:6], *HELD[:3])]
        corpus_of(folder, count=9, instrument=instrument, sources=[source(work) for work in works])
    return folder


def load(corpus: Path, *folders: str) -> Dataset:
    return load_dataset(corpus, folders=folders)


def test_every_folder_is_split_by_work(tmp_path: Path) -> None:
    data = load(two_folders(tmp_path / "corpus"), "piano", "violin")
    assert {name: len(tracks) for name, tracks in data.training.items()} == {"piano": 6, "violin": 6}
    assert {name: len(scores) for name, scores in data.validation.items()} == {"piano": 3, "violin": 3}
    assert len(data.pieces) == 18
    assert data.duplicates == 0
    assert data.notes("piano") == sum(len(score.notes) + 1 for score in data.scores("piano"))


def test_a_work_is_on_one_side_in_every_folder_it_is_in(tmp_path: Path) -> None:
    data = load(two_folders(tmp_path / "corpus"), "piano", "violin")
    sides: dict[str, set[bool]] = {}
    for piece in data.pieces:
        sides.setdefault(piece.entry.work, set()).add(piece.entry.held_out)
    assert len(sides) == 9
    assert all(len(side) == 1 for side in sides.values())
    assert {work for work, side in sides.items() if side == {True}} == {f"tests: made/{w}" for w in HELD[:3]}


def test_a_held_out_piece_that_stands_in_training_under_another_name_is_left_out(tmp_path: Path) -> None:
    corpus = two_folders(tmp_path / "corpus")
    copy = corpus / "violin-copy.mid"
    shutil.copy(corpus / "piano-00.mid", copy)
    row = (copy.name, "violin", "Arranged", "Nobody", "1900", "CC0-1.0", source(HELD[5]), sha256(copy))
    add_rows(corpus, [row])
    data = load(corpus, "piano", "violin")
    assert data.duplicates == 1
    assert len(data.validation["violin"]) == 3
    for scores in data.validation.values():
        for score in scores:
            assert longest_run(shingles(score.notes), known=data.known) < loading.DUPLICATE
    arranged = next(piece for piece in data.pieces if piece.entry.path == copy.name)
    assert longest_run(shingles(arranged.sections[0].notes), known=data.known) >= loading.DUPLICATE


def test_what_is_known_is_what_is_learned_from(tmp_path: Path) -> None:
    data = load(two_folders(tmp_path / "corpus"), "piano", "violin")
    lines = [
        line for name in ("piano", "violin") for score in data.scores(name) for line in shingles(score.notes)
    ]
    assert data.known.tolist() == distinct(lines).tolist()


def test_a_folder_with_nothing_on_one_side_is_refused(tmp_path: Path) -> None:
    works = [source(work) for work in TAUGHT[:3]]
    corpus = corpus_of(tmp_path / "corpus", count=3, sources=works)
    with pytest.raises(CorpusError, match=r"3 work\(s\) for piano: too few"):
        load(corpus, "piano")


def test_files_left_out_are_told_by_name(tmp_path: Path) -> None:
    corpus = two_folders(tmp_path / "corpus")
    (corpus / "piano-00.mid").write_bytes(b"MThd broken")
    told: list[str] = []
    data = load_dataset(corpus, folders=["piano", "violin"], skipped=told.append)
    assert len(told) == 1
    assert told[0].startswith("piano-00.mid skipped: ")
    assert len(data.training["piano"]) == 5


def test_what_is_measured_while_training_is_a_sample_of_each_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load(two_folders(tmp_path / "corpus"), "piano", "violin")
    assert len(data.held_out(["piano", "violin"])) == 6
    monkeypatch.setattr(loading, "HELD_OUT_EVENTS", 20)
    monkeypatch.setattr(loading, "HELD_OUT_NOTES", 30)
    few = data.held_out(["piano", "violin"])
    assert [len(track) for track in few] == [20, 20, 20, 20]


SCRIPT = """
import json, sys
from pathlib import Path
from generation.composer.dataset import load_dataset
data = load_dataset(Path(sys.argv[1]), folders=["piano", "violin"])
print(json.dumps([track.tables["targets"].tolist() for track in data.held_out(["violin", "piano"])]))
"""


def test_the_held_out_sample_is_the_same_in_another_process(tmp_path: Path) -> None:
    corpus = two_folders(tmp_path / "corpus")
    here = load(corpus, "piano", "violin").held_out(["violin", "piano"])
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(corpus)], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONHASHSEED": "77"},
    )  # fmt: skip
    assert json.loads(run.stdout) == [track.tables["targets"].tolist() for track in here]


def test_edges_are_those_of_the_folder_without_what_is_held_out(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=4, sources=[source(work) for work in TAUGHT[:4]])
    before = {}
    for shift in (0, 12):
        path = corpus / "held.mid"
        high = tuple(type(note)(note.onset, note.pitch + shift, note.duration) for note in tune(1).notes)
        write_midi(type(tune(1))("piano", high, (4, 4), 8, 120.0, "C", "major"), path)
        manifest = (corpus / "manifest.csv").read_text(encoding="utf-8").splitlines()[:5]
        (corpus / "manifest.csv").write_text("\n".join(manifest) + "\n", encoding="utf-8")
        add_rows(corpus, [("held.mid", "piano", "", "", "", "CC0-1.0", source(HELD[0]), sha256(path))])
        before[shift] = load(corpus, "piano").edges
    assert before[0] == before[12]
