"""The score as pages for a screen, and when each of its notes sounds: what a page needs that follows the music.

The pages are pictures of the whole score: they belong to the owner alone and are never shown before a sale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from generation.audio.clock import Clock
from generation.audio.engrave import engraved
from generation.audio.errors import EncodingFailed
from generation.audio.expression import EXPRESSIONS
from generation.audio.phrases import phrases_of
from generation.audio.storage import replacing
from generation.audio.vectors import GLYPH_EM, HEAD_BELOW, SVG, Style, glyph, text_runs
from generation.audio.voices import voice_of
from generation.composer.score import STEPS_PER_QUARTER, Score

LAYOUT = {
    "pageWidth": 2100,
    "pageHeight": 1300,
    "pageMarginLeft": 40,
    "pageMarginRight": 40,
    "pageMarginTop": 40,
    "pageMarginBottom": 40,
    "adjustPageHeight": True,
    "unit": 9.0,
    "svgFormatRaw": True,
    "svgRemoveXlink": True,
}
"""A page is as wide as paper and holds the two or three systems that a screen can show."""

SHAPES = {
    "path": ("d", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "fill"),
    "polygon": ("points",),
    "polyline": ("points", "stroke-width", "fill"),
    "rect": ("x", "y", "width", "height"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}
"""Elements that are drawn, and what of them is kept."""


@dataclass(frozen=True, slots=True)
class ScoreDrawing:
    """Pages as SVG, and for note ``n<i>`` of the pictures its first and last millisecond in the recording.

    Notes are numbered in the order in which they sound. Each sign counts for itself: the second of two tied ones
    has its own time. Times are those of the notation as it was played, rubato and ritardando included; a single
    note may be struck a few hundredths of a second beside them.
    """

    pages: tuple[str, ...]
    notes: tuple[tuple[int, int], ...]


def draw_score(*, musicxml: Path, score: Score) -> ScoreDrawing:
    """Draw ``musicxml``, which ``score`` was written as, for a page that follows the recording of ``score``.

    Equal input gives an equal drawing. Raises ``EncodingFailed`` if the file is not MusicXML.
    """
    toolkit = engraved(musicxml, layout=LAYOUT)
    pages = [toolkit.renderToSVG(number) for number in range(1, toolkit.getPageCount() + 1)]
    times = _times(toolkit.renderToTimemap(), clock=_clock(score))
    order = sorted(times, key=lambda name: times[name])
    names = {name: f"n{number}" for number, name in enumerate(order)}
    return ScoreDrawing(
        pages=tuple(_compact(page, names=names, number=number) for number, page in enumerate(pages, start=1)),
        notes=tuple(times[name] for name in order),
    )


def write_drawing(*, musicxml: Path, score: Score, path: Path) -> None:
    """Write the drawing as JSON: ``{"pages": [svg, …], "notes": [[first ms, last ms], …]}``.

    Raises what ``draw_score`` raises, and ``StorageFull``.
    """
    drawing = draw_score(musicxml=musicxml, score=score)
    text = json.dumps(
        {"pages": drawing.pages, "notes": drawing.notes}, separators=(",", ":"), ensure_ascii=False
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _clock(score: Score) -> Clock:
    """The time by which the player of ``score`` plays."""
    manner = EXPRESSIONS[voice_of(score.instrument).slug]
    return Clock(score=score, phrases=phrases_of(score), rubato=manner.rubato)


def _times(timemap: list[dict[str, Any]], *, clock: Clock) -> dict[str, tuple[int, int]]:
    """First and last millisecond of every note, by the name that Verovio gave it."""
    begun: dict[str, int] = {}
    times: dict[str, tuple[int, int]] = {}
    for moment in timemap:
        now = round(1000 * clock.at(round(moment["qstamp"] * STEPS_PER_QUARTER)))
        for name in moment.get("off", ()):
            times[name] = (begun[name], now)
        begun |= dict.fromkeys(moment.get("on", ()), now)
    return times


def _compact(svg: str, *, names: Mapping[str, str], number: int) -> str:
    """A page without everything that is only there for other uses: a third of its size, and no style sheet."""
    root = fromstring(svg)  # noqa: S314 - written by Verovio in this process
    inner = root.find(f"{SVG}svg")
    margin = inner.find(f"{SVG}g") if inner is not None else None
    if inner is None or margin is None:
        raise EncodingFailed("the engraved page has no drawing in it")
    page = Element("svg", xmlns=SVG.strip("{}"), viewBox=inner.get("viewBox") or "")
    defs = SubElement(page, "defs")
    for symbol in root.iterfind(f"{SVG}defs/{SVG}g"):
        path = symbol.find(f"{SVG}path")
        if path is not None:
            SubElement(defs, "path", id=_symbol(symbol.get("id"), number=number), d=path.get("d") or "")
    ink = SubElement(
        page,
        "g",
        {
            "transform": margin.get("transform") or "",
            "fill": "currentColor",
            "stroke": "currentColor",
            "font-family": "Times, serif",
        },
    )
    _copy(margin, into=ink, style=Style(), names=names, number=number)
    return re.sub(r"(?<=\d), (?=\d)", " ", tostring(page, encoding="unicode"))


def _symbol(reference: str | None, *, number: int) -> str:
    """Name of a glyph on a page: its code, and the page's number, since all pages may stand in one document."""
    return f"{(reference or '').removeprefix('#').split('-')[0]}-{number}"


def _copy(element: Element, *, into: Element, style: Style, names: Mapping[str, str], number: int) -> None:
    """Copy what is drawn; of the groups only the notes are left."""
    for child in element:
        kind = child.tag.removeprefix(SVG)
        if kind == "g" and "placeholder" in (child.get("class") or "").split():
            continue
        inherited = style.of(child)
        if kind == "g":
            name = names.get(child.get("id") or "")
            group = SubElement(into, "g", id=name) if name else into
            _copy(child, into=group, style=inherited, names=names, number=number)
        elif kind == "use":
            reference = "#" + _symbol(child.get("href"), number=number)
            transform = (child.get("transform") or "") + " scale(1 -1)"
            SubElement(into, "use", href=reference, transform=transform)
        elif kind == "text":
            _text(child, into=into, style=inherited)
        elif kind in SHAPES:
            kept = {key: value for key in SHAPES[kind] if (value := child.get(key))}
            SubElement(into, kind, kept)


def _text(element: Element, *, into: Element, style: Style) -> None:
    """Words as text, the music characters before them as drawings: a browser has no font for those."""
    x, y = float(element.get("x") or 0), float(element.get("y") or 0)
    runs = text_runs(element, style)
    while runs and len(runs[0][0]) == 1 and (found := glyph(runs[0][0]))[0]:
        outline, advance = found
        size = runs.pop(0)[1].size / GLYPH_EM
        place = f"translate({x:.0f} {y - HEAD_BELOW * size:.0f}) scale({size:g} {-size:g})"
        SubElement(into, "path", d=outline, transform=place)
        x += advance * size
    if runs:
        look = runs[0][1]
        attributes = {"x": f"{x:.0f}", "y": f"{y:.0f}", "font-size": f"{look.size:g}", "stroke": "none"}
        attributes |= {"font-weight": "bold"} if look.bold else {}
        attributes |= {"font-style": "italic"} if look.italic else {}
        attributes |= {"text-anchor": style.anchor} if style.anchor != "start" else {}
        SubElement(into, "text", attributes).text = "".join(words for words, _ in runs)
