"""Draw one page of Verovio's SVG onto a PDF canvas.

Verovio writes a small dialect of SVG: groups, glyphs by reference, paths, a few shapes and text. Drawing it here
needs no library beside reportlab, keeps glyphs as curves, and prints the music characters inside text (the
note of a metronome mark), which general converters show as boxes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from reportlab.pdfbase.pdfmetrics import getFont, registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont, TTFontFace
from reportlab.pdfgen.canvas import FILL_NON_ZERO, Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from generation.audio.errors import EncodingFailed

SVG = "{http://www.w3.org/2000/svg}"
REFERENCE = "{http://www.w3.org/1999/xlink}href"
FONTS = {
    (False, False): ("STIXGeneral", "Times-Roman"),
    (True, False): ("STIXGeneralBol", "Times-Bold"),
    (False, True): ("STIXGeneralItalic", "Times-Italic"),
    (True, True): ("STIXGeneralBolIta", "Times-BoldItalic"),
}
"""By (bold, italic): a font that comes with matplotlib and is put into the document, and where matplotlib is not
there one that every viewer has in some make, for Western European letters only."""

BOLD_CLASSES = {"tempo", "reh", "fing", "ending"}
ITALIC_CLASSES = {"dir", "dynam", "mNum"}
LINE_ENDS = {"butt": 0, "round": 1, "square": 2}
GLYPHS = "Leipzig"
"""Verovio's own music font, of which it keeps the outline of every character in a file."""

GLYPH_EM = 1000
HEAD_BELOW = 125
"""How far the head of a note among words hangs below their baseline; it is raised to stand on it."""

MUSIC_FROM, MUSIC_TO = 0xE000, 0xF8FF
"""Characters that SMuFL has given to music."""

NUMBER = r"[-+]?(?:\d*\.\d+|\d+\.?)(?:[eE][-+]?\d+)?"
PATH_TOKEN = re.compile(rf"[A-Za-z]|{NUMBER}")
TRANSFORM = re.compile(r"(\w+)\(([^)]*)\)")
ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "Z": 0}


@dataclass(frozen=True, slots=True)
class Style:
    """What text inherits from the elements around it; ``size`` in user units."""

    size: float = 0.0
    bold: bool = False
    italic: bool = False
    anchor: str = "start"

    def of(self, element: Element) -> Style:
        """Return this style as changed by ``element``."""
        style = self
        classes = set((element.get("class") or "").split())
        if classes & BOLD_CLASSES:
            style = replace(style, bold=True)
        if classes & ITALIC_CLASSES:
            style = replace(style, italic=True)
        if size := element.get("font-size"):
            style = replace(style, size=float(size.removesuffix("px")))
        if weight := element.get("font-weight"):
            style = replace(style, bold=weight == "bold")
        if slant := element.get("font-style"):
            style = replace(style, italic=slant in {"italic", "oblique"})
        if anchor := element.get("text-anchor"):
            style = replace(style, anchor=anchor)
        return style


class Page:
    """Draws onto ``canvas``, whose axes must already run as in SVG: y downwards, one unit as in the picture."""

    def __init__(self, *, canvas: Canvas) -> None:
        self.canvas = canvas
        self.symbols: dict[str, Element] = {}

    def draw(self, svg: str) -> None:
        """Draw the page ``svg``; raises ``EncodingFailed`` on anything outside the dialect."""
        root = fromstring(svg)  # noqa: S314 - written by Verovio in this process
        self.symbols = {f"#{symbol.get('id')}": symbol for symbol in root.iterfind(f"{SVG}defs/{SVG}g")}
        inner = root.find(f"{SVG}svg")
        if inner is None:
            raise EncodingFailed("the engraved page has no drawing in it")
        self._children(inner, Style())

    def text(self, *, x: float, y: float, words: str, style: Style) -> None:
        """Write one line of ``words`` with its baseline at ``y``."""
        self._runs(x, y, [(words, style)], style.anchor)

    def _children(self, element: Element, style: Style) -> None:
        for child in element:
            self._element(child, style)

    def _element(self, element: Element, style: Style) -> None:
        name = element.tag.removeprefix(SVG)
        if name == "g" and "placeholder" in (element.get("class") or "").split():
            return
        style = style.of(element)
        if name in {"title", "desc", "defs", "style"}:
            return
        transform = element.get("transform")
        if transform:
            self.canvas.saveState()
            self._transform(transform)
        match name:
            case "g" | "svg":
                self._children(element, style)
            case "use":
                self._symbol(element.get(REFERENCE) or "")
            case "text":
                runs = text_runs(element, style)
                self._runs(_number(element, "x"), _number(element, "y"), runs, style.anchor)
            case "path" | "polygon" | "polyline" | "rect" | "ellipse":
                self._shape(name, element)
            case _:
                raise EncodingFailed(f"the engraved page holds a <{name}>, which cannot be drawn")
        if transform:
            self.canvas.restoreState()

    def _transform(self, transform: str) -> None:
        for kind, arguments in TRANSFORM.findall(transform):
            numbers = [float(number) for number in re.findall(NUMBER, arguments)]
            match kind:
                case "translate":
                    self.canvas.translate(numbers[0], numbers[1] if len(numbers) > 1 else 0)
                case "scale":
                    self.canvas.scale(numbers[0], numbers[-1])
                case "rotate" if len(numbers) == 3:
                    self.canvas.translate(numbers[1], numbers[2])
                    self.canvas.rotate(numbers[0])
                    self.canvas.translate(-numbers[1], -numbers[2])
                case "rotate":
                    self.canvas.rotate(numbers[0])
                case _:
                    raise EncodingFailed(f"the engraved page is placed by {kind}(), which cannot be drawn")

    def _symbol(self, reference: str) -> None:
        """Draw a glyph; its curves are stored once in the document and referred to after that."""
        form = "glyph" + reference.split("-")[0].removeprefix("#")
        if not self.canvas.hasForm(form):
            symbol = self.symbols.get(reference)
            if symbol is None:
                raise EncodingFailed(f"the engraved page refers to {reference}, which is not in it")
            self.canvas.beginForm(form, -2 * GLYPH_EM, -2 * GLYPH_EM, 4 * GLYPH_EM, 4 * GLYPH_EM)
            self._children(symbol, Style())
            self.canvas.endForm()
        self.canvas.doForm(form)

    def _shape(self, name: str, element: Element) -> None:
        path = self.canvas.beginPath()
        filled = element.get("fill") != "none"
        if name == "path":
            outline = element.get("d") or ""
            filled = filled and bool(set(outline) & set("CcSsQqZz"))
            _trace(path, outline)
        elif name in {"polygon", "polyline"}:
            numbers = [float(number) for number in re.findall(NUMBER, element.get("points") or "")]
            filled = filled and name == "polygon"
            path.moveTo(numbers[0], numbers[1])
            for x, y in zip(numbers[2::2], numbers[3::2], strict=True):
                path.lineTo(x, y)
            if name == "polygon":
                path.close()
        elif name == "rect":
            path.rect(*(_number(element, key) for key in ("x", "y", "width", "height")))
        else:
            cx, cy, rx, ry = (_number(element, key) for key in ("cx", "cy", "rx", "ry"))
            path.ellipse(cx - rx, cy - ry, 2 * rx, 2 * ry)
        width = element.get("stroke-width")
        if width:
            self.canvas.setLineWidth(float(width))
            ends = element.get("stroke-linecap") or "butt"
            self.canvas.setLineCap(LINE_ENDS[ends])
            self.canvas.setLineJoin(int(ends == "round"))
            self.canvas.setDash(
                [float(part) for part in re.findall(NUMBER, element.get("stroke-dasharray") or "")]
            )
        self.canvas.drawPath(path, stroke=int(bool(width)), fill=int(filled), fillMode=FILL_NON_ZERO)

    def _runs(self, x: float, y: float, runs: list[tuple[str, Style]], anchor: str) -> None:
        pieces = [piece for words, style in runs for piece in self._pieces(words, style)]
        width = sum(piece.width for piece in pieces)
        x -= {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        for piece in pieces:
            self.canvas.saveState()
            self.canvas.translate(x, y)
            if piece.outline:
                self.canvas.scale(piece.size / GLYPH_EM, -piece.size / GLYPH_EM)
                self.canvas.translate(0, HEAD_BELOW)
                path = self.canvas.beginPath()
                _trace(path, piece.outline)
                self.canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_NON_ZERO)
            else:
                self.canvas.scale(1, -1)
                self.canvas.setFont(piece.font, piece.size)
                self.canvas.drawString(0, 0, piece.words)
            self.canvas.restoreState()
            x += piece.width

    def _pieces(self, words: str, style: Style) -> list[_Piece]:
        """Split text into what the PDF's own fonts can print and what is drawn as a music glyph."""
        font = text_font(bold=style.bold, italic=style.italic)
        pieces = []
        for is_text, letters in groupby(words.replace("\xa0", " "), key=lambda letter: _has(font, letter)):
            if is_text:
                text = "".join(letters)
                pieces.append(_Piece(text, font, style.size, float(stringWidth(text, font, style.size)), ""))
                continue
            for letter in letters:
                outline, advance = glyph(letter)
                text = "" if outline else "?"
                width = advance / GLYPH_EM * style.size if outline else stringWidth(text, font, style.size)
                pieces.append(_Piece(text, font, style.size, float(width), outline))
        return pieces


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text in one font, or the outline of one glyph."""

    words: str
    font: str
    size: float
    width: float
    outline: str


def text_runs(element: Element, style: Style) -> list[tuple[str, Style]]:
    """The words of a ``<text>`` piece by piece, each with the style it is written in."""
    runs = []
    if element.text and (element.text.strip() or not len(element)):
        # The advance of a music character has its space in it.
        is_music = element.get("font-family") is not None
        runs.append((element.text.replace(" ", "") if is_music else element.text, style))
    for child in element:
        if child.tag == f"{SVG}tspan":
            runs += text_runs(child, style.of(child))
    return runs


@lru_cache(maxsize=4)
def text_font(*, bold: bool, italic: bool) -> str:
    """Name of a font for words, registered with reportlab."""
    wanted, stand_in = FONTS[bold, italic]
    found = find_spec("matplotlib")
    path = Path(found.origin).parent / f"mpl-data/fonts/ttf/{wanted}.ttf" if found and found.origin else None
    if not path or not path.is_file():
        return stand_in
    registerFont(TTFont(wanted, str(path)))
    return wanted


def _has(font: str, letter: str) -> bool:
    """Whether a font can print a letter. Music characters are drawn: few fonts have them, and each in its own way."""
    face = getFont(font).face
    if isinstance(face, TTFontFace):
        return ord(letter) in face.charToGlyph and not MUSIC_FROM <= ord(letter) <= MUSIC_TO
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return letter.isprintable()


def _number(element: Element, key: str) -> float:
    return float((element.get(key) or "0").removesuffix("px"))


@lru_cache(maxsize=256)
def glyph(letter: str) -> tuple[str, float]:
    """Outline and advance of a music character, ``GLYPH_EM`` a em and y upwards, or ("", 0) where there is none."""
    found = find_spec("verovio")
    folder = Path(found.origin or "").parent / "data" / GLYPHS if found else Path()
    code = f"{ord(letter):04X}"
    file = folder / f"{code}.xml"
    if not file.is_file():
        return "", 0.0
    outline = re.search(r' d="([^"]*)"', file.read_text(encoding="utf-8"))
    metrics = folder.with_suffix(".xml").read_text(encoding="utf-8")
    entry = re.search(rf'<g c="{code}"[^>]*?h-a-x="({NUMBER})"', metrics)
    return (outline.group(1) if outline else ""), (float(entry.group(1)) if entry else GLYPH_EM / 2)


def _trace(path: PDFPathObject, outline: str) -> None:
    """Follow an SVG path. Source: SVG 1.1, section 8.3, without arcs."""
    tokens: list[Any] = PATH_TOKEN.findall(outline)
    position = 0
    command = "M"
    x = y = start_x = start_y = control_x = control_y = 0.0
    while position < len(tokens):
        if tokens[position].isalpha():
            command = tokens[position]
            position += 1
        kind = command.upper()
        if kind not in ARGUMENTS:
            raise EncodingFailed(f"the engraved page has a path command {command}, which cannot be drawn")
        numbers = [float(token) for token in tokens[position : position + ARGUMENTS[kind]]]
        position += ARGUMENTS[kind]
        if command.islower() and kind not in "HV":
            numbers = [number + (y if index % 2 else x) for index, number in enumerate(numbers)]
        match kind:
            case "M":
                x, y = start_x, start_y = numbers[0], numbers[1]
                path.moveTo(x, y)
                command = "l" if command == "m" else "L"
            case "L" | "H" | "V":
                if kind == "H":
                    numbers = [numbers[0] + (x if command == "h" else 0), y]
                elif kind == "V":
                    numbers = [x, numbers[0] + (y if command == "v" else 0)]
                x, y = numbers
                path.lineTo(x, y)
            case "C" | "S" | "Q":
                if kind == "S":
                    numbers = [2 * x - control_x, 2 * y - control_y, *numbers]
                elif kind == "Q":
                    qx, qy, end_x, end_y = numbers
                    numbers = [x + (qx - x) * 2 / 3, y + (qy - y) * 2 / 3]
                    numbers += [end_x + (qx - end_x) * 2 / 3, end_y + (qy - end_y) * 2 / 3, end_x, end_y]
                path.curveTo(*numbers)
                control_x, control_y, x, y = numbers[2:]
            case _:
                path.close()
                x, y = start_x, start_y
        if kind not in "CS":
            control_x, control_y = x, y
