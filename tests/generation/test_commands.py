"""The commands: what they write and print, and how they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command

from accounts.services import HOUSE_CLIENT
from generation.catalogue import sync_instruments
from generation.composer.corpus import COLUMNS
from generation.composer.score import Note, Score
from generation.composer.write import write_midi
from generation.models import ComposerModel, Composition, Instrument
from generation.originality.runs import lines_on_record
from generation.outputs import appearing_in
from generation.works import put_on_record
from tests.factories import a_ready_composition, an_instrument
from tests.generation.stubs import a_melody

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )


def a_model_folder(root: Path, instrument: str, *, version: str = "v1", digest: str = "c" * 64) -> Path:
    folder = root / instrument
    folder.mkdir(parents=True, exist_ok=True)
    card = {"version": version, "sha256": {"weights.npz": digest, "ledger.json": "d" * 64}}
    (folder / "card.json").write_text(json.dumps(card))
    return root


def a_score(seed: int = 1) -> Score:
    return Score(
        instrument="piano", notes=a_melody(seed), metre=(4, 4), bars=12, bpm=96.0, tonic="D", mode="minor"
    )


# compose


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--seconds", "thirty"], 2, "--seconds"),
        (["--seconds", "0"], 1, "--seconds: 0 is out of range"),
        (["--seconds", "1000000000"], 1, "choose 5 to 180"),
        (["--key", "H"], 1, "--key"),
        (["--temperature", "nan"], 2, "--temperature"),
        (["--instrument", "theremin"], 1, "theremin"),
        (["--register", "deep"], 1, "--register"),
        (["--variant", "2"], 2, "--variant"),
        (["--vary", ".", "--cut", "."], 2, "--cut"),
    ],
)
def test_compose_answers_a_mistake_with_one_line_and_writes_nothing(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    output = tmp_path / "new" / "deeper"
    done = manage("compose", "--instrument", "piano", "--output", str(output), *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_results_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    with pytest.raises(ZeroDivisionError):
        _fail_half_way(target)
    assert list(tmp_path.iterdir()) == []
    with appearing_in(target) as folder:
        (folder / "whole").write_text("whole")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["whole"]
    assert [path.name for path in target.parent.iterdir()] == ["b"]


def _fail_half_way(target: Path) -> None:
    with appearing_in(target) as folder:
        (folder / "half").write_text("half")
        raise ZeroDivisionError


def test_results_replace_their_own_names_and_spare_the_rest(tmp_path: Path) -> None:
    (tmp_path / "score.mid").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    with appearing_in(tmp_path) as folder:
        (folder / "score.mid").write_text("new")
    assert ((tmp_path / "score.mid").read_text(), (tmp_path / "mine.txt").read_text()) == ("new", "mine")


def test_results_do_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(NotADirectoryError), appearing_in(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_text() == "kept"


# check_originality


@pytest.mark.django_db
def test_a_work_on_record_is_found_again_in_another_key(tmp_path: Path, capsys: Any) -> None:
    work = a_ready_composition()
    put_on_record(composition_id=work.pk, lines=lines_on_record(a_melody(1)))
    moved = tuple(Note(note.onset, note.pitch + 3, note.duration) for note in a_melody(1))
    score = Score(instrument="piano", notes=moved, metre=(4, 4), bars=12, bpm=60.0, tonic="F", mode="minor")
    write_midi(score, tmp_path / "piece.mid")
    call_command("check_originality", str(tmp_path / "piece.mid"), "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["nearest"]) == ("too_near", str(work.pk))
    assert found["longest_run"] > 30
    assert found["share"] == 1.0


@pytest.mark.django_db
def test_a_melody_of_nobodys_is_original(tmp_path: Path, capsys: Any) -> None:
    write_midi(a_score(seed=99), tmp_path / "piece.mid")
    call_command("check_originality", str(tmp_path / "piece.mid"), "--json")
    assert json.loads(capsys.readouterr().out)["verdict"] == "original"


@pytest.mark.parametrize("content", [b"", b"no midi at all", b"MThd\x00\x00\x00\x06\x00\x01\x00"])
def test_a_corrupt_file_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.mid").write_bytes(content)
    done = manage("check_originality", str(tmp_path / "broken.mid"), "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "broken.mid" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_file_is_said_in_one_line(tmp_path: Path) -> None:
    done = manage("check_originality", str(tmp_path / "none.mid"))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


# train_composer


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "manifest.csv is missing"),
        ("path,instrument\n", "lacks the column"),
        (f"{','.join(COLUMNS)}\na.mid,piano,A,B,1800,CC-BY-NC-4.0,x/y,00\n", "--allow-licence"),
    ],
)
def test_training_refuses_a_corpus_it_cannot_use(tmp_path: Path, manifest: str | None, said: str) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    if manifest is not None:
        (corpus / "manifest.csv").write_text(manifest)
    done = manage(
        "train_composer", "--instrument", "piano", "--corpus", str(corpus), "--output", str(tmp_path / "out")
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


# evaluate_composer


def test_evaluation_refuses_a_corpus_it_cannot_use(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = manage(
        "evaluate_composer", "--instrument", "piano", "--corpus", str(tmp_path), "--json", str(report)
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "manifest.csv is missing" in done.stderr
    assert not report.exists()


# sync_instruments and seed_shop


@pytest.mark.django_db
def test_every_installed_model_becomes_an_instrument_with_exactly_that_model_in_use(tmp_path: Path) -> None:
    a_model_folder(tmp_path, "piano", digest="1" * 64)
    a_model_folder(tmp_path, "guitar", digest="2" * 64)
    for _ in range(2):
        sync_instruments(tmp_path)
    assert [(i.slug, i.name, i.price_minor) for i in Instrument.objects.all()] == [
        ("piano", "Piano", 4900), ("guitar", "Classical guitar", 4900),
    ]  # fmt: skip
    assert ComposerModel.objects.filter(is_active=True).count() == ComposerModel.objects.count() == 2
    a_model_folder(tmp_path, "piano", version="v2", digest="3" * 64)
    sync_instruments(tmp_path)
    active = ComposerModel.objects.get(instrument="piano", is_active=True)
    assert (active.version, active.weights_sha256) == ("v2", "3" * 64)
    assert ComposerModel.objects.filter(instrument="piano").count() == 2


@pytest.mark.django_db
def test_a_model_that_is_gone_is_kept_but_no_longer_in_use(tmp_path: Path) -> None:
    old = an_instrument("organ")
    sync_instruments(a_model_folder(tmp_path, "piano"))
    assert not old.composer_models.get().is_active


@pytest.mark.django_db
def test_what_the_staff_wrote_about_an_instrument_stays(tmp_path: Path) -> None:
    sync_instruments(a_model_folder(tmp_path, "piano"))
    Instrument.objects.update(name="Grand", price_minor=7700)
    sync_instruments(tmp_path)
    assert (Instrument.objects.get().name, Instrument.objects.get().price_minor) == ("Grand", 7700)


@pytest.mark.django_db
@pytest.mark.parametrize("card", ["not json", "{}", '{"version": "1", "sha256": {}}', "[]"])
def test_a_damaged_card_is_named_and_changes_nothing(tmp_path: Path, card: str) -> None:
    a_model_folder(tmp_path, "guitar")
    a_model_folder(tmp_path, "piano")
    (tmp_path / "piano" / "card.json").write_text(card)
    with pytest.raises(CommandError, match=r"piano.card\.json is damaged"):
        call_command("sync_instruments", "--models", str(tmp_path))
    assert not Instrument.objects.exists()


@pytest.mark.django_db
def test_three_demo_pieces_are_queued_once() -> None:
    an_instrument("piano")
    an_instrument("guitar")
    for _ in range(2):
        call_command("seed_shop")
    pieces = Composition.objects.filter(maker__client_id=HOUSE_CLIENT)
    assert pieces.count() == Composition.objects.count() == 3
    assert {piece.instrument_id for piece in pieces} == {"piano", "guitar"}
    assert not any(piece.seed_is_fixed for piece in pieces)


@pytest.mark.django_db
def test_a_demo_piece_that_failed_is_queued_again() -> None:
    an_instrument()
    call_command("seed_shop")
    Composition.objects.filter(mood="calm").update(state="failed")
    call_command("seed_shop")
    assert Composition.objects.filter(state="queued").count() == 3


@pytest.mark.django_db
def test_without_a_model_there_are_no_demo_pieces() -> None:
    with pytest.raises(CommandError, match="not installed"):
        call_command("seed_shop")


@pytest.mark.django_db
def test_a_dead_broker_does_not_stop_the_demo_pieces(django_capture_on_commit_callbacks: Any) -> None:
    an_instrument()
    with (
        mock.patch("generation.tasks.compose_composition.apply_async", side_effect=OSError),
        django_capture_on_commit_callbacks(execute=True),
    ):
        call_command("seed_shop")
    assert Composition.objects.count() == 3
