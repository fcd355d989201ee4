"""``manage.py compare_training``: two networks after the same minutes on the same scores."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from generation.composer import recital
from generation.composer.corpus import read_corpus, read_manifest
from generation.composer.likelihood import untold_bits
from generation.composer.model import WEIGHTS
from generation.composer.runtime import quantised
from generation.composer.score import Score
from tests.generation.composer import scores
from tests.generation.composer.fake_network import FakeNetwork
from tests.generation.composer.models import WIDTHS, random_core, random_weights
from tests.generation.composer.scores import PLAIN, tune
from tests.generation.composer.test_dataset import HELD, TAUGHT, source

pytestmark = pytest.mark.filterwarnings("ignore")

paper: Any = pytest.importorskip("generation.composer.paper")
paper_bits: Any = pytest.importorskip("generation.composer.paper_bits")
same_time: Any = pytest.importorskip("generation.management.paper.same_time")
training: Any = pytest.importorskip("generation.composer.training")

MINUTES = 0.0001
WORKS = [source(work) for work in (*TAUGHT[:12], *HELD[:3])]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pianos and violins; what the violins are must not matter to the piano."""
    folder = tmp_path_factory.mktemp("scores") / "corpus"
    scores.corpus_of(folder, count=len(WORKS), sources=WORKS, bars=20)
    return scores.corpus_of(folder, count=3, instrument="violin", sources=WORKS[-3:], bars=20)


def sections(corpus: Path) -> tuple[list[Score], list[Score]]:
    """Training and held-out sections of the piano."""
    pieces = read_corpus(corpus, entries=read_manifest(corpus, instruments=["piano"]))
    return tuple(
        [score for piece in pieces if piece.entry.held_out == side for score in piece.sections]
        for side in (False, True)
    )  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def fake_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the paper's network, one that expects the element after the last: Keras takes long to build it."""
    monkeypatch.setattr(paper, "network_of", lambda *_, vocabulary: FakeNetwork(vocabulary))
    monkeypatch.setattr(
        paper.keras.models, "load_model", lambda path: FakeNetwork(int(Path(path).read_text()))
    )


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The plans that our network was to learn by; instead, it has learned nothing."""
    found: list[Any] = []

    def train(plan: Any, *, output: Path, **_: Any) -> dict[str, Any]:
        found.append(plan)
        output.mkdir(parents=True, exist_ok=True)
        np.savez(output / WEIGHTS, **quantised(random_weights(5)))  # type: ignore[arg-type]
        return {"edges": PLAIN, "training": {"minutes": 0.1, "notes_read": 700, "updates": 11}}

    monkeypatch.setattr(same_time, "train", train)
    return found


def compare(corpus: Path, root: Path, *more: str) -> Path:
    output = root / "training-piano.json"
    call_command(
        "compare_training", "--instrument", "piano", "--corpus", str(corpus), "--minutes", str(MINUTES),
        "--pieces", "5", "--units", "8", "--output", str(output), "--work", str(root / "work"), *more,
    )  # fmt: skip
    return output


def test_both_are_measured_on_every_held_out_section_of_the_instrument_alone(
    corpus: Path, plans: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = compare(corpus, tmp_path)
    found = json.loads(output.read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == found
    (plan,) = plans
    assert (plan.instrument, plan.shares, plan.minutes, plan.start_from) == (
        "piano", {"piano": 1.0}, MINUTES, None,
    )  # fmt: skip
    taught, held_out = sections(corpus)
    assert (found["instrument"], found["minutes"]) == ("piano", MINUTES)
    assert found["works"] == {
        "training": 12, "training_sections": len(taught), "held_out": 3, "held_out_sections": len(held_out),
    }  # fmt: skip
    assert found["ours"] == {
        "nll_bits_per_note": untold_bits(random_core(5), scores=held_out, edges=PLAIN),
        "minutes": 0.1,
        "notes_read": 700,
        "updates": 11,
    }
    fresh = paper.train(taught, minutes=MINUTES, recipe=paper.Recipe(units=8, hidden=8))
    bits = paper_bits.held_out_bits(fresh, training=taught, held_out=held_out)
    assert found["paper"]["nll_bits_per_note"] == {
        name: round(bits[name], 3) for name in ("advance", "pitch", "duration", "total")
    }
    assert found["paper"]["updates"] >= 1


def test_the_papers_pieces_are_set_beside_real_music(corpus: Path, plans: list[Any], tmp_path: Path) -> None:
    found = json.loads(compare(corpus, tmp_path).read_text())["paper"]
    assert found["pieces"] == 5
    assert len(found["overlapping_area"]) == 10
    low, high = found["classifier_interval95"]
    assert 0.9 < low <= found["classifier_auc"] <= high <= 1
    assert "not_compared" not in found


def test_pieces_too_poor_to_compare_are_null_with_a_reason(
    corpus: Path, plans: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = json.loads(compare(corpus, tmp_path, "--pieces", "4").read_text())["paper"]
    assert found["overlapping_area"] is found["classifier_auc"] is found["classifier_interval95"] is None
    assert found["not_compared"] == "excerpts could be cut from 4 of 4 pieces; the classifier needs 5"
    assert found["nll_bits_per_note"]["total"] > 0

    monkeypatch.setattr(same_time.paper, "score_of", lambda *_, instrument: tune(1, bars=8))
    found = json.loads(compare(corpus, tmp_path).read_text())["paper"]
    assert found["not_compared"] == "excerpts could be cut from 0 of 5 pieces; the classifier needs 5"


def test_networks_of_other_minutes_are_not_taken_for_these(
    corpus: Path, plans: list[Any], tmp_path: Path
) -> None:
    longer = json.loads(compare(corpus, tmp_path, "--minutes", "0.002").read_text())["paper"]["updates"]
    first = json.loads(compare(corpus, tmp_path).read_text())["paper"]["updates"]
    again = json.loads(compare(corpus, tmp_path).read_text())["paper"]["updates"]
    assert longer > first == again


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--minutes", "0", "--minutes is 0.0: it must be above zero"),
        ("--minutes", "nan", "--minutes is nan"),
        ("--pieces", "0", "--pieces is 0"),
        ("--units", "-1", "--units is -1"),
        ("--instrument", "theremin", "lists no piece for theremin"),
        ("--corpus", ".", "manifest.csv is missing"),
        ("--output", "nowhere/training.json", "nowhere is not a folder"),
    ],
)
def test_a_mistake_is_said_in_one_line_and_nothing_is_written(
    option: str, value: str, said: str, corpus: Path, plans: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=re.escape(said)) as refused:
        compare(corpus, tmp_path, option, value)
    assert "\n" not in str(refused.value)
    assert plans == []
    assert list(tmp_path.iterdir()) == []


def test_too_few_works_are_refused_before_anything_is_learned(plans: list[Any], tmp_path: Path) -> None:
    small = scores.corpus_of(tmp_path / "corpus", count=2)
    with pytest.raises(CommandError, match=r"elements to learn from and 0 held out; more than 500 and 100"):
        compare(small, tmp_path)
    assert plans == []
    assert not (tmp_path / "training-piano.json").exists()


def test_a_training_that_fails_leaves_the_last_result(
    corpus: Path, plans: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "weights.npz")

    output = tmp_path / "training-piano.json"
    output.write_text("{}")
    monkeypatch.setattr(same_time, "train", fail)
    with pytest.raises(CommandError, match=r"weights\.npz: No space left on device"):
        compare(corpus, tmp_path)
    assert output.read_text() == "{}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["training-piano.json", "work"]


def test_our_network_really_learns(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recital, "PIECES", 8)
    monkeypatch.setattr(recital, "SECONDS", 8.0)
    hyper = training.Hyper(**WIDTHS, batch=4, chunk=32, peak_rate=1e-2)
    monkeypatch.setattr(training, "Hyper", lambda: hyper)
    found = json.loads(compare(corpus, tmp_path).read_text())["ours"]
    assert found["updates"] >= 1
    assert found["notes_read"] > 0
    (card,) = (tmp_path / "work").glob("piano-*/ours/card.json")
    sampled = json.loads(card.read_text(encoding="utf-8"))["held_out_bits_per_note_runtime"]
    # So few sections that training samples all of them.
    assert found["nll_bits_per_note"] == pytest.approx(sampled, abs=1e-3)
