"""Pages of very long lists: the rows are not counted one by one to draw the numbers below a list."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connections
from django.utils.functional import cached_property

COUNTED_AT_MOST = 2000
"""Whoever filters and still finds more than this narrows the filter; pages behind it are not offered."""


class EstimatingPaginator(Paginator):  # type: ignore[type-arg]
    """Takes PostgreSQL's own estimate for a whole table, and stops counting a part of one at two thousand."""

    object_list: Any

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not rows.query.where:
            estimate = self._estimate()
            if estimate > COUNTED_AT_MOST:
                return estimate
        return int(rows.order_by()[:COUNTED_AT_MOST].count())

    def page(self, number: int | str) -> Page[Any]:
        """Find the keys of a page first, by an index alone if there is one; only its own rows are read and joined."""
        number = self.validate_number(number)
        begin = (number - 1) * self.per_page
        keys = list(self.object_list.values_list("pk", flat=True)[begin : begin + self.per_page])
        return Page(self.object_list.filter(pk__in=keys), number, self)

    def _estimate(self) -> int:
        """Return how many rows the planner believes the table to have; 0 where it does not know."""
        rows = self.object_list
        connection = connections[rows.db]
        if connection.vendor != "postgresql":
            return 0
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [rows.model._meta.db_table]
            )
            return int(cursor.fetchone()[0])
