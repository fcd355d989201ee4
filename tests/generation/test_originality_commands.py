"""The commands around originality: building the index, keeping works on record, measuring."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from generation.composer.write import write_midi
from generation.models import WorkOnRecord
from generation.originality.index import CorpusIndex
from generation.originality.report import check
from generation.storage import SCORE_JSON, path_of, write_score
from generation.works import WorksOnRecord
from tests.factories import a_ready_composition
from tests.generation.test_commands import a_score, manage


@pytest.fixture
def small_corpus(tmp_path: Path) -> Path:
    """Four pieces by four composers, as MIDI files with a manifest."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    rows = ["path,instrument,title,composer,composer_death_year,license,source,sha256"]
    for number in range(4):
        path = folder / f"{number}.mid"
        write_midi(a_score(seed=number), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append(
            f"{path.name},piano,Piece {number},Composer Number{number},1800,CC0-1.0,made/{number},{digest}"
        )
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_the_index_of_a_corpus_knows_its_pieces(small_corpus: Path, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "out" / "index.npz"
    call_command(
        "build_originality_index", corpus=small_corpus, folder=["piano"], output=path, stdout=io.StringIO()
    )
    index = CorpusIndex.load(path)
    found = check(a_score(seed=2).notes, corpus=index)
    assert (found.verdict, found.nearest) == ("too_near", "Composer Number2: Piece 2")
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "index.grams.npz",
        "index.npz",
        "index.owners.npz",
    ]


def test_a_corpus_without_a_manifest_is_said_in_one_line(tmp_path: Path) -> None:
    done = manage(
        "build_originality_index", "--corpus", str(tmp_path), "--output", str(tmp_path / "index.npz")
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "manifest.csv is missing" in done.stderr
    assert not (tmp_path / "index.npz").exists()


@pytest.mark.django_db
def test_pieces_of_an_older_version_are_put_on_record_once(capsys: Any) -> None:
    piece = a_ready_composition(preview=b"sound")
    write_score(a_score(seed=5), path_of(piece, SCORE_JSON))
    for _ in range(2):
        call_command("record_works")
    assert capsys.readouterr().out == "1 pieces put on record\n"
    assert list(WorkOnRecord.objects.values_list("composition", flat=True)) == [piece.pk]
    assert check(a_score(seed=5).notes, works=WorksOnRecord()).nearest == str(piece.pk)


@pytest.mark.skipif(connection.vendor == "postgresql", reason="it would fill the tests' database")
def test_the_benchmark_wants_a_database_to_fill() -> None:
    with pytest.raises(CommandError, match="throw-away"):
        call_command("bench_originality", works=[10])
