from __future__ import annotations

import csv
from pathlib import Path

import pytest

from generation.composer import corpus as reading
from generation.composer.corpus import MANIFEST, CorpusError, Entry, read_corpus, read_manifest
from generation.composer.midi import UnreadableMidiError
from generation.composer.score import Note, Score
from generation.composer.write import read_midi, write_midi
from tests.generation.composer.scores import add_file, corpus_of, tune

EMPTY_SMF = b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk\x00\x00\x00\x04\x00\xff\x2f\x00"


def entry(*, source: str) -> Entry:
    return Entry("a.mid", "piano", "Title", "Composer", "Public Domain", source, "")


def read(corpus: Path, *, cache: Path | None = None) -> tuple[list[str], dict[str, str]]:
    """Paths of the pieces that were read, and why the others were not."""
    skipped: dict[str, str] = {}
    entries = read_manifest(corpus, instruments=["piano"])
    pieces = read_corpus(
        corpus, entries=entries, cache=cache, skipped=lambda one, reason: skipped.update({one.path: reason})
    )
    return [piece.entry.path for piece in pieces], skipped


def test_a_corpus_is_read_as_it_was_written_and_again_from_the_cache(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=3)
    entries = read_manifest(corpus, instruments=["piano"])
    first = read_corpus(corpus, entries=entries, cache=tmp_path / "cache")
    again = read_corpus(corpus, entries=entries, cache=tmp_path / "cache")
    assert first == again == read_corpus(corpus, entries=entries)
    assert [piece.sections[0].notes for piece in first] == [tune(5000 + seed).notes for seed in range(3)]
    assert {(s.metre, s.tonic, s.mode, s.bars) for piece in first for s in piece.sections} == {
        ((4, 4), "C", "major", 8)
    }


def test_the_cache_is_used_and_goes_by_the_hash_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, cache = corpus_of(tmp_path / "corpus", count=2), tmp_path / "cache"
    entries = read_manifest(corpus, instruments=["piano"])
    first = read_corpus(corpus, entries=entries, cache=cache)
    assert sorted(path.stem for path in cache.iterdir()) == sorted(one.sha256 for one in entries)

    def forbidden(path: Path) -> None:
        raise AssertionError(f"{path} was parsed again")

    monkeypatch.setattr(reading, "read_raw_midi", forbidden)
    assert read_corpus(corpus, entries=entries, cache=cache) == first
    next(cache.glob(f"{entries[0].sha256}*")).unlink()
    with pytest.raises(AssertionError, match=r"piano-00\.mid was parsed again"):
        read_corpus(corpus, entries=entries, cache=cache)


def test_progress_counts_every_file(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=3)
    add_file(corpus, "z.mid", b"")
    told: list[tuple[int, int]] = []
    entries = read_manifest(corpus, instruments=["piano"])
    read_corpus(corpus, entries=entries, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.mid", b"", "empty.mid is not a readable MIDI file"),
        ("text.mid", b"not music at all", "text.mid is not a readable MIDI file"),
        ("cut.mid", EMPTY_SMF[:20], "cut.mid is not a readable MIDI file"),
        ("header.mid", b"MThd" + b"\xff" * 40, "header.mid is not a readable MIDI file"),
        ("silent.mid", EMPTY_SMF, "silent.mid contains no notes"),
    ],
)
def test_a_file_without_music_is_named_and_left_out(
    name: str, data: bytes, reason: str, tmp_path: Path
) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=2)
    add_file(corpus, name, data)
    paths, skipped = read(corpus, cache=tmp_path / "cache")
    assert paths == ["piano-00.mid", "piano-01.mid"]
    assert list(skipped) == [name]
    assert reason in skipped[name]
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_every_kind_of_damage_at_once_leaves_the_sound_pieces(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=3)
    whole = (corpus / "piano-00.mid").read_bytes()
    for length in range(0, len(whole), 40):
        add_file(corpus, f"cut-{length:04}.mid", whole[:length])
    add_file(corpus, "changed.mid", whole, digest="0" * 64)
    add_file(corpus, "gone.mid", whole)
    (corpus / "gone.mid").unlink()
    (corpus / "folder.mid").mkdir()
    with (corpus / MANIFEST).open("a", newline="") as file:
        csv.writer(file).writerow(["folder.mid", "piano", "", "", "", "CC0-1.0", "Tests: folder/x", "0" * 64])
    paths, skipped = read(corpus)
    assert {"piano-00.mid", "piano-01.mid", "piano-02.mid"} <= set(paths)
    assert len(paths) + len(skipped) == len(read_manifest(corpus, instruments=["piano"]))
    assert {"changed.mid", "gone.mid", "folder.mid", "cut-0000.mid"} <= set(skipped)
    assert "is not the file of the manifest" in skipped["changed.mid"]
    assert "cannot be read (No such file or directory)" in skipped["gone.mid"]


def test_a_piece_too_short_to_learn_from_is_left_out(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1)
    short = Score("piano", tuple(Note(12 * i, 60 + i, 12) for i in range(8)), (4, 4), 2, 120.0, "C", "major")
    write_midi(short, tmp_path / "short.mid")
    add_file(corpus, "short.mid", (tmp_path / "short.mid").read_bytes())
    assert "no section of 24 notes" in read(corpus)[1]["short.mid"]


def test_a_file_larger_than_a_piece_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=2)
    add_file(corpus, "huge.mid", (corpus / "piano-00.mid").read_bytes() + b"\0" * 5000)
    monkeypatch.setattr(reading, "LARGEST_BYTES", 4000)
    paths, skipped = read(corpus)
    assert paths == ["piano-00.mid", "piano-01.mid"]
    assert "more than the 4000 of one piece" in skipped["huge.mid"]


def test_a_piece_of_too_many_notes_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1)
    write_midi(tune(1, bars=40), tmp_path / "long.mid")
    add_file(corpus, "long.mid", (tmp_path / "long.mid").read_bytes())
    monkeypatch.setattr(reading, "MOST_NOTES", 100)
    paths, skipped = read(corpus, cache=tmp_path / "cache")
    assert paths == ["piano-00.mid"]
    assert "more than the 100 of one piece" in skipped["long.mid"]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_when_nothing_is_left_the_corpus_is_refused(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=2)
    for path in corpus.glob("*.mid"):
        path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CorpusError, match=r"None of the 2 files of .* can be used"):
        read(corpus)


def test_a_licence_that_is_not_free_must_be_permitted_by_name(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1, licence="CC BY-NC 4.0")
    with pytest.raises(CorpusError, match=r"piano-00\.mid.*'CC BY-NC 4\.0'.*--allow-licence"):
        read_manifest(corpus, instruments=["piano"])
    assert len(read_manifest(corpus, instruments=["piano"], allow_licences=["CC BY-NC 4.0"])) == 1


def test_a_licence_in_another_folder_does_not_matter(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", count=1)
    corpus_of(corpus, count=1, instrument="organ", licence="All rights reserved")
    assert len(read_manifest(corpus, instruments=["piano"])) == 1
    with pytest.raises(CorpusError, match="All rights reserved"):
        read_manifest(corpus, instruments=["piano", "organ"])


def test_a_folder_without_manifest_column_or_piece_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"manifest\.csv is missing.*path, instrument"):
        read_manifest(tmp_path, instruments=["piano"])
    with (tmp_path / MANIFEST).open("w", newline="") as file:
        csv.writer(file).writerow(["path", "instrument"])
    with pytest.raises(CorpusError, match="lacks the column"):
        read_manifest(tmp_path, instruments=["piano"])
    with pytest.raises(CorpusError, match="lists no piece for oboe, tuba"):
        read_manifest(corpus_of(tmp_path / "corpus", count=1), instruments=["tuba", "oboe"])


# what is one work

OPUS = "MutopiaProject/MutopiaProject: ftp/BeethovenLv/O49/LVB_Sonate_49no2_{0}/LVB_Sonate_49no2_{0}.ly"
QUARTET = "OpenScore/StringQuartets: scores/Andrée/Quartet/sq1.mxl"
SONG = "OpenScore/Lieder: scores/Schubert/{0}/{1}/lc{2}.mxl"
HAUPTSTIMME = "OpenScore/Hauptstimme: data/Beethoven/Symphony_1/{0}/{0}.mxl"


def test_movements_of_a_work_are_held_out_together() -> None:
    assert entry(source=OPUS.format(1)).work == entry(source=OPUS.format(2)).work
    assert entry(source=HAUPTSTIMME.format(1)).work == entry(source=HAUPTSTIMME.format(2)).work


def test_a_player_of_a_quartet_and_its_score_are_held_out_together() -> None:
    assert entry(source=QUARTET).work == entry(source=f"{QUARTET} (Violoncello part)").work
    assert entry(source=QUARTET).work == entry(source=QUARTET.upper()).work
    assert entry(source=QUARTET).work != entry(source=OPUS.format(1)).work


def test_songs_of_a_cycle_are_held_out_together_but_single_songs_are_not() -> None:
    cycle = [entry(source=SONG.format("Winterreise", f"{n}_Lied", n)).work for n in (1, 2)]
    single = [entry(source=SONG.format("_", f"{n}_Lied", n)).work for n in (1, 2)]
    assert cycle[0] == cycle[1]
    assert single[0] != single[1]


def test_one_work_in_ten_is_held_out() -> None:
    works = [entry(source=f"Tests: work/{number}/a.mid") for number in range(2000)]
    assert sum(one.held_out for one in works) / 2000 == pytest.approx(0.1, abs=0.02)


def test_a_file_that_is_not_midi_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    path.write_text("not music")
    with pytest.raises(UnreadableMidiError, match=r"song\.mid is not a readable MIDI file"):
        read_midi(path)
