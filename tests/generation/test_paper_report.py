"""The page with the paper's tables: what it holds, what it keeps, how it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from generation import services
from generation.composer.corpus import read_corpus, read_manifest
from tests.factories import a_listed_composition, a_maker
from tests.generation.composer import scores
from tests.generation.composer.fake_network import FakeNetwork
from tests.generation.composer.scores import tune

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]

paper: Any = pytest.importorskip("generation.composer.paper")
measure: Any = pytest.importorskip("generation.management.paper.measure")

WORKS = 14
"""The thirteenth work is held out."""

MEASURED = ("corpus", "table_1", "table_2", "table_3", "table_4", "table_5", "cells", "words", "likelihood")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with enough to learn from and enough held out, and beside it what reading it gave."""
    folder = tmp_path_factory.mktemp("scores") / "corpus"
    scores.corpus_of(folder, count=WORKS, bars=40)
    entries = read_manifest(folder, instruments=["piano"])
    read_corpus(folder, entries=entries, cache=folder.parent / "parsed")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """A network that learns nothing and a composer that writes tunes, so that no second is lost; what it was asked."""
    orders: list[tuple[float, int]] = []

    def compose(order: Any, *, model: Any) -> Any:
        orders.append((order.seconds, order.seed))
        return SimpleNamespace(score=tune(order.seed, bars=round(order.seconds / 2)))

    monkeypatch.setattr(paper, "network_of", lambda *_, vocabulary: FakeNetwork(vocabulary))
    monkeypatch.setattr(
        paper.keras.models, "load_model", lambda path: FakeNetwork(int(Path(path).read_text()))
    )
    monkeypatch.setattr(measure, "compose", compose)
    return orders


def report(corpus: Path, root: Path, *more: str) -> Path:
    """Make the page in a folder from a corpus, of which only the parsing may have been done before."""
    if (corpus.parent / "parsed").is_dir():
        shutil.copytree(corpus.parent / "parsed", root / "work" / "corpus", dirs_exist_ok=True)
    options = ("--minutes", "0.0001", "--pieces", "1", "--timed", "1", "--units", "8")
    places = ("--output", str(root / "docs" / "paper"), "--work", str(root / "work"))
    call_command("paper_report", "--corpus", str(corpus), *options, *places, *more)
    return root / "docs" / "paper"


def test_the_page_has_every_table_and_figure_and_a_second_one_measures_nothing_again(
    corpus: Path, asked: list[Any], tmp_path: Path
) -> None:
    output = report(corpus, tmp_path)
    page = (output / "README.md").read_text()
    for number in ("I", "II", "III", "IV", "V", "VI"):
        assert f"## Table {number}:" in page
    shown = re.findall(r"\]\((figure-[^)]+)\)", page)
    assert sorted({*shown, "README.md", "results.json"}) == sorted(path.name for path in output.iterdir())
    assert {name[:9] for name in shown} == {f"figure-{number:02}" for number in (*range(9, 17),)}
    assert "**No ratings yet.**" in page
    assert "A trial run: layers of 8 units" in page
    assert "| paper, printed, s | 37.65 | 66.49 | 93.32 | 121.14 | 160.5 |" in page
    assert "| paper's recipe, here, s | 25.25 | 50.25 | 75.25 | 100.25 | 125.25 |" in page
    for path in (corpus.parent, tmp_path):
        assert str(path) not in page
    results = json.loads((output / "results.json").read_text())
    assert len(results["table_1"]["recipe"]) == len(results["table_2"]["recipe"]) == 5
    assert results["table_3"]["ours_seconds"] == [26, 52, 76, 100, 126]
    assert results["ratings"] == {}
    assert asked == [(seconds, 0) for seconds in (26, 51, 76, 101, 126)]
    drawn = {path.name: path.read_bytes() for path in output.glob("figure-*")}
    del asked[:]
    report(corpus, tmp_path)
    assert asked == []
    assert {path.name: path.read_bytes() for path in output.glob("figure-*")} == drawn
    again = json.loads((output / "results.json").read_text())
    assert {key: again[key] for key in MEASURED} == {key: results[key] for key in MEASURED}


def test_ratings_are_drawn_by_model_version(
    corpus: Path, asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "_file_seconds", lambda **_: 1.0)
    for stars in (5, 4, 1):
        services.rate_composition(composition=a_listed_composition(), maker=a_maker(), stars=stars)
    output = report(corpus, tmp_path)
    page = (output / "README.md").read_text()
    assert "3 ratings of test-1, 67% of them 4 or 5" in page
    assert "No ratings yet" not in page
    assert (output / "figure-17.svg").read_text().startswith("<?xml")
    assert json.loads((output / "results.json").read_text())["ratings"] == {"test-1": [1, 0, 0, 1, 1]}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--minutes", "0", "--minutes is 0.0: it must be above zero"),
        ("--minutes", "nan", "--minutes is nan"),
        ("--pieces", "-1", "--pieces is -1"),
        ("--instrument", "theremin", "there is no model for 'theremin'"),
        ("--folder", "organ", "lists no piece for organ"),
        ("--corpus", "nowhere", "nowhere is not a folder"),
    ],
)
def test_a_mistake_is_said_in_one_line_and_nothing_is_written(
    tmp_path: Path, option: str, value: str, said: str
) -> None:
    corpus = scores.corpus_of(tmp_path / "corpus", count=1)
    with pytest.raises(CommandError, match=re.escape(said)) as refused:
        report(corpus, tmp_path, option, value)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_corpus_too_small_for_the_tables_is_refused(tmp_path: Path) -> None:
    corpus = scores.corpus_of(tmp_path / "corpus", count=2)
    with pytest.raises(
        CommandError, match=r"elements to learn from and .* held out; more than .* are needed"
    ):
        report(corpus, tmp_path)
    assert not (tmp_path / "docs").exists()
