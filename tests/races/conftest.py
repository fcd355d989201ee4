"""Races are proved where they happen: on PostgreSQL, with real threads. SQLite lets one writer in at a time."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.payments.shop import Shop


@pytest.fixture
def shop(_isolated: None, transactional_db: None) -> Shop:
    """The shop, on PostgreSQL or not at all."""
    if connection.vendor != "postgresql":
        pytest.fail("Run these with a server: python -m tests.with_postgres python -m pytest tests/races")
    return Shop.open()
