from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest

from generation.composer.corpus import MANIFEST, CorpusError, Entry, read_corpus, read_manifest
from generation.composer.midi import UnreadableMidiError
from generation.composer.write import read_midi
from tests.generation.composer.scores import corpus_of, tune


def entry(*, source: str) -> Entry:
    return Entry("a.mid", "piano", "Title", "Composer", "Public Domain", source, "")


def test_a_corpus_is_read_as_it_was_written_and_again_from_the_cache(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=3)
    entries = read_manifest(corpus, instruments=["piano"])
    read = read_corpus(corpus, entries=entries, cache=tmp_path / "cache")
    again = read_corpus(corpus, entries=entries, cache=tmp_path / "cache")
    assert read == again
    assert [piece.sections[0].notes for piece in read] == [tune(seed).notes for seed in range(3)]
    assert {(s.metre, s.tonic, s.mode, s.bars) for piece in read for s in piece.sections} == {
        ((4, 4), "C", "major", 8)
    }


def test_a_corrupted_file_is_named_with_a_remedy_and_leaves_no_cache(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=2)
    broken = corpus / "piano-01.mid"
    original = hashlib.sha256(broken.read_bytes()).hexdigest()
    broken.write_bytes(broken.read_bytes()[:40])
    manifest = corpus / MANIFEST
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace(original, hashlib.sha256(broken.read_bytes()).hexdigest()), encoding="utf-8"
    )
    entries = read_manifest(corpus, instruments=["piano"])
    with pytest.raises(CorpusError, match=r"piano-01\.mid.*(replace|remove)"):
        read_corpus(corpus, entries=entries, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1)
    path = corpus / "piano-00.mid"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CorpusError, match=r"piano-00\.mid is not the file of the manifest"):
        read_corpus(corpus, entries=read_manifest(corpus, instruments=["piano"]))


def test_a_licence_that_is_not_free_must_be_permitted_by_name(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1, licence="CC BY-NC 4.0")
    with pytest.raises(CorpusError, match=r"'CC BY-NC 4\.0'.*--allow-licence"):
        read_manifest(corpus, instruments=["piano"])
    assert len(read_manifest(corpus, instruments=["piano"], allow_licences=["CC BY-NC 4.0"])) == 1


def test_a_folder_without_manifest_or_column_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"manifest\.csv is missing.*path, instrument"):
        read_manifest(tmp_path, instruments=["piano"])
    with (tmp_path / MANIFEST).open("w", newline="") as file:
        csv.writer(file).writerow(["path", "instrument"])
    with pytest.raises(CorpusError, match="lacks the column"):
        read_manifest(tmp_path, instruments=["piano"])


def test_movements_and_parts_of_a_work_are_held_out_together() -> None:
    opus = "MutopiaProject/MutopiaProject: ftp/BeethovenLv/O49/LVB_Sonate_49no2_{0}/LVB_Sonate_49no2_{0}.ly"
    assert entry(source=opus.format(1)).work == entry(source=opus.format(2)).work
    quartet = "OpenScore/StringQuartets: scores/Andrée/Quartet/sq1.mxl"
    assert entry(source=quartet).work == entry(source=f"{quartet} (Violoncello part)").work
    assert entry(source=quartet).work != entry(source=opus.format(1)).work


def test_a_file_that_is_not_midi_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    path.write_text("not music")
    with pytest.raises(UnreadableMidiError, match=r"song\.mid is not a readable MIDI file"):
        read_midi(path)
