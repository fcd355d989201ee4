"""A list of the admin as a file of comma-separated values: what is shown, row by row as it is read."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.utils.html import strip_tags

ROWS_AT_ONCE = 2000
FORMULA_BEGINS_WITH = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def lines(rows: QuerySet[Any], *, columns: Iterable[Any], model_admin: ModelAdmin[Any]) -> Iterator[str]:
    """Yield the head and a line for each row. Columns are those of the list, values as the database has them."""
    names = [name for name in columns if name != "action_checkbox"]
    writer = csv.writer(_Echo())
    heads = [str(label_for_field(name, model_admin.model, model_admin)) for name in names]
    yield writer.writerow(["key", *heads])
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        yield writer.writerow(
            [cell(row.pk), *(cell(_value(name, row, model_admin=model_admin)) for name in names)]
        )


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula (OWASP, CSV injection). Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    text = strip_tags(str(value))
    return f"'{text}" if text.lstrip().startswith(FORMULA_BEGINS_WITH) or text[:1] in "\t\r\n" else text


def _value(name: str, row: Model, *, model_admin: ModelAdmin[Any]) -> Any:
    try:
        field, _attribute, value = lookup_field(name, row, model_admin)
    except ObjectDoesNotExist:
        return None
    if isinstance(field, ForeignKey):
        return getattr(row, field.name)
    return getattr(row, field.attname) if isinstance(field, Field) else value
