"""``manage.py compose`` from an earlier piece: what is read back, what is asked of the composer, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from generation.composer import compose as composer
from generation.composer import write
from generation.composer.plan import Source
from generation.composer.score import Score
from generation.composer.stored import from_json, to_json
from tests.generation.stubs import Studio, a_melody

EARLIER = Score(
    instrument="piano",
    notes=a_melody(1),
    metre=(4, 4),
    bars=8,
    bpm=96.0,
    tonic="D",
    mode="minor",
    title="Piano",
)
"""Twenty seconds."""


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder as ``compose`` leaves it."""
    folder = tmp_path / "earlier"
    folder.mkdir()
    (folder / "score.json").write_text(to_json(EARLIER))
    return folder


@pytest.fixture
def stubbed(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """The command with a composer and writers that take no time."""
    monkeypatch.setattr(composer, "compose", studio.compose)
    monkeypatch.setattr(composer, "load_model", lambda instrument: SimpleNamespace(version="stub"))
    for name in ("write_midi", "write_musicxml"):
        monkeypatch.setattr(write, name, lambda score, path: path.write_bytes(b"score"))
    monkeypatch.setattr("generation.audio.engrave.write_pdf", lambda **_: None)
    monkeypatch.setattr("generation.audio.notices.write_labelled_score", lambda **_: None)
    monkeypatch.setattr("generation.worker.load_score_writer", lambda: None)
    return studio


@pytest.mark.django_db
def test_the_score_is_kept_beside_the_others_and_the_form_is_told(
    stubbed: Studio, tmp_path: Path, capsys: Any
) -> None:
    output = tmp_path / "new"
    arguments = ["--instrument", "piano", "--variant", "1", "--register", "high", "--seed", "5"]
    call_command("compose", *arguments, "--score-only", "--output", str(output))
    order = stubbed.calls[0]["order"]
    assert (order.seconds, order.register, order.variant, stubbed.calls[0]["source"]) == (30, "high", 1, None)
    score = from_json((output / "score.json").read_bytes())
    assert (score.notes, score.title) == (a_melody(5), "Piano in D minor")
    assert json.loads(capsys.readouterr().out)["form"] == "A"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "seconds", "bars"),
    [
        (["--vary", "--from-bar", "5"], 20, 4),
        (["--vary", "--from-bar", "2", "--seconds", "20", "--instrument", "piano"], 20, 1),
        (["--extend", "--seconds", "60"], 60, 6),
        (["--cut", "--seconds", "15"], 15, 4),
    ],
)
def test_a_piece_goes_on_from_an_earlier_one(
    stubbed: Studio, earlier: Path, tmp_path: Path, arguments: list[str], seconds: int, bars: int
) -> None:
    way, *rest = arguments
    call_command("compose", way, str(earlier), *rest, "--score-only", "--output", str(tmp_path / "new"))
    (call,) = stubbed.calls
    assert (call["order"].instrument, call["order"].seconds) == ("piano", seconds)
    assert call["source"] == Source(EARLIER, bars)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vary"], "--from-bar: say from which bar"),
        (["--vary", "--from-bar", "1"], "choose a bar from 2 to 7"),
        (["--vary", "--from-bar", "8"], "choose a bar from 2 to 7"),
        (["--vary", "--from-bar", "3", "--seconds", "30"], "--seconds: a variation lasts as long"),
        (["--extend"], "--seconds: name a length of more than the 20 seconds"),
        (["--extend", "--seconds", "20"], "--seconds: name a length of more than the 20 seconds"),
        (["--extend", "--seconds", "500"], "--seconds: 500 is out of range"),
        (["--extend", "--seconds", "30", "--from-bar", "3"], "--from-bar: only --vary"),
        (["--cut"], "--seconds: name a length of less than the 20 seconds"),
        (["--cut", "--seconds", "20"], "--seconds: name a length of less than the 20 seconds"),
        (["--cut", "--seconds", "0"], "--seconds: 0 is out of range"),
        (["--cut", "--seconds", "15", "--instrument", "guitar"], "--instrument: the piece in"),
        (["--cut", "--seconds", "15", "--key", "C"], "--key: a piece made from another keeps its key"),
        (["--cut", "--seconds", "15", "--bpm", "60"], "--bpm: a piece made from another keeps its tempo"),
        (["--cut", "--seconds", "15", "--mood", "furious"], "--mood"),
    ],
)
def test_what_cannot_come_of_a_piece_is_said_in_one_line(
    stubbed: Studio, earlier: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    way, *rest = arguments
    _assert_refused([way, str(earlier), *rest], tmp_path=tmp_path, said=said)
    assert stubbed.calls == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "score.json cannot be read (No such file or directory); name the output folder"),
        (b"{", "score.json is damaged: it is not JSON"),
        (b"\xff\xfe\x00", "score.json is damaged"),
        (b"{}", "score.json is damaged: 'notes' is missing"),
    ],
)
def test_a_folder_without_a_sound_score_is_said_in_one_line(
    earlier: Path, tmp_path: Path, content: bytes | None, said: str
) -> None:
    (earlier / "score.json").unlink()
    if content is not None:
        (earlier / "score.json").write_bytes(content)
    _assert_refused(["--vary", str(earlier), "--from-bar", "3"], tmp_path=tmp_path, said=said)


def test_a_bar_alone_and_no_instrument_are_refused(tmp_path: Path) -> None:
    _assert_refused(
        ["--instrument", "piano", "--from-bar", "3"], tmp_path=tmp_path, said="--from-bar: only --vary"
    )
    error = _assert_refused(["--seconds", "30"], tmp_path=tmp_path, said="--instrument is required")
    assert error.returncode == 2


def _assert_refused(arguments: list[str], *, tmp_path: Path, said: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        call_command("compose", *arguments, "--score-only", "--output", str(tmp_path / "new"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()
    return caught.value
