"""Stored prints: kept with a piece, asked by a file, made good where an older version kept none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from generation import recognition
from generation.audio import fingerprint
from generation.audio.errors import NotAudio, TooShort
from generation.models import AudioPrint, Composition
from generation.storage import MASTER, path_of
from tests.factories import a_listed_composition, a_queued_composition, a_ready_composition, on_record
from tests.files import silent_wav, some_music
from tests.generation.stubs import a_melody

pytestmark = pytest.mark.django_db


def heard(piece: Composition, sound: Path) -> Composition:
    """The same piece, with this recording's print."""
    recognition.keep_print(
        composition_id=piece.pk, audio_print=fingerprint.pack(fingerprint.fingerprint_of(sound))
    )
    return piece


def test_a_file_is_recognised_as_the_piece_it_is_a_part_of(tmp_path: Path) -> None:
    for seed in (1, 2):
        heard(a_listed_composition(title=f"Piece {seed}"), some_music(tmp_path / f"{seed}.wav", seed=seed))
    found = recognition.recognise(some_music(tmp_path / "part.wav", seed=2, begin=8, seconds=15))
    assert found is not None
    assert (found.composition.title, found.share > 0.9) == ("Piece 2", True)
    assert found.starts_at == pytest.approx(8, abs=0.2)


def test_what_was_not_made_here_is_none_of_ours(tmp_path: Path) -> None:
    heard(a_listed_composition(), some_music(tmp_path / "ours.wav", seed=1))
    assert recognition.recognise(some_music(tmp_path / "theirs.wav", seed=2)) is None


def test_nothing_is_recognised_where_nothing_was_made(tmp_path: Path) -> None:
    assert recognition.recognise(some_music(tmp_path / "theirs.wav", seed=2)) is None


def test_silence_is_nobodys(tmp_path: Path) -> None:
    silence = silent_wav(tmp_path / "silence.wav", samples=240_000)
    heard(a_listed_composition(), silence)
    with pytest.raises(TooShort, match=r"silence\.wav is too short or too silent"):
        recognition.recognise(silence)


def test_a_strangers_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("no sound")
    with pytest.raises(NotAudio):
        recognition.recognise(tmp_path / "x.wav")


def test_asking_goes_through_any_number_of_prints_with_few_questions(
    tmp_path: Path, django_assert_num_queries: Any
) -> None:
    random = np.random.default_rng(1)
    for _ in range(30):
        words = random.integers(0, 1 << 32, size=200, dtype=np.uint32)
        recognition.keep_print(composition_id=a_ready_composition().pk, audio_print=fingerprint.pack(words))
    piece = heard(a_ready_composition(), some_music(tmp_path / "1.wav", seed=1))
    with django_assert_num_queries(2):
        found = recognition.recognise(tmp_path / "1.wav")
    assert found is not None
    assert found.composition == piece


def test_record_works_listens_to_pieces_of_an_older_version_once(tmp_path: Path, capsys: Any) -> None:
    old, lost = (on_record(a_ready_composition(preview=b"sound"), a_melody(seed)) for seed in (1, 2))
    a_queued_composition()
    sound = some_music(tmp_path / "1.wav", seed=1)
    shutil.copyfile(sound, path_of(old, MASTER))
    for _ in range(2):
        call_command("record_works")
    said = capsys.readouterr()
    assert said.out == "1 audio prints kept\n"
    assert f"{lost.pk}: its master cannot be read" in said.err
    found = recognition.recognise(sound)
    assert found is not None
    assert found.composition == old
    assert AudioPrint.objects.count() == 1


def test_a_machine_that_cannot_listen_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for seed in (1, 2):
        piece = on_record(a_ready_composition(preview=b"sound"), a_melody(seed))
        silent_wav(path_of(piece, MASTER), samples=1)
    monkeypatch.setenv("PATH", str(tmp_path))
    call_command("record_works")
    said = capsys.readouterr()
    assert (said.out, said.err.count("libchromaprint-tools")) == ("", 1)
