from __future__ import annotations

import numpy as np
import pytest
import soundfile

from generation.audio.engrave import write_pdf
from generation.audio.errors import EncodingFailed
from generation.audio.render import write_deliverables
from tests.generation.audio.conftest import MUSICXML, scale


@pytest.fixture
def musicxml(tmp_path):
    path = tmp_path / "score.musicxml"
    path.write_text(MUSICXML)
    return path


@pytest.fixture
def master(rendered):
    return rendered(scale()).directory / "master.flac"


def test_the_owner_gets_the_master_sample_for_sample(tmp_path, master, musicxml):
    paths = write_deliverables(
        master=master, musicxml=musicxml, directory=tmp_path / "owned", title="Dusk", copyright_id="SOLO-0042"
    )
    assert [path.name for path in paths] == ["master.wav", "master.flac", "master.mp3", "score.pdf"]
    assert sorted(path.name for path in (tmp_path / "owned").iterdir()) == sorted(path.name for path in paths)
    original, _ = soundfile.read(master, dtype="int32")
    for path in paths[:2]:
        with soundfile.SoundFile(path) as file:
            assert file.subtype == "PCM_24"
            assert (file.title, file.artist) == ("Dusk", "Soloscore")
            assert file.copyright == "Copyright ID SOLO-0042"
            assert file.comment == "AI-generated music"
            assert np.array_equal(file.read(dtype="int32"), original)
    mp3, _ = soundfile.read(paths[2], dtype="float32")
    assert len(mp3) == pytest.approx(len(original), abs=1152)
    assert paths[2].stat().st_size == pytest.approx(len(original) / 44_100 * 320_000 / 8, rel=0.05)
    assert b"SOLO-0042" in paths[3].read_bytes()


def test_the_labelled_copy_may_take_the_place_of_the_master(tmp_path, master, musicxml):
    (tmp_path / "master.flac").write_bytes(master.read_bytes())
    write_deliverables(master=tmp_path / "master.flac", musicxml=musicxml, directory=tmp_path, title="Dusk")
    before, after = (soundfile.read(path, dtype="int32")[0] for path in (master, tmp_path / "master.flac"))
    assert np.array_equal(before, after)


def test_the_score_is_the_same_document_each_time(tmp_path, musicxml):
    for name in ("one.pdf", "two.pdf"):
        write_pdf(musicxml=musicxml, path=tmp_path / name, title="Dämmerung in E♭", footer="Soloscore")
    one = (tmp_path / "one.pdf").read_bytes()
    assert one.startswith(b"%PDF-")
    assert one == (tmp_path / "two.pdf").read_bytes()


@pytest.mark.parametrize("content", [b"", b"<html/>", b"not xml at all", b"\xff\xfe\x00"])
def test_what_is_not_musicxml_is_refused_and_nothing_is_left(tmp_path, master, content):
    (tmp_path / "score.musicxml").write_bytes(content)
    with pytest.raises(EncodingFailed, match="is not MusicXML"):
        write_deliverables(
            master=master, musicxml=tmp_path / "score.musicxml", directory=tmp_path / "owned", title="Dusk"
        )
    assert not (tmp_path / "owned").exists()


def test_a_master_that_is_not_audio_is_refused(tmp_path, musicxml):
    (tmp_path / "master.flac").write_bytes(b"no audio")
    with pytest.raises(EncodingFailed, match="cannot be read as audio"):
        write_deliverables(
            master=tmp_path / "master.flac", musicxml=musicxml, directory=tmp_path / "owned", title="Dusk"
        )
    assert not (tmp_path / "owned").exists()
