"""The bench of selling starts only where it can do no harm."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["speed"], "'speed' is not a part"),
        (["crowd", "--buyers", "3", "--pieces", "2"], "3 buyers of 2 pieces are no crowd"),
        (["crowd"], "with_postgres"),
    ],
)
def test_what_cannot_be_measured_is_named_with_the_remedy(arguments: list[str], message: str) -> None:
    """The last one: on SQLite no race would ever be lost."""
    with pytest.raises(CommandError, match=message):
        call_command("bench_sales", *arguments)
