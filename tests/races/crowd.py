"""People who do something at the same instant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

PATIENCE_SECONDS = 60


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """Do everything at once, each in a thread with a connection of its own; return results or exceptions."""
    barrier = threading.Barrier(len(deeds))
    outcomes: list[Any] = [TimeoutError("did not finish")] * len(deeds)

    def act(index: int, deed: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(PATIENCE_SECONDS)
            outcomes[index] = deed()
        except Exception as error:  # noqa: BLE001 - an outcome like any other
            outcomes[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(index, deed)) for index, deed in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return outcomes


def of_type(outcomes: Sequence[Any], kind: type) -> list[Any]:
    """Return the outcomes of a type."""
    return [outcome for outcome in outcomes if isinstance(outcome, kind)]
