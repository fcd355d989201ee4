from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generation.composer import write
from generation.composer.midi import UnreadableMidiError
from generation.composer.musicxml import CONTAINER, LARGEST_BYTES, UnreadableMusicXmlError, read_raw_musicxml
from generation.composer.players import PLAYERS
from generation.composer.score import TONICS, Note, Score
from generation.composer.sections import grid_notes
from generation.composer.write import read_raw, read_score, write_midi, write_musicxml
from tests.generation.composer.scores import tune

pytestmark = pytest.mark.filterwarnings("ignore")

BAR = """<measure number="{number}">{content}</measure>"""
FILE = """<?xml version="1.0"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>A</part-name></score-part></part-list>
<part id="P1">{measures}</part></score-partwise>"""
START = (
    "<attributes><divisions>2</divisions><key><fifths>2</fifths><mode>minor</mode></key>"
    "<time><beats>3</beats><beat-type>4</beat-type></time>{more}</attributes>"
)


def note(step: str, duration: int, *, more: str = "", octave: int = 4) -> str:
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{more}{pitch}<duration>{duration}</duration></note>"


def saved(path: Path, *contents: str, more: str = "") -> Path:
    first, *others = contents
    bars = [BAR.format(number=1, content=START.format(more=more) + first)]
    bars += [BAR.format(number=number, content=content) for number, content in enumerate(others, start=2)]
    path.write_text(FILE.format(measures="".join(bars)), encoding="utf-8")
    return path


@st.composite
def pieces(draw: st.DrawFn, instrument: str) -> Score:
    """Anything the player could be given, however odd: no key is struck while it is down."""
    player = PLAYERS[instrument]
    metre = draw(st.sampled_from([(4, 4), (3, 4), (6, 8), (2, 2)]))
    bars = draw(st.integers(1, 3))
    pickup = draw(st.sampled_from([0, 12]))
    steps = pickup + bars * metre[0] * 48 // metre[1]
    free: dict[int, int] = {}
    notes = []
    spots = st.tuples(st.integers(0, steps - 2), st.integers(player.low, player.high), st.integers(2, 60))
    for onset, pitch, duration in sorted(draw(st.lists(spots, min_size=1, max_size=14))):
        if onset >= free.get(pitch, 0):
            length = min(duration, steps - onset)
            notes.append(Note(onset, pitch, length))
            free[pitch] = onset + length
    tonic, mode = draw(st.sampled_from(TONICS)), draw(st.sampled_from(["major", "minor"]))
    return Score(instrument, tuple(notes), metre, bars, 90.0, tonic, mode, title="Odd", pickup=pickup)  # type: ignore[arg-type]


@pytest.mark.parametrize("instrument", PLAYERS)
@pytest.mark.parametrize(("writer", "suffix"), [(write_midi, ".mid"), (write_musicxml, ".musicxml")])
def test_what_is_written_is_read_back_note_for_note(
    instrument: str, writer: Callable[[Score, Path], None], suffix: str
) -> None:
    @given(score=pieces(instrument))
    @settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def round_trip(score: Score) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"piece{suffix}"
            writer(score, path)
            raw = read_raw(path)
        assert tuple(grid_notes(raw, parts={})) == score.notes
        assert raw.metres[0] == (0, *score.metre)
        assert raw.keys[0][2] == (score.mode == "minor")
        assert raw.tempos[0][1] == pytest.approx(score.bpm, abs=1)

    round_trip()


@pytest.mark.parametrize("suffix", [".mid", ".musicxml"])
def test_a_score_is_read_with_its_metre_key_and_tempo(tmp_path: Path, suffix: str) -> None:
    score, path = tune(3), tmp_path / f"tune{suffix}"
    (write_midi if suffix == ".mid" else write_musicxml)(score, path)
    read = read_score(path, instrument="harp")
    assert read.notes == score.notes
    assert (read.instrument, read.metre, read.bars, read.tonic, read.mode, read.bpm, read.title) == (
        "harp", (4, 4), 8, "C", "major", 120.0, "tune",
    )  # fmt: skip


def test_ties_grace_notes_chords_voices_and_transposition(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "clarinet.xml",
        '<note><grace/><pitch><step>F</step><octave>4</octave></pitch></note><sound tempo="84"/>'
        + note("D", 4)
        + note("E", 2, more="<chord/>").replace("</note>", '<tie type="start"/></note>')
        + note("B", 2).replace("</note>", '<tie type="start"/></note>')
        + "<backup><duration>6</duration></backup>"
        + note("G", 6, octave=3),
        note("B", 6).replace("</note>", '<tie type="stop"/></note>'),
        "",
        note("C", 6),
        more="<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>",
    )
    raw = read_raw_musicxml(path)
    eighth = raw.ticks_per_quarter // 2
    assert [(onset // eighth, length // eighth, pitch) for onset, length, pitch, _ in raw.notes] == [
        (0, 2, 62), (0, 4, 60), (0, 6, 53), (4, 8, 69), (18, 6, 58),
    ]  # fmt: skip
    assert (raw.metres, raw.keys, raw.tempos) == ([(0, 3, 4)], [(0, 0, True)], [(0, 84.0)])


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    plain = saved(tmp_path / "plain.xml", note("C", 6))
    path = tmp_path / "packed.mxl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(
            CONTAINER, '<container><rootfiles><rootfile full-path="a/b.xml"/></rootfiles></container>'
        )
        packed.writestr("a/b.xml", plain.read_bytes())
    assert read_raw(path) == read_raw(plain)


BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><score-partwise>&b;</score-partwise>'
STEALING = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]><score-partwise>&a;</score-partwise>'


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.mid", b"", "not a readable MIDI file"),
        ("empty.musicxml", b"", "no element found"),
        ("cut.xml", FILE.format(measures="")[:150].encode(), "not a readable MusicXML"),
        ("silent.xml", FILE.format(measures="").encode(), "contains no notes"),
        ("bomb.xml", BOMB.encode(), "declares entities"),
        ("stealing.xml", STEALING.encode(), "declares entities"),
        ("page.xml", b"<html/>", "root is <html>"),
        ("packed.mxl", b"PK\5\6" + bytes(18), "no item named"),
        ("score.pdf", b"%PDF", "none of .mid, .midi, .xml"),
        ("huge.mid", bytes(LARGEST_BYTES + 1), "20,000,001 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableMidiError, match=problem) as caught:
        read_score(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (note("H", 6), "'H'"),
        (note("C", 6).replace(">6<", ">1e99999999<"), "1e99999999"),
        (note("C", 6).replace(">6<", ">-6<"), "duration is -6"),
        ("<backup><duration>1</duration></backup>", "beyond its beginning"),
        ("<attributes><divisions>0</divisions></attributes>", "divided by 0"),
        ("<attributes><time><beats>3</beats><beat-type>5</beat-type></time></attributes>", "metre is 3/5"),
    ],
)
def test_nonsense_in_a_file_is_named(tmp_path: Path, content: str, problem: str) -> None:
    path = saved(tmp_path / "odd.xml", content)
    with pytest.raises(UnreadableMusicXmlError, match=problem) as caught:
        read_score(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_one_that_unpacks_to_too_much_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMidiError, match=r"gone\.xml cannot be opened"):
        read_score(tmp_path / "gone.xml")
    path = tmp_path / "large.mxl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(CONTAINER, bytes(LARGEST_BYTES + 1))
    with pytest.raises(UnreadableMidiError, match="more than 20,000,000 bytes"):
        read_score(path)


@pytest.mark.parametrize("suffix", [".mid", ".xml"])
def test_too_many_notes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = tmp_path / f"long{suffix}"
    (write_midi if suffix == ".mid" else write_musicxml)(tune(1), path)
    monkeypatch.setattr("generation.composer.musicxml.MOST_NOTES", 20)
    monkeypatch.setattr(write, "MOST_NOTES", 20)
    with pytest.raises(UnreadableMidiError, match=f"long{suffix}.* notes"):
        read_score(path)
