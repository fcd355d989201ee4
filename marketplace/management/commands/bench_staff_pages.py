"""Measure the admin on an empty PostgreSQL: ``python -m tests.with_postgres python manage.py bench_staff_pages``."""

from __future__ import annotations

from marketplace.bench_staff import VISITS, pages
from marketplace.management.commands import bench_shop_pages


class Command(bench_shop_pages.Command):
    """Fill a shop and time the pages of its admin, with the same options."""

    name = "bench_staff_pages"
    pages = staticmethod(pages)
    visits = VISITS
    help = "Measure the lists of the admin with very many pieces, on an empty PostgreSQL database."
