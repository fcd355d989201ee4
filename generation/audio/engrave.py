"""Engrave MusicXML as a PDF score with Verovio."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from generation.audio.errors import EncodingFailed
from generation.audio.storage import replacing

PAGE_MILLIMETRES = (210, 297)
UNITS_PER_MILLIMETRE = 100
"""Verovio's drawing counts hundredths of a millimetre on the page."""

POINTS_PER_MILLIMETRE = 72 / 25.4
MARGIN_MILLIMETRES = 15
TOP_MILLIMETRES = 30
BOTTOM_MILLIMETRES = 30
"""Verovio lets the last system of a page reach up to 12 mm into this."""

FOOTER_MILLIMETRES = 10
TITLE_SIZE, RUNNING_SIZE, FOOTER_SIZE = 780, 340, 300
INK_GREY = 0.35

UNITS = (8.5, 8.0, 7.5)
"""Half the distance between two lines of a staff, in tenths of a millimetre: the sizes to be tried."""

PAPER = {
    "pageWidth": PAGE_MILLIMETRES[0] * 10,
    "pageHeight": PAGE_MILLIMETRES[1] * 10,
    "pageMarginLeft": MARGIN_MILLIMETRES * 10,
    "pageMarginRight": MARGIN_MILLIMETRES * 10,
    "pageMarginTop": TOP_MILLIMETRES * 10,
    "pageMarginBottom": BOTTOM_MILLIMETRES * 10,
    "unit": UNITS[0],
    "justifyVertically": True,
    "justificationSystem": 1.0,
}
"""The page of a printed score."""

STYLE = {
    "header": "none",
    "footer": "none",
    "breaks": "auto",
    "breaksNoWidow": True,
    "octaveAlternativeSymbols": True,
    "staccatoCenter": True,
    "smuflTextFont": "none",
    "svgViewBox": True,
    "xmlIdSeed": 1,
}
"""How Verovio engraves a score for every use."""

PEDAL_STAFF = re.compile(r'<staves>3</staves>\s*<part-symbol [^>]*bottom-staff="2"')


def engraved(musicxml: Path, *, layout: dict[str, Any]) -> Any:
    """A Verovio toolkit with ``musicxml`` in it, laid out by ``STYLE`` and ``layout``.

    Raises ``EncodingFailed`` if the file is not MusicXML.
    """
    # Large, and only needed where scores are made.
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit(initFont=False)
    # By itself it knows its fonts only in the thread that imported it first: in a worker, the one that warms up.
    toolkit.setResourcePath(str(Path(verovio.__file__).with_name("data")))
    toolkit.setOptions(STYLE | layout)
    try:
        data = musicxml.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise EncodingFailed(f"{musicxml} is not MusicXML: {error}") from error
    if not toolkit.loadData(data) or not toolkit.getPageCount():
        raise EncodingFailed(f"{musicxml} is not MusicXML that can be engraved")
    if PEDAL_STAFF.search(data):
        toolkit.loadData(_with_free_pedal(toolkit.getMEI()))
    return toolkit


def _avoid_lonely_system(toolkit: Any) -> None:
    """Print a little smaller where that saves a last page with nothing on it but one system."""
    for unit in (*UNITS[1:], UNITS[0]):
        last = toolkit.getPageCount()
        if last == 1 or toolkit.renderToSVG(last).count('class="system"') > 1:
            return
        toolkit.setOptions({"unit": unit})
        toolkit.redoLayout()


def _with_free_pedal(mei: str) -> str:
    """Take the third staff of an organ out of the brace of the manuals, which Verovio reads over all of them."""
    sign = re.search(r"<grpSym [^>]*>\s*<label .*?</label>", mei, re.DOTALL)
    staves = re.findall(r"<staffDef .*?</staffDef>", mei, re.DOTALL)
    if not sign or len(staves) < 3:
        return mei
    manuals = f'<staffGrp bar.thru="true">{sign.group()}{staves[0]}{staves[1]}</staffGrp>'
    for old in (sign.group(), staves[1], ' bar.thru="true"'):
        mei = mei.replace(old, "", 1)
    return mei.replace(staves[0], manuals, 1)


def write_pdf(*, musicxml: Path, path: Path, title: str, footer: str) -> None:
    """Write ``musicxml`` as an A4 score: ``title`` above the first page, ``footer`` and page numbers below each.

    Equal input gives equal bytes. Takes 0.3 s for three pages after the first import. Raises
    ``EncodingFailed`` if the file is not MusicXML, ``StorageFull`` on a full disk.
    """
    from reportlab.pdfgen.canvas import Canvas

    from generation.audio.vectors import Page, Style, text_font

    toolkit = engraved(musicxml, layout=PAPER)
    _avoid_lonely_system(toolkit)
    width, height = (length * UNITS_PER_MILLIMETRE for length in PAGE_MILLIMETRES)
    scale = POINTS_PER_MILLIMETRE / UNITS_PER_MILLIMETRE
    pages = toolkit.getPageCount()
    with replacing(path) as temporary:
        canvas = Canvas(
            str(temporary),
            pagesize=(width * scale, height * scale),
            invariant=1,
            initialFontName=text_font(bold=False, italic=False),
        )
        canvas.setTitle(title)
        canvas.setSubject(footer)
        canvas.setCreator("Soloscore")
        for number in range(1, pages + 1):
            canvas.scale(scale, -scale)
            canvas.translate(0, -height)
            page = Page(canvas=canvas)
            page.draw(toolkit.renderToSVG(number))
            if number == 1:
                style = Style(size=TITLE_SIZE, anchor="middle")
                page.text(
                    x=width / 2, y=0.7 * TOP_MILLIMETRES * UNITS_PER_MILLIMETRE, words=title, style=style
                )
            else:
                style = Style(size=RUNNING_SIZE, italic=True, anchor="middle")
                page.text(x=width / 2, y=15 * UNITS_PER_MILLIMETRE, words=title, style=style)
            canvas.setFillGray(INK_GREY)
            low = height - FOOTER_MILLIMETRES * UNITS_PER_MILLIMETRE
            side = MARGIN_MILLIMETRES * UNITS_PER_MILLIMETRE
            page.text(x=side, y=low, words=footer, style=Style(size=FOOTER_SIZE))
            page.text(
                x=width - side,
                y=low,
                words=f"{number} / {pages}",
                style=Style(size=FOOTER_SIZE, anchor="end"),
            )
            canvas.showPage()
        canvas.save()
