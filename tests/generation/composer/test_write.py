from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from generation.composer.midi import read_raw_midi
from generation.composer.score import Note, Score
from generation.composer.staves import hands, spelling
from generation.composer.write import read_midi, read_raw, write_midi, write_musicxml
from tests.generation.composer.scores import tune

pytestmark = pytest.mark.filterwarnings("ignore")

WALTZ = Score(
    "guitar",
    (*(Note(step * 6, 52 + step * 5 % 17, 6) for step in range(18)), Note(108, 52, 36), Note(108, 64, 36)),
    (3, 4), 4, 96.0, "E", "minor", title="Waltz",
)  # fmt: skip


@pytest.mark.parametrize("score", [tune(1), WALTZ], ids=["piano", "guitar"])
def test_midi_says_what_the_score_says(score: Score, tmp_path: Path) -> None:
    path = tmp_path / "score.mid"
    write_midi(score, path)
    read = read_midi(path)
    assert read.notes == score.notes
    assert (read.metre, read.tonic, read.mode, read.bars) == (
        score.metre,
        score.tonic,
        score.mode,
        score.bars,
    )
    assert read.bpm == pytest.approx(score.bpm, abs=0.01)
    assert read_raw_midi(path).ticks_per_quarter == 480
    assert path.read_bytes()[8:10] == b"\x00\x01"
    assert score.title.encode() in path.read_bytes()


def test_piano_is_written_on_two_braced_staves_with_title_rights_and_tempo(tmp_path: Path) -> None:
    path = tmp_path / "score.musicxml"
    write_musicxml(tune(2), path, rights="© 2026 Owner")
    text = path.read_text(encoding="utf-8")
    assert "Tune 2" in text
    assert "© 2026 Owner" in text
    assert "Music21" not in text
    assert re.search(r"<group-symbol[^>]*>brace<", text) or "<staves>2</staves>" in text
    assert "<per-minute>120</per-minute>" in text
    assert "<accidental>natural" not in text


@pytest.mark.parametrize("score", [tune(2), WALTZ], ids=["piano", "guitar"])
def test_every_voice_fills_its_bar(score: Score, tmp_path: Path) -> None:
    path = tmp_path / "score.musicxml"
    write_musicxml(score, path)
    root = ET.parse(path).getroot()
    for part in root.iter("part"):
        divisions = 0
        assert len(part.findall("measure")) == score.bars
        for measure in part.findall("measure"):
            divisions = int(measure.findtext("attributes/divisions") or divisions)
            filled: dict[str, int] = {}
            for note in measure.findall("note"):
                if note.find("chord") is None:
                    voice = f"{note.findtext('staff')}/{note.findtext('voice')}"
                    filled[voice] = filled.get(voice, 0) + int(note.findtext("duration") or 0)
            expected = score.metre[0] * 4 * divisions // score.metre[1]
            assert set(filled.values()) == {expected}


@pytest.mark.parametrize(
    ("instrument", "pitch", "clef", "staves", "programme"),
    [
        ("harpsichord", 60, "G2", 2, 7),
        ("organ", 60, "G2", 2, 20),
        ("harp", 60, "G2", 2, 47),
        ("marimba", 60, "G2", 2, 13),
        ("vibraphone", 65, "G2", 1, 12),
        ("violin", 67, "G2", 1, 41),
        ("viola", 60, "C3", 1, 42),
        ("viola", 77, "G2", 1, 42),
        ("cello", 48, "F4", 1, 43),
        ("cello", 65, "C4", 1, 43),
        ("flute", 74, "G2", 1, 74),
    ],
)
def test_each_instrument_has_its_own_clef_staves_and_sound(
    instrument: str, pitch: int, clef: str, staves: int, programme: int, tmp_path: Path
) -> None:
    path = tmp_path / "score.musicxml"
    score = Score(instrument, (Note(0, pitch, 48),), (4, 4), 1, 90.0, "C", "major")
    write_musicxml(score, path)
    root = ET.parse(path).getroot()
    first = root.find(".//clef")
    assert first is not None
    assert f"{first.findtext('sign')}{first.findtext('line')}" == clef
    assert (root.findtext(".//staves") or "1") == str(staves)
    assert root.findtext(".//midi-program") == str(programme)
    assert instrument in (root.findtext(".//part-name") or "").lower()


def test_each_player_of_an_ensemble_has_a_part_and_a_track(tmp_path: Path) -> None:
    notes = (Note(0, 76, 48, 0), Note(0, 67, 24, 1), Note(24, 65, 24, 1))
    score = Score("violin", notes, (4, 4), 1, 90.0, "C", "major", title="Duet")
    xml, midi = tmp_path / "duet.musicxml", tmp_path / "duet.mid"
    write_musicxml(score, xml)
    write_midi(score, midi)
    root = ET.parse(xml).getroot()
    assert [name.text for name in root.iter("part-name")] == ["Violin 1", "Violin 2"]
    expected = [(0, 67, 1), (0, 76, 0), (24, 65, 1)]
    raw = read_raw_midi(midi)
    assert [(onset // 40, pitch, track - 1) for onset, _, pitch, track in raw.notes] == expected
    raw = read_raw(xml)
    assert [
        (onset * 12 // raw.ticks_per_quarter, pitch, track) for onset, _, pitch, track in raw.notes
    ] == expected


def test_more_players_than_midi_has_channels_are_refused(tmp_path: Path) -> None:
    notes = tuple(Note(0, 60 + part, 12, part) for part in range(16))
    score = Score("violin", notes, (4, 4), 1, 90.0, "C", "major")
    with pytest.raises(ValueError, match="16 players are too many"):
        write_midi(score, tmp_path / "score.mid")
    assert not list(tmp_path.iterdir())


def test_guitar_is_written_an_octave_up(tmp_path: Path) -> None:
    path = tmp_path / "score.musicxml"
    write_musicxml(WALTZ, path)
    assert "<clef-octave-change>-1</clef-octave-change>" in path.read_text(encoding="utf-8")


def test_notes_are_spelled_by_the_key() -> None:
    assert spelling(61, sharps=2) == ("C", 1, 4)
    assert spelling(70, sharps=-3) == ("B", -1, 4)
    assert spelling(68, sharps=0) == ("G", 1, 4)
    assert spelling(59, sharps=-6) == ("C", -1, 4)
    assert spelling(60, sharps=6) == ("B", 1, 3)


def test_hands_take_what_lies_before_them() -> None:
    right, left = hands([Note(0, 36, 12), Note(0, 48, 12), Note(0, 72, 12), Note(0, 76, 12)])
    assert [note.pitch for note in right] == [72, 76]
    assert [note.pitch for note in left] == [36, 48]
