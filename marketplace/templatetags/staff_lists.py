"""What the lists of the staff's admin draw otherwise than Django does."""

from __future__ import annotations

import calendar
from datetime import date
from typing import Any

from django import template
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

register = template.Library()


@register.inclusion_tag("admin/date_hierarchy.html")
def quick_date_hierarchy(cl: Any) -> dict[str, Any]:
    """Offer years, months and days from the calendar, where Django reads every row to leave empty ones out.

    Years go from the first to the last row of the whole table, which an index answers.
    """
    field = cl.date_hierarchy
    chosen = {part: _number(cl.params.get(f"{field}__{part}")) for part in ("year", "month", "day")}
    year, month, day = chosen["year"], chosen["month"], chosen["day"]

    def link(**parts: int) -> str:
        wanted = {f"{field}__{part}": value for part, value in parts.items()}
        return str(cl.get_query_string(wanted, [f"{field}__"]))

    back, choices = None, []
    if year and month and 1 <= month <= 12:
        first = date(year, month, 1)
        back = {"link": link(year=year), "title": str(year)}
        if day:
            back = {"link": link(year=year, month=month), "title": date_format(first, "YEAR_MONTH_FORMAT")}
            days: list[int] = [day]
        else:
            days = list(range(1, calendar.monthrange(year, month)[1] + 1))
        choices = [{"link": link(year=year, month=month, day=one), "title": str(one)} for one in days]
    elif year:
        back = {"link": link(), "title": _("All dates")}
        choices = [
            {"link": link(year=year, month=one), "title": date_format(date(year, one, 1), "F")}
            for one in range(1, 13)
        ]
    else:
        span = cl.root_queryset.order_by().aggregate(first=Min(field), last=Max(field))
        if span["first"]:
            years = range(timezone.localtime(span["first"]).year, timezone.localtime(span["last"]).year + 1)
            choices = [{"link": link(year=one), "title": str(one)} for one in years]
    return {"show": True, "back": back, "choices": choices}


def _number(given: Any) -> int:
    """Read a part of a date as the address gives it; 0 for none."""
    text = given[-1] if isinstance(given, list) and given else given
    return (
        int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= 4 else 0
    )
