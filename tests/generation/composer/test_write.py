from __future__ import annotations

import random
import re
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.composer.midi import read_raw_midi
from generation.composer.score import Note, Score
from generation.composer.staves import hands, spelling
from generation.composer.write import read_midi, read_raw, write_midi, write_musicxml
from tests.generation.composer.scores import CALM, tune

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


def sheet(score: Score) -> ET.Element:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "score.musicxml"
        write_musicxml(score, path)
        return ET.parse(path).getroot()


def a_score(
    instrument: str,
    *notes: tuple[int, int, int],
    metre: tuple[int, int] = (4, 4),
    bars: int = 1,
    tonic: str = "C",
) -> Score:
    return Score(instrument, tuple(Note(*note) for note in sorted(notes)), metre, bars, 96.0, tonic, "major")


def signs(root: ET.Element) -> list[tuple[str, str | None]]:
    """(value, pitch or None for a rest) of each printed sign, in order."""
    return [
        ((note.findtext("type") or "bar"), note.findtext("pitch/step"))
        for note in root.iter("note")
        if note.get("print-object") != "no"
    ]


@given(
    notes=st.lists(
        st.tuples(
            st.integers(0, 95), st.integers(60, 84), st.sampled_from([1, 2, 3, 4, 6, 8, 9, 12, 18, 24])
        ),
        min_size=1,
        max_size=24,
        unique_by=lambda one: one[:2],
    ),
    metre=st.sampled_from([(4, 4), (2, 4), (2, 2), (3, 4), (6, 8)]),
)
@settings(CALM, max_examples=25)
def test_beams_are_whole_and_stay_within_beats(
    notes: list[tuple[int, int, int]], metre: tuple[int, int]
) -> None:
    bar = metre[0] * 48 // metre[1]
    root = sheet(a_score("violin", *notes, metre=metre, bars=-(-120 // bar)))
    for measure in root.iter("measure"):
        now, open_groups = 0, {}
        for element in measure:
            length = int(element.findtext("duration") or 0)
            if element.tag == "backup":
                now -= length
            if element.tag != "note" or element.find("chord") is not None:
                continue
            for beam in element.findall("beam"):
                level, said = beam.get("number"), beam.text or ""
                if said == "begin":
                    assert level not in open_groups
                    open_groups[level] = now
                elif said in ("continue", "end"):
                    start = open_groups[level] if said == "continue" else open_groups.pop(level)
                    beat = 18 if metre == (6, 8) else 12
                    only_eighths = element.findtext("type") == "eighth" and level == "1"
                    assert start // beat == now // beat or (only_eighths and now < start + 36)
            assert not open_groups or element.find("beam") is not None
            now += length
        assert not open_groups


def test_a_note_that_stops_in_the_middle_of_its_eighth_is_a_staccato_eighth() -> None:
    root = sheet(a_score("violin", (0, 72, 3), (6, 74, 3), (12, 76, 3), (15, 77, 3), (24, 79, 12)))
    expected = [
        ("eighth", "C"),
        ("eighth", "D"),
        ("16th", "E"),
        ("16th", "F"),
        ("eighth", None),
        ("quarter", "G"),
        ("quarter", None),
    ]
    assert signs(root) == expected
    assert [note.get("release") for note in root.iter("note")] == ["-3", "-3", None, None, None, None, None]
    assert len(root.findall(".//staccato")) == 2


def test_triplets_are_bracketed_by_the_beat() -> None:
    root = sheet(
        a_score("violin", (0, 72, 4), (4, 74, 4), (8, 76, 4), (12, 77, 8), (20, 79, 4), (24, 72, 24))
    )
    assert signs(root) == [
        ("eighth", "C"), ("eighth", "D"), ("eighth", "E"), ("quarter", "F"), ("eighth", "G"), ("half", "C"),
    ]  # fmt: skip
    found = [(tuplet.get("type"), tuplet.get("bracket")) for tuplet in root.iter("tuplet")]
    assert found == [("start", "no"), ("stop", None), ("start", "yes"), ("stop", None)]


@pytest.mark.parametrize(
    ("metre", "notes", "expected"),
    [
        ((4, 4), [(6, 72, 42)], ["eighth", "quarter.", "half"]),
        ((4, 4), [(0, 72, 6), (42, 74, 6)], ["eighth", "eighth", "quarter", "quarter", "eighth", "eighth"]),
        ((4, 4), [(0, 72, 18), (18, 74, 12), (30, 76, 18)], ["quarter.", "eighth", "eighth", "quarter."]),
        ((6, 8), [(0, 72, 24), (24, 74, 12)], ["quarter.", "eighth", "quarter"]),
        ((6, 8), [(18, 72, 18)], ["quarter.", "quarter."]),
        ((3, 4), [(0, 72, 12)], ["quarter", "quarter", "quarter"]),
    ],
)
def test_values_show_the_beats_of_the_bar(
    metre: tuple[int, int], notes: list[tuple[int, int, int]], expected: list[str]
) -> None:
    root = sheet(a_score("violin", *notes, metre=metre))
    found = [
        (note.findtext("type") or "") + "." * (note.find("dot") is not None) for note in root.iter("note")
    ]
    assert found == expected


def test_a_sign_stands_where_the_key_or_the_bar_says_otherwise() -> None:
    notes = [(0, 78, 12), (12, 77, 12), (24, 77, 12), (36, 78, 12), (48, 77, 48), (96, 78, 48), (144, 78, 48)]
    root = sheet(a_score("violin", *notes, bars=4, tonic="G"))
    assert [note.findtext("accidental") for note in root.iter("note")] == [
        None, "natural", None, "sharp", "natural", "sharp", None,
    ]  # fmt: skip


def test_what_lies_far_above_the_staff_stands_an_octave_lower_under_a_line() -> None:
    high = [(12 * beat, 98 + beat % 3, 12) for beat in range(8)]
    low = [(96 + 12 * beat, 60 + beat % 3, 12) for beat in range(32)]
    root = sheet(a_score("piano", *high, *low, bars=10))
    kinds = [(shift.get("type"), shift.get("size")) for shift in root.iter("octave-shift")]
    assert kinds == [("down", "8"), ("stop", "8")]
    assert root.findall("part/measure")[1].find(".//octave-shift[@type='stop']") is not None
    assert [note.findtext("pitch/octave") for note in root.iter("note") if note.find("pitch")][:1] == ["7"]


def test_the_clef_changes_for_a_high_passage_and_back() -> None:
    low = [(12 * beat, 38 + beat % 5, 12) for beat in range(16)]
    high = [(192 + 12 * beat, 70 + beat % 5, 12) for beat in range(16)]
    again = [(384 + onset, pitch, 12) for onset, pitch, _ in low]
    root = sheet(a_score("cello", *low, *high, *again, bars=12))
    found = {
        measure.get("number"): (measure.findtext(".//clef/sign") or "")
        + (measure.findtext(".//clef/line") or "")
        for measure in root.iter("measure")
        if measure.find(".//clef")
    }
    assert found == {"1": "F4", "5": "C4", "9": "F4"}


def test_the_feet_have_a_staff_of_their_own_where_two_hands_are_not_enough() -> None:
    chord = [(0, 36, 48), (0, 60, 48), (0, 64, 48), (0, 80, 48), (0, 84, 48)]
    with_feet = sheet(a_score("organ", *chord, (48, 60, 48), (48, 40, 48), bars=2))
    assert with_feet.findtext(".//staves") == "3"
    staves = {int(note.findtext("pitch/octave") or 0): note.findtext("staff") for note in with_feet.iter("note")
              if note.find("pitch") is not None and note.findtext("staff") == "3"}  # fmt: skip
    assert staves == {2: "3"}
    assert with_feet.find(".//part-symbol").attrib == {"top-staff": "1", "bottom-staff": "2"}  # type: ignore[union-attr]
    assert sheet(a_score("organ", *chord[1:])).findtext(".//staves") == "2"


@pytest.mark.parametrize(
    ("metre", "unit", "dots", "count"),
    [((2, 2), "half", 0, "48"), ((6, 8), "quarter", 1, "64"), ((3, 4), "quarter", 0, "96")],
)
def test_the_tempo_counts_the_beats_of_the_metre(
    metre: tuple[int, int], unit: str, dots: int, count: str
) -> None:
    root = sheet(a_score("flute", (0, 72, 36), metre=metre))
    metronome = root.find(".//metronome")
    assert metronome is not None
    assert metronome.findtext("beat-unit") == unit
    assert len(metronome.findall("beat-unit-dot")) == dots
    assert metronome.findtext("per-minute") == count
    assert root.find(".//sound").get("tempo") == "96"  # type: ignore[union-attr]


def test_a_reader_of_another_make_finds_every_note(tmp_path: Path) -> None:
    from music21 import converter

    draw = random.Random(5)
    notes = {
        (draw.randrange(0, 180, 3), pitch): draw.choice([3, 6, 12, 18, 30]) for pitch in range(40, 90, 2)
    }
    score = a_score("piano", *((*place, length) for place, length in notes.items()), bars=5, tonic="A-")
    write_musicxml(score, tmp_path / "piece.musicxml")
    found = [
        (round(float(note.getOffsetInHierarchy(stream)) * 12), pitch.midi)
        for stream in [converter.parse(tmp_path / "piece.musicxml")]
        for note in stream.recurse().notes
        for pitch in note.pitches
        if note.tie is None or note.tie.type == "start"
    ]
    assert sorted(found) == sorted(notes)


def test_notes_are_spelled_by_the_key() -> None:
    assert spelling(61, sharps=2) == ("C", 1, 4)
    assert spelling(70, sharps=-3) == ("B", -1, 4)
    assert spelling(68, sharps=0) == ("G", 1, 4)
    assert spelling(59, sharps=-6) == ("C", -1, 4)
    assert spelling(60, sharps=6) == ("B", 1, 3)
    assert spelling(63, sharps=0) == ("E", -1, 4)
    assert spelling(63, sharps=0, minor=True) == ("D", 1, 4)


def test_hands_take_what_lies_before_them() -> None:
    right, left = hands([Note(0, 36, 12), Note(0, 48, 12), Note(0, 72, 12), Note(0, 76, 12)])
    assert [note.pitch for note in right] == [72, 76]
    assert [note.pitch for note in left] == [36, 48]
