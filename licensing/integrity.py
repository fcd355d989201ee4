"""Which constraint a database refused, told alike on PostgreSQL and SQLite."""

from __future__ import annotations

from django.db import IntegrityError


def breaks_unique(error: IntegrityError, *, constraint: str, table: str, column: str) -> bool:
    """Say whether ``error`` is the violation of this unique constraint.

    PostgreSQL names the constraint; SQLite names the columns of a plain or partial unique index instead.
    """
    diagnostics = getattr(error.__cause__, "diag", None)
    if diagnostics is not None:
        return bool(diagnostics.constraint_name == constraint)
    return str(error) == f"UNIQUE constraint failed: {table}.{column}"
