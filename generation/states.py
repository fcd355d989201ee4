"""How a composition moves from state to state: the table, and the one function that moves."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone

from generation.models import Composition

State = Composition.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.QUEUED: frozenset({State.COMPOSING, State.CANCELLED}),
    State.COMPOSING: frozenset({State.RENDERING, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.RENDERING: frozenset({State.READY, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
    State.READY: frozenset(),
}
"""Where each state may lead. ``ready`` is final: from there only ``sale_state`` moves."""

WORKING = (State.COMPOSING, State.RENDERING)
"""States in which a worker holds the row by its claim."""

WAITING_OR_WORKING = (State.QUEUED, *WORKING)


def sources_of(to: str) -> list[str]:
    """Return the states that may lead to ``to``."""
    return [state for state, targets in TRANSITIONS.items() if to in targets]


def move(*, composition_id: uuid.UUID, to: str, only_if: dict[str, Any] | None = None, **fields: Any) -> bool:
    """Move one composition by one conditional UPDATE and say whether it was ours to move.

    ``only_if`` narrows the condition beyond the table, ``fields`` are written with the state. An earlier failure is
    cleared, and a state that no worker holds drops the claim.
    """
    if to not in WORKING:
        fields.setdefault("claim", None)
    fields.setdefault("failure", {})
    fields.setdefault("error", "")
    fields.setdefault("heartbeat_at", timezone.now())
    rows = Composition.objects.filter(pk=composition_id, state__in=sources_of(to))
    return rows.filter(**(only_if or {})).update(state=to, **fields) == 1
