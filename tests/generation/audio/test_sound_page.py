"""The page of the sound is made of the reports of its measurements."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from generation.audio.evaluation.report import Figure, Report, Table


def report(title: str = "Marks", *, holds: bool = True) -> Report:
    return Report(
        title=title,
        says="Taken on 20 pieces.",
        figures=[Figure("identified whole", "99.5 %", "≥ 99 %", holds)],
        tables=[Table("By manipulation", ("what", "found"), [("MP3 64", "99 %")])],
        made="2026-11-27",
    )


def test_page_shows_every_report_in_order_of_names(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    report("Second", holds=False).write(folder / "2.json")
    report("First").write(folder / "1.json")
    call_command("sound_page", results=folder, output=tmp_path / "sound.md")
    text = (tmp_path / "sound.md").read_text(encoding="utf-8")
    assert text.index("## First") < text.index("## Second")
    assert "| First | identified whole | 99.5 % | ≥ 99 % | holds |" in text
    assert "| Second | identified whole | 99.5 % | ≥ 99 % | **falls short** |" in text
    assert "| MP3 64 | 99 % |" in text
    assert "Measured 2026-11-27." in text


def test_report_comes_back_from_its_file(tmp_path: Path) -> None:
    report().write(tmp_path / "marks.json")
    again = Report.read(tmp_path / "marks.json")
    assert (again.title, again.says, again.made) == ("Marks", "Taken on 20 pieces.", "2026-11-27")
    assert again.figures == [Figure("identified whole", "99.5 %", "≥ 99 %", holds=True)]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"title": 1, "made": "yesterday"}'])
def test_file_that_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(CommandError, match=r"odd\.json is no report"):
        call_command("sound_page", results=tmp_path, output=tmp_path / "sound.md")
    assert not (tmp_path / "sound.md").exists()


def test_table_with_a_short_row_is_refused() -> None:
    with pytest.raises(ValueError, match="'By size' has 2 columns, not 1"):
        Table("By size", ("what", "found"), [("one",)])
