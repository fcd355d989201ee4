"""Configurations with which nothing must start."""

from __future__ import annotations

from typing import Any

import pytest

from payments.checks import payments_are_configured, production_can_sell


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"TEST_CHECKOUT": True, "PRODUCTION": True}, ["payments.E001"]),
        ({"TEST_CHECKOUT": True, "STRIPE_SECRET_KEY": "sk_live_x"}, ["payments.E002"]),
        ({"TEST_CHECKOUT": True, "STRIPE_SECRET_KEY": "rk_live_x"}, ["payments.E002"]),
        (
            {"TEST_CHECKOUT": False, "STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRETS": []},
            ["payments.E003"],
        ),
        ({"TEST_CHECKOUT": False, "STRIPE_SECRET_KEY": "pk_live_x"}, ["payments.E004"]),
        ({"TEST_CHECKOUT": False, "STRIPE_SECRET_KEY": "sk_live_x"}, []),
        ({}, []),
    ],
)
def test_a_dangerous_configuration_is_an_error_with_a_hint(
    settings: Any, values: dict[str, Any], found: list[str]
) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    messages = payments_are_configured(None)
    assert [message.id for message in messages] == found
    assert all(message.hint for message in messages)


def test_a_production_that_cannot_sell_is_warned_of(settings: Any) -> None:
    settings.PRODUCTION, settings.TEST_CHECKOUT = True, False
    assert [message.id for message in production_can_sell(None)] == ["payments.W001"]
    settings.STRIPE_SECRET_KEY = "sk_live_x"
    assert production_can_sell(None) == []
