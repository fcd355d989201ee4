"""The certificate on paper. The same facts give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from licensing.chain import Head
from licensing.documents import TEST_NOTICE
from licensing.terms import statement_of, terms_text

INK = HexColor("#1d2433")
QUIET = HexColor("#5b6475")
LINE = HexColor("#b9a26a")
STAMP = Color(0.75, 0.1, 0.1, alpha=0.18)
MARGIN = 24 * mm
FRAME_PADDING = 6
WIDTH = A4[0] - 2 * MARGIN - 2 * FRAME_PADDING
QR_SIZE = 34 * mm


def write_certificate_pdf(
    *,
    facts: Mapping[str, Any],
    files: Sequence[tuple[str, str]],
    verify_url: str,
    key_id: str,
    anchor: Head,
    path: Path,
) -> None:
    """Write the certificate: its statement on the first page, then checksums and the licence in full.

    ``anchor`` is the register's entry of its issue.
    """
    body, bold, mono = _fonts()
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"Certificate {facts['copyright_id']}",
        author=facts["seller"],
        subject=f"Exclusive right in {facts['composition']['title']}",
        invariant=1,
    )
    styles = _styles(body, bold, mono)
    story = [
        *_declaration(facts, styles),
        *_table_of_facts(facts, styles),
        *_proof(facts, verify_url=verify_url, styles=styles),
        PageBreak(),
        *_checksums(facts, files=files, key_id=key_id, anchor=anchor, styles=styles),
        PageBreak(),
        *_licence(facts["terms"]["version"], styles),
    ]

    def decorate(canvas: Canvas, _document: SimpleDocTemplate) -> None:
        width, height = A4
        canvas.saveState()
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.8)
        canvas.rect(12 * mm, 12 * mm, width - 24 * mm, height - 24 * mm)
        canvas.setFont(body, 7)
        canvas.setFillColor(QUIET)
        canvas.drawCentredString(width / 2, 15 * mm, f"{facts['copyright_id']} · {canvas.getPageNumber()}")
        if facts["test"]:
            canvas.setFillColor(STAMP)
            canvas.setFont(bold, 40)
            canvas.translate(width / 2, height / 2)
            canvas.rotate(50)
            canvas.drawCentredString(0, 0, TEST_NOTICE)
        canvas.restoreState()

    document.build(story, onFirstPage=decorate, onLaterPages=decorate)


def _declaration(facts: Mapping[str, Any], styles: Mapping[str, ParagraphStyle]) -> list[Flowable]:
    piece = facts["composition"]
    return [
        Paragraph("Certificate of exclusive right", styles["head"]),
        Paragraph(escape(facts["copyright_id"]), styles["id"]),
        *([Paragraph(escape(TEST_NOTICE), styles["test"])] if facts["test"] else []),
        Spacer(1, 5 * mm),
        Paragraph(f"“{escape(piece['title'])}”", styles["title"]),
        Paragraph("belongs to", styles["centre"]),
        Paragraph(escape(facts["licensee"]), styles["name"]),
        Spacer(1, 5 * mm),
        *(Paragraph(escape(paragraph), styles["text"]) for paragraph in statement_of(facts)),
        Spacer(1, 3 * mm),
    ]


def _table_of_facts(facts: Mapping[str, Any], styles: Mapping[str, ParagraphStyle]) -> list[Flowable]:
    piece, price, replaces = facts["composition"], facts.get("price"), facts.get("replaces")
    rows = [
        ("Sold", _moment(facts.get("sold_at", facts["issued_at"]))),
        *([("Transferred", _moment(facts["transferred_at"]))] if "transferred_at" in facts else []),
        *([("Replaces", f"{replaces['copyright_id']} ({replaces['kind']})")] if replaces else []),
        *([("Price", _money(price))] if price else []),
        ("Instrument", piece["instrument"]),
        ("Length, key", f"{piece['seconds']} s, {piece['key']}"),
        ("Seed", facts["parameters"]["seed"]),
        ("Composer", facts["model"]["version"]),
        ("Terms", f"{facts['terms']['version']} (in full on the last page)"),
    ]
    return [_table([(label, escape(str(value))) for label, value in rows], styles, value_style="text")]


def _moment(moment: str) -> str:
    return f"{moment.replace('T', ' ').removesuffix('Z')} UTC"


def _money(price: Mapping[str, Any]) -> str:
    return f"{price['minor'] // 100}.{price['minor'] % 100:02d} {price['currency'].upper()}"


def _proof(
    facts: Mapping[str, Any], *, verify_url: str, styles: Mapping[str, ParagraphStyle]
) -> list[Flowable]:
    words = Paragraph(
        f"Check this certificate, without an account, at<br/><b>{escape(verify_url)}</b><br/>"
        "There you see whether it is valid, suspended, revoked, transferred or superseded. "
        f"The certificate was issued by {escape(facts['seller'])}.",
        styles["text"],
    )
    table = Table([[words, _qr(verify_url)]], colWidths=[WIDTH - QR_SIZE, QR_SIZE])
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return [Spacer(1, 6 * mm), table]


def _checksums(
    facts: Mapping[str, Any],
    *,
    files: Sequence[tuple[str, str]],
    key_id: str,
    anchor: Head,
    styles: Mapping[str, ParagraphStyle],
) -> list[Flowable]:
    piece, model = facts["composition"], facts["model"]
    rows = [
        ("Composition", piece["id"]),
        ("Note fingerprint", piece["fingerprint"]),
        ("Master recording", piece["master_sha256"]),
        ("Network weights", model["weights_sha256"]),
        ("Corpus ledger", model["ledger_sha256"]),
        ("Licence text", facts["terms"]["sha256"]),
        *([("Statement", digest)] if (digest := facts["terms"].get("statement_sha256")) else []),
        (f"Register, no. {anchor.number}", anchor.hash),
        *files,
    ]
    return [
        Paragraph("Fingerprints", styles["section"]),
        Paragraph(
            "SHA-256 of what was sold. Whoever has a file can compute the same figure and compare. "
            f"The signed certificate (certificate.json) carries them too, under the Ed25519 key {escape(key_id)}.",
            styles["text"],
        ),
        Spacer(1, 3 * mm),
        _table([(label, escape(str(value))) for label, value in rows], styles, value_style="mono"),
    ]


def _licence(version: str, styles: Mapping[str, ParagraphStyle]) -> list[Flowable]:
    story: list[Flowable] = []
    for block in terms_text(version).strip().split("\n\n"):
        if block.startswith("#"):
            level = "section" if block.startswith("# ") else "subsection"
            story.append(Paragraph(escape(block.lstrip("# ")), styles[level]))
            continue
        story.extend(Paragraph(_inline(item), styles["small"]) for item in _items(block))
    return story


def _items(block: str) -> list[str]:
    """Split a Markdown block into its numbered points; a paragraph is one."""
    items: list[str] = []
    for line in block.splitlines():
        number, dot, _rest = line.partition(". ")
        if items and not (dot and number.isdigit()):
            items[-1] += " " + line.strip()
        else:
            items.append(line.strip())
    return items


def _inline(text: str) -> str:
    """Turn Markdown's **bold** and *italic* into what reportlab reads."""
    for mark, tag in (("**", "b"), ("*", "i")):
        parts = (escape(text) if mark == "**" else text).split(mark)
        text = "".join(f"<{tag}>{part}</{tag}>" if index % 2 else part for index, part in enumerate(parts))
    return text


def _table(
    rows: Sequence[tuple[str, str]], styles: Mapping[str, ParagraphStyle], *, value_style: str
) -> Table:
    cells = [
        [Paragraph(escape(label), styles["label"]), Paragraph(value, styles[value_style])]
        for label, value in rows
    ]
    table = Table(cells, colWidths=[36 * mm, WIDTH - 36 * mm])
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -2), 0.25, HexColor("#dcd6c4")),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table


def _qr(url: str) -> Drawing:
    widget = QrCodeWidget(url, barLevel="M")
    left, bottom, right, top = widget.getBounds()
    drawing = Drawing(
        QR_SIZE, QR_SIZE, transform=[QR_SIZE / (right - left), 0, 0, QR_SIZE / (top - bottom), 0, 0]
    )
    drawing.add(widget)
    return drawing


def _styles(body: str, bold: str, mono: str) -> dict[str, ParagraphStyle]:
    text = ParagraphStyle("text", fontName=body, fontSize=9.2, leading=13.2, textColor=INK, spaceAfter=2 * mm)
    centre = ParagraphStyle("centre", parent=text, alignment=TA_CENTER, textColor=QUIET)
    return {
        "text": text,
        "centre": centre,
        "head": ParagraphStyle("head", parent=centre, fontName=bold, fontSize=17, leading=24, textColor=INK),
        "id": ParagraphStyle("id", parent=centre, fontName=mono, fontSize=15, leading=20, textColor=LINE),
        "test": ParagraphStyle(
            "test", parent=centre, fontName=bold, fontSize=11, textColor=HexColor("#b02020")
        ),
        "title": ParagraphStyle(
            "title", parent=centre, fontName=bold, fontSize=14, leading=19, textColor=INK
        ),
        "name": ParagraphStyle("name", parent=centre, fontName=bold, fontSize=14, leading=19, textColor=INK),
        "section": ParagraphStyle("section", parent=text, fontName=bold, fontSize=12, leading=17),
        "subsection": ParagraphStyle("subsection", parent=text, fontName=bold, spaceBefore=2 * mm),
        "small": ParagraphStyle("small", parent=text, fontSize=8.4, leading=11.6, spaceAfter=1.4 * mm),
        "label": ParagraphStyle("label", parent=text, textColor=QUIET, spaceAfter=0),
        "mono": ParagraphStyle(
            "mono", parent=text, fontName=mono, fontSize=7, leading=11, spaceAfter=0, wordWrap="CJK"
        ),
    }


@cache
def _fonts() -> tuple[str, str, str]:
    """Register fonts that know most of the world's letters, and return body, bold and fixed-width names.

    DejaVu comes with matplotlib, which music21 needs; the three are only read as files. reportlab's own Vera, which
    knows Western European letters only, stands in where they are not.
    """
    found = find_spec("matplotlib")
    folder = Path(found.origin).parent / "mpl-data/fonts/ttf" if found and found.origin else Path()
    wanted = [("DejaVuSans", "Vera"), ("DejaVuSans-Bold", "VeraBd"), ("DejaVuSans-Oblique", "VeraIt")]
    names = []
    for name, stand_in in wanted:
        path = folder / f"{name}.ttf"
        pdfmetrics.registerFont(TTFont(name, str(path) if path.is_file() else f"{stand_in}.ttf"))
        names.append(name)
    mono = folder / "DejaVuSansMono.ttf"
    if mono.is_file():
        pdfmetrics.registerFont(TTFont("DejaVuSansMono", str(mono)))
    body, bold, italic = names
    pdfmetrics.registerFontFamily(body, normal=body, bold=bold, italic=italic, boldItalic=bold)
    return body, bold, "DejaVuSansMono" if mono.is_file() else "Courier"
