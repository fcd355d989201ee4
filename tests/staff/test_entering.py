"""The admin opens to staff with a second factor, and moves money only for somebody who proved who they are just now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry
from tests.factories import PASSWORD, a_staff_user, a_user, staff_client
from tests.payments.shop import Shop

INDEX = "/admin/"


@pytest.fixture
def strict(settings: Settings) -> None:
    settings.STAFF_NEED_SECOND_FACTOR = True


@pytest.mark.django_db
@pytest.mark.usefixtures("strict")
def test_staff_without_a_second_factor_are_led_to_setting_one_up() -> None:
    user = a_staff_user()
    client = staff_client(user)
    for address in (INDEX, "/admin/payments/purchase/", "/admin/health/", "/admin/panel/"):
        answer = client.get(address, follow=True)
        assert answer.redirect_chain[-1][0] == reverse("mfa_index"), address
    assert "second factor" in answer.content.decode()
    Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data={})
    assert client.get(INDEX).status_code == 302, "recovery codes alone are no factor"
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    page = client.get(INDEX)
    assert page.status_code == 200
    assert "without a second factor" not in page.content.decode()


@pytest.mark.django_db
def test_a_newcomers_own_machine_does_without_and_says_so() -> None:
    page = staff_client().get(INDEX)
    assert page.status_code == 200
    assert "staff enter without a second factor" in page.content.decode()


@pytest.mark.django_db
def test_there_is_no_log_in_but_the_rate_limited_one() -> None:
    client = Client()
    for path in (INDEX, "/admin/login/?next=/admin/"):
        answer = client.get(path, follow=True)
        assert answer.redirect_chain[-1][0].startswith("/accounts/login/")
    user = a_staff_user()
    client.post("/admin/login/", {"username": user.email, "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    client.force_login(a_user())
    assert client.get("/admin/login/").status_code == 403


def test_money_waits_for_a_fresh_proof_and_then_moves_once(shop: Shop) -> None:
    purchase = shop.sold()
    user = a_staff_user()
    client = staff_client(user, proved_ago=timedelta(minutes=16))
    address = reverse("admin:payments_purchase_changelist")
    form = {"action": "refund", "reason": "wrong piece", "_selected_action": [str(purchase.pk)]}
    answer = client.post(address, form)
    assert answer["Location"] == f"{reverse('account_reauthenticate')}?next=%2Fadmin%2Fpayments%2Fpurchase%2F"
    assert (shop.refunds(), AuditEntry.objects.count()) == ([], 0)
    answer = client.post(reverse("account_reauthenticate"), {"password": "wrong", "next": address})
    assert shop.refunds() == []
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": address})
    purchase.refresh_from_db()
    assert (purchase.state, len(shop.refunds())) == ("refunded", 1)
    fresh = staff_client(proved_ago=timedelta(minutes=14))
    assert fresh.post(address, form)["Location"] == address


@pytest.mark.django_db
def test_rights_of_accounts_change_only_after_a_fresh_proof() -> None:
    person = a_user()
    client = staff_client(proved_ago=timedelta(hours=1))
    address = reverse("admin:accounts_user_change", args=[person.pk])
    assert client.get(address).status_code == 200
    answer = client.post(address, {"email": person.email, "is_staff": "on"})
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    person.refresh_from_db()
    assert not person.is_staff
