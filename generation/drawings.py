"""The two small drawings of a piece that every list shows, as path data of SVG: drawn once, when it is finished."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

CARD_BARS = 64
"""Strokes of the waveform on a card."""


def drawn_for_cards(*, peaks: Sequence[int], roll: Sequence[Sequence[int]]) -> dict[str, str]:
    """Return the columns of a finished piece that its cards are drawn from."""
    return {"card_wave": waveform_path(peaks, CARD_BARS), "card_roll": roll_path(roll)}


def waveform_path(peaks: Sequence[int], bars: int) -> str:
    """Draw peaks as the ``d`` of upright strokes, 4 units apart, in a box ``4 * bars`` wide, 48 high."""
    heights = _thinned([abs(peak) for peak in peaks], bars)
    loudest = max(heights, default=0) or 1
    strokes = []
    for number, height in enumerate(heights):
        half = max(1.0, 22 * height / loudest)
        strokes.append(f"M{4 * number + 2} {24 - half:.1f}V{24 + half:.1f}")
    return "".join(strokes)


def roll_path(rectangles: Sequence[Sequence[int]]) -> str:
    """Draw ``(column, row, columns)`` as the ``d`` of a path in a box 320 wide and 96 high: one stroke a rectangle."""
    if not rectangles:
        return ""
    end = roll_end(rectangles)
    top = max(6, *(row for _column, row, _columns in rectangles))
    strokes = []
    for column, row, columns in rectangles:
        x, width = 8 + 304 * column / end, max(1.5, 304 * columns / end - 1.2)
        strokes.append(f"M{x:.1f} {84 - 72 * row / top:.1f}h{width:.1f}")
    return "".join(strokes)


def roll_end(rectangles: Sequence[Sequence[int]]) -> int:
    """Return the column behind the last note: where the drawing ends on the right."""
    return max((column + columns for column, _row, columns in rectangles), default=1)


def _thinned(values: list[int], count: int) -> list[int]:
    if not values:
        return []
    starts = [len(values) * number // count for number in range(count + 1)]
    return [max(values[start : max(end, start + 1)]) for start, end in pairwise(starts)]
