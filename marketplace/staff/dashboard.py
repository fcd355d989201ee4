"""The staff's first page: what a person has to know first, and only what their role may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generation import figures as composing
from payments import figures as selling

CHART_HEIGHT = 48
BAR_APART = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One upright bar of a drawing, and what it stands for."""

    x: int
    y: float
    height: float
    label: str


def dashboard(user: Any) -> dict[str, Any]:
    """Return the figures that somebody's permissions let them see; some twenty queries, however much there is."""
    facts: dict[str, Any] = {}
    if user.has_perm("generation.view_composition"):
        facts |= composing.facts()
    if user.has_perm("payments.view_purchase"):
        sales = selling.sales()
        facts |= {"sales": sales, "sales_bars": bars(sales.by_day), "holds": selling.holds()}
    if user.has_perm("payments.view_incident"):
        facts |= {"incidents": selling.incidents(), "backlogs": selling.backlogs()}
    if user.has_perm("licensing.view_complaint"):
        facts["complaints"] = selling.complaints()
    if user.has_perm("licensing.view_registercheck"):
        facts["register_check"] = selling.last_register_check()
    return facts


def bars(counts: list[tuple[Any, int]]) -> list[Bar]:
    """Return bars beside each other, the highest as high as the drawing; none of them is lower than a line."""
    most = max((count for _label, count in counts), default=0) or 1
    drawn = []
    for number, (label, count) in enumerate(counts):
        height = max(1.0, round(CHART_HEIGHT * count / most, 1))
        drawn.append(Bar(BAR_APART * number, CHART_HEIGHT - height, height, f"{label}: {count}"))
    return drawn
