"""A taste of ``python -m tests.api.fuzz`` in every run of the suite."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.fuzz import a_stocked_shop, fuzz


@pytest.mark.filterwarnings(
    "ignore"
)  # schemathesis and its packages speak of what is deprecated in themselves
def test_no_answer_is_a_fault_or_unlike_its_description(transactional_db: None, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    tally = fuzz(requests=150, seed=7, tokens=a_stocked_shop())
    assert tally.failures == []
    assert tally.requests >= 100
    assert len(tally.operations) >= 20
