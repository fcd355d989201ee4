from __future__ import annotations

import pytest

from tests.payments.shop import Shop


@pytest.fixture
def shop(_isolated: None, transactional_db: None) -> Shop:
    """The shop; its tests run without an enclosing transaction, since Stripe must never be called inside one."""
    return Shop.open()
