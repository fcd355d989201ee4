"""Whatever goes wrong is said in one clear sentence and leaves nothing behind."""

from __future__ import annotations

import errno
import shutil
import time
from pathlib import Path

import pytest

from generation.audio import voices
from generation.audio.errors import (
    EncodingFailed,
    SoundUnavailable,
    StorageFull,
    SynthesisFailed,
    UnknownFont,
)
from generation.audio.process import run_program
from generation.audio.render import render
from generation.audio.voices import check_sound, find_font
from tests.generation.audio.conftest import SECRET, scale


@pytest.fixture
def attempt(tmp_path, cache_dir):
    """Render into a new folder; afterwards nothing may be in it."""
    target = tmp_path / "pieces" / "one"

    def attempt(cache=cache_dir):
        try:
            return render(scale(), directory=target, seed=1, preview_secret=SECRET, cache_dir=cache)
        finally:
            assert not target.exists()

    return attempt


def test_nothing_is_missing_on_this_machine():
    assert check_sound() == []


@pytest.mark.parametrize("missing", ["fluidsynth", "lame", "espeak-ng"])
def test_a_missing_program_is_named_with_the_command_that_installs_it(
    attempt, tmp_path, monkeypatch, missing, cache_dir
):
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in set(voices.PROGRAMS) - {missing}:
        (folder / name).symlink_to(Path("/usr/bin") / name)
    monkeypatch.setenv("PATH", str(folder))
    for recording in cache_dir.glob("tags/*"):
        recording.unlink()
    with pytest.raises(
        SoundUnavailable, match=f"program {missing} is missing; install it with: apt-get install"
    ):
        attempt()
    assert len(check_sound()) == 1


def test_a_missing_font_is_named_with_the_command_that_installs_it(attempt, tmp_path, monkeypatch):
    monkeypatch.setattr(voices, "FONT_FOLDERS", (str(tmp_path / "nowhere"),))
    with pytest.raises(SoundUnavailable, match=r"MuseScore_General_Full\.sf3 .*apt-get install .*soundfont"):
        attempt()
    assert len(check_sound()) == 1


def test_a_font_folder_of_ones_own_comes_first(tmp_path, monkeypatch):
    (tmp_path / "MuseScore_General.sf3").write_bytes(b"another build")
    monkeypatch.setenv(voices.FONT_FOLDER_VARIABLE, str(tmp_path))
    assert find_font() == tmp_path / "MuseScore_General.sf3"


def test_a_font_damaged_in_the_middle_is_told_by_its_digest_and_nothing_is_rendered_with_it(
    attempt, tmp_path, monkeypatch
):
    damaged = tmp_path / "MuseScore_General_Full.sf3"
    shutil.copyfile(find_font(), damaged)
    with damaged.open("r+b") as file:
        file.seek(damaged.stat().st_size // 2)
        file.write(b"\xff\x00" * 8)
    monkeypatch.setenv(voices.FONT_FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(UnknownFont, match=f"{damaged} is damaged or not a build we know .*--reinstall"):
        attempt()
    (problem,) = check_sound()
    assert "is damaged or not a build we know" in problem


def test_an_unknown_font_is_used_where_the_operator_has_read_its_licence(attempt, tmp_path, monkeypatch):
    (tmp_path / "MuseScore_General.sf3").write_bytes(b"RIFF but not really a font")
    monkeypatch.setenv(voices.FONT_FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv(voices.ALLOW_UNKNOWN_VARIABLE, "1")
    assert check_sound() == []
    with pytest.raises(SynthesisFailed, match="not a sound font"):
        attempt()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo broken >&2; exit 3", "fluidsynth ended with status 3: broken"),
        ("exit 0", "fluidsynth gave 0.0 s of sound for a piece of"),
        ("head -c 4000000 /dev/zero", "fluidsynth gave silence"),
        (
            "echo 'fluidsynth: error: Failed to load SoundFont' >&2",
            "could not play .*Failed to load SoundFont",
        ),
    ],
)
def test_a_failing_synthesizer_is_reported_in_its_own_words(attempt, program, script, message):
    program("fluidsynth", script)
    with pytest.raises(SynthesisFailed, match=message):
        attempt()


def test_a_program_that_hangs_is_stopped(program):
    program("ffmpeg", "sleep 60")
    began = time.monotonic()
    with pytest.raises(EncodingFailed, match=r"ffmpeg did not finish within 0\.3 s and was stopped"):
        run_program(command=["ffmpeg"], timeout=0.3, failure=EncodingFailed)
    assert time.monotonic() - began < 5


def test_a_failing_encoder_is_reported(attempt, program):
    program("lame", "echo unsupported sample rate >&2; exit 1")
    with pytest.raises(EncodingFailed, match="lame ended with status 1: unsupported sample rate"):
        attempt()


def test_a_failing_voice_is_reported(attempt, program, cache_dir):
    for recording in cache_dir.glob("tags/*"):
        recording.unlink()
    program("espeak-ng", "exit 0")
    with pytest.raises(SynthesisFailed, match="espeak-ng gave no sound"):
        attempt()


def test_a_full_disk_is_named_while_the_master_is_written(attempt, monkeypatch):
    write = Path.write_bytes

    def full(path, data):
        if path.suffix == ".flac":
            write(path, bytes(1000))
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFull, match=r"no space left on the disk of .*/pieces/one; free some"):
        attempt()


def test_a_full_disk_is_named_while_the_preview_is_encoded(attempt, program):
    program("lame", f'shift $(($# - 2)); exec {shutil.which("lame")} --silent "$1" /dev/full')
    with pytest.raises(StorageFull, match="lame found no space left"):
        attempt()


def test_a_cache_that_cannot_be_written_costs_time_and_not_the_sound(tmp_path, cache_dir, caplog):
    blocked = tmp_path / "cache"
    blocked.write_text("a file where the folder should be")
    masters = []
    for cache in (cache_dir, blocked):
        folder = tmp_path / f"with-{cache.name}"
        render(scale(), directory=folder / "out", seed=1, preview_secret=SECRET, cache_dir=cache)
        masters.append((folder / "out" / "master.flac").read_bytes())
    assert masters[0] == masters[1]
    assert "rendering will be slower" in caplog.text
