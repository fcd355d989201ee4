"""The whole way with the weights that ship and real sound: nothing is replaced by a stub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from django.conf import settings as configured
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from generation import storage
from generation.composer.score import Score
from generation.composer.stored import from_json
from generation.composer.write import read_midi
from generation.models import Composition, WorkFingerprint
from generation.recognition import recognise
from generation.tasks import compose_composition
from tests.generation.test_commands import ROOT

FILES = {
    "score.json", "score.mid", "score.musicxml", "score.pdf", "master.wav", "master.flac", "master.mp3", "preview.mp3",
    "report.json",
}  # fmt: skip
KEYS = {
    "instrument",
    "seed",
    "seconds",
    "bpm",
    "key",
    "mode",
    "notes",
    "unique_elements",
    "form",
    "model",
    "originality",
    "timings",
}


@pytest.mark.django_db
def test_a_guest_orders_a_piece_and_hears_it(client: Client, settings: Settings) -> None:
    # The test's database in memory is not for two threads.
    settings.HEARTBEAT_LAPSES_AFTER = timedelta(hours=1)
    call_command("sync_instruments")
    ordered = client.post("/compose/", {"instrument": "piano", "seconds": "15", "seed": "11"})
    piece = Composition.objects.get(variant=0)
    assert ordered.status_code == 302
    compose_composition(str(piece.pk))
    piece.refresh_from_db()
    assert (piece.state, piece.reason) == ("ready", "")
    assert abs(piece.seconds - 15) <= 0.5
    status = client.get(f"/compositions/{piece.pk}/status/").json()
    assert (status["state"], status["percent"]) == ("ready", 100)
    heard = client.get(status["preview_url"])
    preview = b"".join(heard.streaming_content)
    assert preview == storage.preview_path(piece).read_bytes()
    score = read_midi(storage.path_of(piece, storage.SCORE_MIDI))
    assert len(score.notes) == piece.notes == len(storage.read_score(piece).notes)
    master, rate = soundfile.read(storage.path_of(piece, storage.MASTER))
    tagged, tagged_rate = soundfile.read(storage.preview_path(piece))
    assert (rate, tagged_rate) == (44100, 44100)
    assert np.abs(master).max() > 0.1
    assert len(tagged) / tagged_rate >= piece.seconds
    heard = recognise(storage.preview_path(piece))
    assert heard is not None
    assert heard.composition == piece
    assert WorkFingerprint.objects.filter(work__composition=piece).exists()
    assert set(piece.timings) >= {"composing", "score_files", "synthesis", "mastering", "preview", "total"}
    assert client.get(f"/compositions/{piece.pk}/").status_code == 200


def test_the_command_composes_without_a_database_row(tmp_path: Path) -> None:
    arguments = ["--instrument", "guitar", "--seconds", "6", "--seed", "7", "--key", "Eb", "--mode", "minor"]
    output = tmp_path / "piece"
    environment = os.environ | {"SOLOSCORE_VAR_DIR": str(tmp_path / "var")}
    done = subprocess.run(
        [sys.executable, "manage.py", "compose", *arguments, "--output", str(output)],
        cwd=ROOT, capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    report = json.loads(done.stdout.strip().splitlines()[-1])
    assert set(report) >= KEYS
    assert (report["instrument"], report["seed"], report["key"], report["mode"]) == (
        "guitar",
        7,
        "E-",
        "minor",
    )
    assert set(report["originality"]) >= {"longest_run_corpus", "longest_run_works", "nearest"}
    assert {path.name for path in output.iterdir()} == FILES
    assert json.loads((output / "report.json").read_text()) == report
    again = subprocess.run(
        [sys.executable, "manage.py", "compose", *arguments, "--score-only", "--output", str(tmp_path / "again")],
        cwd=ROOT, capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    assert json.loads(again.stdout)["notes"] == report["notes"]
    assert {path.name for path in (tmp_path / "again").iterdir()} == {
        "score.json", "score.mid", "score.musicxml", "score.pdf", "report.json",
    }  # fmt: skip
    assert (tmp_path / "again" / "score.mid").read_bytes() == (output / "score.mid").read_bytes()


def test_the_command_goes_on_from_a_piece_it_has_written(tmp_path: Path) -> None:
    def compose(name: str, *arguments: str) -> Score:
        subprocess.run(
            [sys.executable, "manage.py", "compose", *arguments, "--score-only", "--output", str(tmp_path / name)],
            cwd=ROOT, capture_output=True, check=True, env=os.environ | {"SOLOSCORE_VAR_DIR": str(tmp_path / "var")},
        )  # fmt: skip
        return from_json((tmp_path / name / "score.json").read_bytes())

    first = compose("first", "--instrument", "piano", "--seconds", "20", "--seed", "3")
    folder = str(tmp_path / "first")
    kept = [note for note in first.notes if note.onset < 2 * first.steps_per_bar]
    for name, seconds, arguments in (
        ("varied", 20, ["--vary", folder, "--from-bar", "3"]),
        ("longer", 40, ["--extend", folder, "--seconds", "40"]),
        ("shorter", 15, ["--cut", folder, "--seconds", "15"]),
    ):
        made = compose(name, *arguments, "--seed", "4")
        assert (made.instrument, made.tonic, made.mode, made.metre) == (
            "piano",
            first.tonic,
            first.mode,
            first.metre,
        )
        assert round(made.seconds, 6) == seconds
        assert [note for note in made.notes if note.onset < 2 * first.steps_per_bar] == kept
        assert made.notes != first.notes


@pytest.fixture(autouse=True)
def _sound_cache() -> None:
    """Spoken tags and fonts are prepared once for the whole run."""
    Path(configured.SOUND_CACHE_DIR).mkdir(parents=True, exist_ok=True)
    assert shutil.which("fluidsynth"), "apt-get install fluidsynth"
