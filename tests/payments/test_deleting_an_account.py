"""A8: the person is forgotten, the proof stays."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.deletion import AccountInUse, forget_user
from accounts.models import User
from licensing.models import Certificate, ExclusiveRight
from payments import services
from tests.factories import PASSWORD, a_user
from tests.payments.shop import Shop

ADDRESS = "ada@example.com"


def signed_in() -> tuple[Client, User]:
    user = a_user(email=ADDRESS, name="Ada")
    client = Client()
    client.post(reverse("account_login"), {"login": ADDRESS, "password": PASSWORD})
    asked = client.post(reverse("account_delete"))
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    client.get(reverse("account_delete"))
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": reverse("account_delete")})
    return client, user


@pytest.mark.row("A8")
def test_the_person_is_forgotten_and_purchase_right_and_certificate_stay(shop: Shop) -> None:
    client, user = signed_in()
    other_browser = Client()
    other_browser.force_login(user)
    purchase = shop.sold(buyer=user)
    facts = Certificate.objects.get().facts
    assert "You own 1 piece" in client.get(reverse("account_delete")).content.decode()
    assert client.post(reverse("account_delete")).status_code == 422
    assert client.post(reverse("account_delete"), {"sure": "on"})["Location"] == reverse("home")
    user.refresh_from_db()
    assert (user.name, user.is_active, user.has_usable_password()) == ("", False, False)
    assert ADDRESS not in user.email
    assert user.emailaddress_set.count() == user.usersession_set.count() == 0
    for browser in (client, other_browser):
        assert browser.get(reverse("account_delete")).status_code == 302
    purchase.refresh_from_db()
    assert (purchase.state, purchase.buyer, ExclusiveRight.objects.get().holder) == ("sold", user, user)
    assert Certificate.objects.get().facts == facts
    forget_user(user=user)
    mail.outbox.clear()
    services.refund_purchase(purchase=purchase, reason="test")
    services.drain_outbox()
    assert mail.outbox == []
    assert a_user(email=ADDRESS).pk != user.pk


@pytest.mark.row("A8")
def test_while_something_is_being_paid_nothing_is_deleted(shop: Shop) -> None:
    client, user = signed_in()
    purchase = shop.start(buyer=user)
    assert client.post(reverse("account_delete"), {"sure": "on"}).status_code == 409
    with pytest.raises(AccountInUse):
        forget_user(user=user)
    user.refresh_from_db()
    assert user.email == ADDRESS
    services.cancel_purchase(purchase=purchase)
    assert client.post(reverse("account_delete"), {"sure": "on"}).status_code == 302
