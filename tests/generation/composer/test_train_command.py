"""``manage.py train_composer``: what it asks for, writes and says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from generation.composer.model import CARD
from generation.composer.recipes import RECIPES
from tests.generation.composer.scores import corpus_of
from tests.generation.composer.test_dataset import HELD, TAUGHT, source

pytestmark = pytest.mark.filterwarnings("ignore")

RESULT = {"instrument": "piano", "version": "piano-1", "training": {}, "held_out_bits_per_note": {}}


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """Plans and options that training is called with, in place of training."""
    from generation.composer import training

    calls: list[tuple[Any, dict[str, Any]]] = []

    def train(plan: Any, **options: Any) -> dict[str, Any]:
        calls.append((plan, options))
        options["skipped"]("piano-07.mid skipped: it is broken")
        return RESULT

    monkeypatch.setattr(training, "train", train)
    return calls


def test_a_recipe_is_followed_where_nothing_else_is_said(
    trained: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1)
    call_command("train_composer", instrument="piano", corpus=corpus, output=tmp_path / "out")
    plan, options = trained[0]
    assert (plan.instrument, plan.shares, plan.minutes, plan.epochs) == (
        "piano", RECIPES["piano"].shares, RECIPES["piano"].minutes, None,
    )  # fmt: skip
    assert options["output"] == tmp_path / "out"
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == RESULT


def test_folders_epochs_and_seed_are_taken_as_given(trained: list[Any], tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1)
    call_command(
        "train_composer", instrument="oboe", corpus=corpus, output=tmp_path / "out", folder=["piano", "organ"],
        epochs=2.0, seed=5, start_from=tmp_path,
    )  # fmt: skip
    plan, _ = trained[0]
    assert plan.shares == {"piano": 0.5, "organ": 0.5}
    assert (plan.minutes, plan.epochs, plan.seed, plan.start_from) == (None, 2.0, 5, tmp_path)


def test_files_that_were_skipped_are_named_and_counted_on_stderr(
    trained: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1)
    call_command("train_composer", instrument="piano", corpus=corpus, output=tmp_path / "out")
    told = capsys.readouterr().err
    assert "piano-07.mid skipped: it is broken\n" in told
    assert "1 files of the corpus were skipped." in told


@pytest.mark.parametrize("option", [{"minutes": 0.0}, {"epochs": -1.0}])
def test_no_time_to_train_is_refused(option: dict[str, float], trained: list[Any], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--minutes and --epochs must be above zero"):
        call_command("train_composer", instrument="piano", corpus=tmp_path, output=tmp_path / "out", **option)
    assert trained == []


def test_a_missing_corpus_is_asked_for(trained: list[Any], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--corpus is missing: name the folder of scores"):
        call_command("train_composer", instrument="piano", output=tmp_path / "out")
    assert trained == []
    assert not (tmp_path / "out").exists()


def test_a_corpus_without_a_manifest_or_with_an_unfree_piece_is_refused_before_training(
    trained: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=r"manifest\.csv is missing"):
        call_command("train_composer", instrument="piano", corpus=tmp_path, output=tmp_path / "out")
    corpus = corpus_of(tmp_path / "corpus", count=1, licence="CC BY-NC 4.0")
    with pytest.raises(CommandError, match=r"--allow-licence 'CC BY-NC 4\.0'"):
        call_command("train_composer", instrument="piano", corpus=corpus, output=tmp_path / "out")
    assert trained == []
    call_command(
        "train_composer",
        instrument="piano",
        corpus=corpus,
        output=tmp_path / "out",
        allow_licence=["CC BY-NC 4.0"],
    )
    assert trained[0][1]["allow_licences"] == ["CC BY-NC 4.0"]


def test_a_broken_corpus_ends_the_command_with_one_line(tmp_path: Path) -> None:
    works = [source(work) for work in (*TAUGHT[:2], HELD[0])]
    corpus = corpus_of(tmp_path / "corpus", count=3, sources=works)
    for path in corpus.glob("*.mid"):
        path.write_bytes(b"MThd broken")
    with pytest.raises(CommandError, match="None of the 3 files of") as caught:
        call_command(
            "train_composer",
            instrument="piano",
            folder=["piano"],
            corpus=corpus,
            output=tmp_path / "out",
            epochs=1.0,
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_transfer_needs_no_corpus_and_prints_the_new_card(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(models / "piano", tmp_path / "piano")
    call_command(
        "train_composer", instrument="harp", transfer_from=tmp_path / "piano", output=tmp_path / "harp"
    )
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    card = json.loads((tmp_path / "harp" / CARD).read_text(encoding="utf-8"))
    assert printed["instrument"] == card["instrument"] == "harp"
    assert printed["version"] == card["version"]
    assert card["weights_from"] == "piano"


def test_a_transfer_to_nobody_or_from_nothing_is_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="'theremin' has no range and idiom; choose one of piano"):
        call_command(
            "train_composer", instrument="theremin", transfer_from=models / "piano", output=tmp_path / "out"
        )
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError, match="train empty first"):
        call_command(
            "train_composer", instrument="harp", transfer_from=tmp_path / "empty", output=tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()
