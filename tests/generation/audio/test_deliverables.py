"""What an owner downloads: the master sample for sample, or marked, and every file says what it is."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree

import mutagen
import numpy as np
import pytest
import soundfile

from generation.audio.certificates import make_credentials, root_of
from generation.audio.deliverables import write_deliverables
from generation.audio.engrave import write_pdf
from generation.audio.errors import EncodingFailed, StorageFull
from generation.audio.labels import AI_SOURCE_TYPE, Labels
from generation.audio.provenance import Signer
from generation.composer.write import read_score, write_midi, write_musicxml
from tests.generation.audio.c2pa_by_hand import validate
from tests.generation.audio.conftest import MUSICXML, scale

SOUND = ("master.wav", "master.flac", "master.mp3")
OWNED = Labels(
    title="Dämmerung",
    copyright_id="SLS-0042-0042-0042",
    licence="Exclusive licence 2026-11",
    licensee="one exclusive licensee",
    verify_url="https://soloscore.example/certificates/SLS-0042-0042-0042/",
)
RIGHTS = (
    "Copyright ID SLS-0042-0042-0042. Exclusive licence 2026-11. "
    "https://soloscore.example/certificates/SLS-0042-0042-0042/"
)
ORIGIN = f"AI-generated music ({AI_SOURCE_TYPE})"


@pytest.fixture
def musicxml(tmp_path):
    path = tmp_path / "score.musicxml"
    path.write_text(MUSICXML)
    return path


@pytest.fixture
def master(rendered):
    return rendered(scale()).directory / "master.flac"


@pytest.fixture(scope="module")
def owned(rendered, tmp_path_factory):
    """Everything the owner of the scale gets, signed but not marked; ``stored`` are the files it was made of."""
    stored = tmp_path_factory.mktemp("stored")
    rendering = rendered(scale()).directory
    for name in ("master.flac", "performance.mid"):
        (stored / name).write_bytes((rendering / name).read_bytes())
    write_midi(scale(), stored / "score.mid")
    write_musicxml(scale(), stored / "score.musicxml")
    pair = make_credentials(organisation="Soloscore")
    directory = tmp_path_factory.mktemp("owned")
    written = write_deliverables(
        master=stored / "master.flac",
        musicxml=stored / "score.musicxml",
        midi=[stored / "score.mid", stored / "performance.mid"],
        directory=directory,
        labels=OWNED,
        signer=Signer(credentials=pair, composer="piano-1"),
    )
    return stored, directory, written, pair


def test_every_file_is_there_and_each_stage_was_timed(owned):
    _, directory, written, _ = owned
    names = [*SOUND, "score.pdf", "score.musicxml", "score.mid", "performance.mid"]
    assert [path.name for path in written.paths] == names
    assert sorted(directory.iterdir()) == sorted(written.paths)
    assert list(written.timings) == ["decode", "wav", "flac", "mp3", "sign", "score_pdf", "scores"]


def test_the_owner_gets_the_master_sample_for_sample(owned):
    stored, directory, _, _ = owned
    original, _ = soundfile.read(stored / "master.flac", dtype="int32")
    for name in SOUND[:2]:
        with soundfile.SoundFile(directory / name) as file:
            assert file.subtype == "PCM_24"
            assert np.array_equal(file.read(dtype="int32"), original)
    mp3, _ = soundfile.read(directory / "master.mp3", dtype="float32")
    assert len(mp3) == pytest.approx(len(original), abs=1152)
    size = (directory / "master.mp3").stat().st_size
    assert size == pytest.approx(len(original) / 44_100 * 320_000 / 8, rel=0.06)


@pytest.mark.parametrize("name", SOUND)
def test_any_player_shows_whose_it_is_and_that_a_machine_made_it(owned, name):
    _, directory, _, _ = owned
    with soundfile.SoundFile(directory / name) as file:
        assert (file.title, file.artist) == ("Dämmerung", "Soloscore")
        assert file.copyright == "Copyright ID SLS-0042-0042-0042"
        assert file.comment == "AI-generated music"


def test_the_further_labels_are_read_by_another_program(owned):
    _, directory, _, _ = owned
    further = {
        "digitalSourceType": AI_SOURCE_TYPE,
        "copyrightId": OWNED.copyright_id,
        "license": OWNED.licence,
        "licensee": OWNED.licensee,
        "verify": OWNED.verify_url,
    }
    for name in ("master.wav", "master.mp3"):
        tags = mutagen.File(directory / name).tags
        assert {frame.desc: frame.text[0] for frame in tags.getall("TXXX")} == further
        assert tags["WCOP"].url == OWNED.verify_url
    comments = mutagen.File(directory / "master.flac").tags
    assert {key: comments[key] for key in further} == {key: [value] for key, value in further.items()}


@pytest.mark.parametrize("name", SOUND)
def test_the_sound_is_signed_last(owned, name):
    _, directory, _, pair = owned
    said = validate((directory / name).read_bytes(), root=root_of(pair.chain))
    assert said.metadata["dc:identifier"] == OWNED.copyright_id
    assert said.created["softwareAgent"]["version"] == "piano-1"


@pytest.mark.parametrize("name", ["score.mid", "performance.mid"])
def test_midi_begins_with_its_rights_and_keeps_its_notes(owned, name):
    from music21 import midi

    stored, directory, _, _ = owned
    file = midi.MidiFile()
    file.open(directory / name)
    file.read()
    file.close()
    events = [event for event in file.tracks[0].events if not event.isDeltaTime()]
    assert (events[0].type, events[0].data.decode()) == (midi.MetaEvents.COPYRIGHT_NOTICE, RIGHTS)
    assert (events[1].type, events[1].data.decode()) == (midi.MetaEvents.TEXT_EVENT, ORIGIN)
    assert read_score(directory / name) == read_score(stored / name)


def test_musicxml_says_it_in_its_identification_and_keeps_its_notes(owned):
    stored, directory, _, _ = owned
    assert (directory / "score.musicxml").read_text().splitlines()[1].startswith("<!DOCTYPE score-partwise")
    identification = ElementTree.parse(directory / "score.musicxml").getroot().find("identification")
    assert [child.tag for child in identification] == ["creator", "rights", "encoding"]
    assert identification.findtext("rights") == RIGHTS
    assert identification.findtext("encoding/encoding-description") == ORIGIN
    assert read_score(directory / "score.musicxml") == read_score(stored / "score.musicxml")


def test_the_printed_score_carries_the_copyright_id(owned):
    _, directory, _, _ = owned
    assert OWNED.copyright_id.encode() in (directory / "score.pdf").read_bytes()


def test_a_piece_that_nobody_owns_claims_no_rights(tmp_path, master, musicxml):
    (tmp_path / "master.flac").write_bytes(master.read_bytes())
    write_midi(scale(), tmp_path / "score.mid")
    write_deliverables(
        master=tmp_path / "master.flac",
        musicxml=musicxml,
        midi=[tmp_path / "score.mid"],
        directory=tmp_path,
        labels=Labels(title="Dusk"),
    )
    # The labelled copies have taken the place of the files they were made of.
    before, after = (soundfile.read(path, dtype="int32")[0] for path in (master, tmp_path / "master.flac"))
    assert np.array_equal(before, after)
    identification = ElementTree.parse(musicxml).getroot().find("identification")
    assert [child.tag for child in identification] == ["encoding"]
    for path in tmp_path.iterdir():
        assert b"opyright" not in path.read_bytes(), path.name
    assert ORIGIN.encode() in (tmp_path / "score.mid").read_bytes()


def test_a_marked_copy_is_dithered_once_and_the_same_in_every_format(tmp_path, master, musicxml):
    seen = []

    def mark(sound):
        seen.append(sound)
        return sound * np.float32(0.99)

    for folder, labels in (("one", OWNED), ("again", OWNED), ("other", replace(OWNED, copyright_id="SLS-1"))):
        written = write_deliverables(
            master=master, musicxml=musicxml, directory=tmp_path / folder, labels=labels, mark=mark
        )
        assert "mark" in written.timings
    original, _ = soundfile.read(master, dtype="float32")
    assert (seen[0].dtype, seen[0].shape) == (np.float32, original.shape)
    assert np.array_equal(seen[0], original)
    wav, flac, again, other = (
        soundfile.read(tmp_path / name, dtype="int32")[0] >> 8
        for name in ("one/master.wav", "one/master.flac", "again/master.flac", "other/master.flac")
    )
    assert np.array_equal(wav, flac)
    assert np.array_equal(wav, again)
    wished = original.astype(np.float64) * 0.99 * (1 << 23)
    error = wav - wished
    # Triangular dither and the rounding after it: never more than 1.5 steps, 0.5 in the mean square.
    assert np.abs(error).max() <= 1.6
    assert np.sqrt(np.mean(error**2)) == pytest.approx(0.5, abs=0.05)
    assert np.abs(other - wav).max() in {1, 2, 3}
    mp3, _ = soundfile.read(tmp_path / "one" / "master.mp3", dtype="float32")
    length = min(len(mp3), len(original))
    gain = np.vdot(mp3[:length], original[:length]) / np.vdot(original[:length], original[:length])
    assert gain == pytest.approx(0.99, abs=0.002)


def test_a_mark_that_goes_over_full_scale_is_clipped_and_does_not_wrap(tmp_path, master, musicxml):
    write_deliverables(
        master=master,
        musicxml=musicxml,
        directory=tmp_path / "loud",
        labels=OWNED,
        mark=lambda sound: sound * 4,
    )
    original, _ = soundfile.read(master, dtype="float32")
    loud, _ = soundfile.read(tmp_path / "loud" / "master.wav", dtype="float32")
    beyond = np.abs(original) > 0.3
    assert beyond.any()
    assert np.array_equal(np.sign(loud[beyond]), np.sign(original[beyond]))


def test_the_score_is_the_same_document_each_time(tmp_path, musicxml):
    for name in ("one.pdf", "two.pdf"):
        write_pdf(musicxml=musicxml, path=tmp_path / name, title="Dämmerung in E♭", footer="Soloscore")
    one = (tmp_path / "one.pdf").read_bytes()
    assert one.startswith(b"%PDF-")
    assert one == (tmp_path / "two.pdf").read_bytes()


def test_a_score_is_engraved_in_any_thread(tmp_path, musicxml):
    # A worker warms up in one thread and delivers in another; Verovio keeps its fonts by thread.
    for name in ("here.pdf", "there.pdf"):
        engraving = partial(
            write_pdf, musicxml=musicxml, path=tmp_path / name, title="Song", footer="Soloscore"
        )
        thread = threading.Thread(target=engraving)
        thread.start()
        thread.join()
        assert (tmp_path / name).read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("content", [b"", b"<html/>", b"not xml at all", b"\xff\xfe\x00"])
def test_what_is_not_musicxml_is_refused_and_nothing_is_left(tmp_path, master, content):
    (tmp_path / "score.musicxml").write_bytes(content)
    with pytest.raises(EncodingFailed, match="is not MusicXML"):
        write_deliverables(
            master=master, musicxml=tmp_path / "score.musicxml", directory=tmp_path / "owned", labels=OWNED
        )
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"MThd", b"RIFF and much that is no MIDI file"])
def test_what_is_not_midi_is_refused_and_nothing_is_left(tmp_path, master, musicxml, content):
    (tmp_path / "score.mid").write_bytes(content)
    with pytest.raises(EncodingFailed, match=r"score\.mid is not a score that we wrote"):
        write_deliverables(
            master=master,
            musicxml=musicxml,
            midi=[tmp_path / "score.mid"],
            directory=tmp_path / "owned",
            labels=OWNED,
        )
    assert not (tmp_path / "owned").exists()


def test_a_master_that_is_not_audio_is_refused(tmp_path, musicxml):
    (tmp_path / "master.flac").write_bytes(b"no audio")
    with pytest.raises(EncodingFailed, match="cannot be read as audio"):
        write_deliverables(
            master=tmp_path / "master.flac", musicxml=musicxml, directory=tmp_path / "owned", labels=OWNED
        )
    assert not (tmp_path / "owned").exists()


def test_a_master_at_another_rate_is_refused(tmp_path, musicxml):
    soundfile.write(tmp_path / "master.flac", np.zeros((100, 2)), 48_000, subtype="PCM_24")
    with pytest.raises(EncodingFailed, match="2 channels at 48000 Hz; a master has 2 at 44100"):
        write_deliverables(
            master=tmp_path / "master.flac", musicxml=musicxml, directory=tmp_path / "owned", labels=OWNED
        )


def test_a_full_disk_while_signing_leaves_nothing(tmp_path, master, musicxml, full_at_the_manifest):
    signer = Signer(credentials=make_credentials(organisation="Soloscore"), composer="piano-1")
    with pytest.raises(StorageFull, match=r"no space left on the disk of .*/owned; free some"):
        write_deliverables(
            master=master, musicxml=musicxml, directory=tmp_path / "owned", labels=OWNED, signer=signer
        )
    assert not (tmp_path / "owned").exists()
