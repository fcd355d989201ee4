"""The audit log: every deed of the staff, written once. The database refuses to change or delete what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Model, QuerySet

from accounts.models import AuditEntry

Outcome = AuditEntry.Outcome


def record(
    *,
    staff: Any,
    did: str,
    thing: Model | type[Model],
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: str = Outcome.DONE,
) -> AuditEntry:
    """Write down what a member of staff did to which object, and why. Joins the caller's transaction if there is one.

    A class stands for all its objects, such as a list that was taken.

    What reaches beyond the database, such as a refund, is written twice: ``ASKED`` before it is tried, since the
    process may die in between, and ``DONE`` or ``REFUSED`` after it.
    """
    one, meta = isinstance(thing, Model), thing._meta
    return AuditEntry.objects.create(
        staff_id=staff.pk,
        did=did[:200],
        kind=meta.label_lower,
        object_id=str(thing.pk)[:64] if one else "",
        object_text=str(thing if one else meta.verbose_name_plural)[:200],
        reason=reason[:200],
        before={name: _plain(value) for name, value in (before or {}).items()},
        after={name: _plain(value) for name, value in (after or {}).items()},
        outcome=outcome,
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON can keep it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(str(item) for item in value)
    return str(value)
