"""Engrave MusicXML as a PDF score with Verovio."""

from __future__ import annotations

import re
from pathlib import Path

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


def write_pdf(*, musicxml: Path, path: Path, title: str, footer: str) -> None:
    """Write ``musicxml`` as an A4 score: ``title`` above the first page, ``footer`` and page numbers below each.

    Equal input gives equal bytes. Takes 0.3 s for three pages after the first import. Raises
    ``EncodingFailed`` if the file is not MusicXML, ``StorageFull`` on a full disk.
    """
    # Both are large and only needed where scores are made.
    import verovio
    from reportlab.pdfgen.canvas import Canvas

    from generation.audio.vectors import Page, Style

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            "pageWidth": PAGE_MILLIMETRES[0] * 10,
            "pageHeight": PAGE_MILLIMETRES[1] * 10,
            "pageMarginLeft": MARGIN_MILLIMETRES * 10,
            "pageMarginRight": MARGIN_MILLIMETRES * 10,
            "pageMarginTop": TOP_MILLIMETRES * 10,
            "pageMarginBottom": BOTTOM_MILLIMETRES * 10,
            "unit": 8.0,
            "header": "none",
            "footer": "none",
            "breaks": "auto",
            "justifyVertically": True,
            "justificationSystem": 1.0,
            "smuflTextFont": "none",
            "svgViewBox": True,
            "xmlIdSeed": 1,
        }
    )
    try:
        data = musicxml.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise EncodingFailed(f"{musicxml} is not MusicXML: {error}") from error
    # A solo player's name need not stand before every system.
    data = re.sub(r"<part-abbreviation[^>]*>[^<]*</part-abbreviation>", "", data)
    if not toolkit.loadData(data) or not toolkit.getPageCount():
        raise EncodingFailed(f"{musicxml} is not MusicXML that can be engraved")
    glyphs = Path(verovio.__file__).parent / "data" / "Leipzig"
    width, height = (length * UNITS_PER_MILLIMETRE for length in PAGE_MILLIMETRES)
    scale = POINTS_PER_MILLIMETRE / UNITS_PER_MILLIMETRE
    pages = toolkit.getPageCount()
    with replacing(path) as temporary:
        canvas = Canvas(str(temporary), pagesize=(width * scale, height * scale), invariant=1)
        canvas.setTitle(title)
        canvas.setSubject(footer)
        canvas.setCreator("Soloscore")
        for number in range(1, pages + 1):
            canvas.scale(scale, -scale)
            canvas.translate(0, -height)
            page = Page(canvas=canvas, glyphs=glyphs)
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
