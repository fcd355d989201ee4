"""Drawing the paper's figures: SVG for curves and bars, PNG for clouds of words. The same results, the same files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from wordcloud import WordCloud

PAPER, RECIPE, OURS = "paper, printed", "paper's recipe, here", "Soloscore"
INK = "#1b1718"
_COLOURS = {PAPER: "#8a8280", RECIPE: "#b3261e", OURS: INK, "LSTM": "#b3261e", "GRU": "#2f6f8f"}
_SETTINGS: Any = {
    "svg.hashsalt": "soloscore",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

Line = tuple[str, Sequence[float], Sequence[float]]
"""What a curve is called, and its places and values."""


def draw_lines(path: Path, lines: Sequence[Line], *, across: str, up: str, marks: str | None = "o") -> None:
    """Curves over one another, each in the colour of its name."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for name, places, values in lines:
            axes.plot(
                places, values, marker=marks, color=_COLOURS[name], label=name, markersize=4, linewidth=1.6
            )
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})


def draw_bars(path: Path, counts: Sequence[int], *, across: str, up: str) -> None:
    """Ratings from 1 to 5 as bars, each with its number above it."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(4.4, 2.8), layout="constrained")
        axes = figure.add_subplot()
        bars = axes.bar(range(1, len(counts) + 1), counts, color=INK)
        axes.bar_label(bars)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        figure.savefig(path, format="svg", metadata={"Date": None})


def draw_cloud(path: Path, words: Mapping[str, int]) -> None:
    """A cloud of notes and chords, larger where they are more frequent."""

    def colour(*_: Any, **__: Any) -> str:
        return INK

    cloud = WordCloud(
        width=640,
        height=320,
        background_color="white",
        color_func=colour,
        random_state=1,
        prefer_horizontal=1.0,
    )
    cloud.generate_from_frequencies(dict(words)).to_image().quantize(16).save(path, optimize=True)
