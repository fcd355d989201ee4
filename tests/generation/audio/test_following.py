from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from generation.audio.engrave import PAPER, engraved, write_pdf
from generation.audio.errors import EncodingFailed
from generation.audio.following import draw_score, write_drawing
from generation.audio.performance import perform
from generation.composer.score import Note, Score
from generation.composer.write import write_musicxml
from tests.generation.audio.conftest import scale, song

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def musicxml(tmp_path):
    def written(score: Score):
        write_musicxml(score, tmp_path / "score.musicxml")
        return tmp_path / "score.musicxml"

    return written


@pytest.mark.parametrize(
    "score", [song(bars=16), replace(scale(instrument="violin"), bars=1, pickup=48)], ids=["piano", "pickup"]
)
def test_every_note_is_on_a_page_and_has_the_time_at_which_it_is_heard(score, musicxml):
    drawing = draw_score(musicxml=musicxml(score), score=score)
    drawn = [
        group.get("id")
        for page in drawing.pages
        for group in ET.fromstring(page).iter(f"{SVG}g")
        if group.get("id")
    ]
    assert sorted(drawn) == sorted(f"n{number}" for number in range(len(drawing.notes)))
    starts = [first for first, _ in drawing.notes]
    assert starts == sorted(starts)
    assert all(first < last for first, last in drawing.notes)
    heard = perform(score=score, seed=7).notes
    assert len(starts) >= len(heard)
    for note in heard:
        assert min(abs(note.start - start / 1000) for start in starts) < 0.05
    assert drawing.notes[-1][1] == pytest.approx(1000 * (score.seconds + 0.1), abs=1)


def test_the_second_of_two_tied_notes_lights_up_for_itself(musicxml):
    notes = (Note(0, 71, 24), Note(24, 72, 48), Note(72, 74, 24))
    score = Score("flute", notes, (4, 4), 2, 60.0, "C", "major")
    drawing = draw_score(musicxml=musicxml(score), score=score)
    firsts = [first for first, _ in drawing.notes]
    assert len(firsts) == 4
    assert firsts[2] == pytest.approx(firsts[1] + 2000, abs=100)


def test_a_drawing_is_small_whole_and_asks_nothing_of_the_page(tmp_path, musicxml):
    score = song(bars=16)
    write_drawing(musicxml=musicxml(score), score=score, path=tmp_path / "drawing.json")
    content = (tmp_path / "drawing.json").read_bytes()
    drawing = json.loads(content)
    assert len(content) < 900 * len(score.notes)
    for page in drawing["pages"]:
        elements = {element.tag.removeprefix(SVG) for element in ET.fromstring(page).iter()}
        assert elements <= {
            "svg",
            "defs",
            "g",
            "use",
            "path",
            "polygon",
            "polyline",
            "rect",
            "ellipse",
            "text",
        }
        for attribute in (" style=", " class=", "onload", "Leipzig"):
            assert attribute not in page
        used = set(re.findall(r'href="#([^"]+)"', page))
        assert used <= set(re.findall(r' id="([^"]+)"', page))
    names = [name for page in drawing["pages"] for name in re.findall(r' id="([^"]+)"', page)]
    assert len(names) == len(set(names))
    write_drawing(musicxml=tmp_path / "score.musicxml", score=score, path=tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == content


def test_what_is_not_musicxml_is_not_drawn(tmp_path):
    (tmp_path / "score.musicxml").write_text("<html/>")
    with pytest.raises(EncodingFailed, match="is not MusicXML"):
        write_drawing(musicxml=tmp_path / "score.musicxml", score=scale(), path=tmp_path / "drawing.json")
    assert not (tmp_path / "drawing.json").exists()


def test_a_printed_score_does_not_end_with_one_lonely_system_on_a_page(tmp_path, musicxml):
    for bars in range(60, 120, 2):
        notes = tuple(Note(12 * beat, 67 + beat % 5, 12) for beat in range(4 * bars))
        path = musicxml(Score("violin", notes, (4, 4), bars, 96.0, "C", "major"))
        plain = engraved(path, layout=PAPER)
        if plain.getPageCount() == 2 and plain.renderToSVG(2).count('class="system"') == 1:
            break
    else:
        pytest.fail("no score was found whose last page holds one system")
    write_pdf(musicxml=path, path=tmp_path / "score.pdf", title="Song", footer="Soloscore")
    assert b"/Count 1" in (tmp_path / "score.pdf").read_bytes()


def test_a_printed_score_brings_its_fonts_along(tmp_path, musicxml):
    write_pdf(musicxml=musicxml(scale()), path=tmp_path / "score.pdf", title="Сумерки", footer="Soloscore")
    content = (tmp_path / "score.pdf").read_bytes()
    fonts = re.findall(rb"/FontDescriptor /FontFile2|/FontFile2", content)
    assert fonts
    assert b"/BaseFont /Helvetica" not in content
    assert b"/BaseFont /Times" not in content
