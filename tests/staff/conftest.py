from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from marketplace.staff.roles import sync_roles
from tests.factories import a_user, staff_client
from tests.payments.shop import Shop


@pytest.fixture
def as_role(db: None) -> Callable[[str], Client]:
    """The browser of somebody who has one role and nothing else."""
    sync_roles()

    def enter(role: str) -> Client:
        user = a_user(is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        return staff_client(user)

    return enter


@pytest.fixture
def shop(_isolated: None, transactional_db: None) -> Shop:
    """A shop whose tests run without an enclosing transaction, since Stripe must never be called inside one."""
    return Shop.open()
