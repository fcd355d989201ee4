"""Staff read what partners are told, and have it sent again; nothing can be changed by hand."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.webhooks.catalogue import EventType
from accounts.webhooks.events import tell_partner
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.webhooks.signing import secret_of
from tests.accounts.webhooks import an_endpoint
from tests.factories import a_queued_composition, a_staff_user, a_user

pytestmark = pytest.mark.django_db

DELIVERIES = "/admin/accounts/webhookdelivery/"


@pytest.fixture
def delivery() -> WebhookDelivery:
    endpoint = an_endpoint()
    piece = a_queued_composition(maker=endpoint.maker)
    tell_partner(maker=endpoint.maker, type=EventType.PURCHASE_HELD, about=piece.pk, data={"state": "held"})
    WebhookDelivery.objects.update(state="failed", attempts=10, response="<script>alert(1)</script>")
    return WebhookDelivery.objects.get()


def test_staff_see_endpoints_events_and_deliveries_but_no_secret(
    client: Client, delivery: WebhookDelivery
) -> None:
    client.force_login(a_staff_user())
    for row in (delivery.endpoint, delivery.event, delivery):
        of_model = f"/admin/accounts/{row._meta.model_name}/"
        for where in (of_model, f"{of_model}?q=localhost", f"{of_model}{row.pk}/change/"):
            page = client.get(where)
            assert page.status_code == 200, where
            assert "<script>alert" not in page.content.decode()
            assert secret_of(delivery.endpoint) not in page.content.decode()
        assert client.get(f"{of_model}add/").status_code == 403
        assert client.post(f"{of_model}{row.pk}/change/", {"url": "https://evil.example"}).status_code == 403
        assert client.post(f"{of_model}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert (WebhookEndpoint.objects.count(), WebhookEvent.objects.count()) == (1, 1)


def send_again(client: Client, delivery: WebhookDelivery) -> None:
    client.post(DELIVERIES, {"action": "send_again", "_selected_action": [delivery.pk]})
    delivery.refresh_from_db()


def test_sending_again_is_an_action_that_is_logged(client: Client, delivery: WebhookDelivery) -> None:
    client.force_login(a_staff_user())
    send_again(client, delivery)
    assert (delivery.state, delivery.attempts) == ("pending", 0)
    assert LogEntry.objects.get().change_message == "sent again"
    WebhookDelivery.objects.update(state="sending")
    send_again(client, delivery)
    assert delivery.state == "sending"
    assert LogEntry.objects.count() == 1


def test_who_may_only_read_sends_nothing(client: Client, delivery: WebhookDelivery) -> None:
    reader = a_user(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_webhookdelivery"))
    client.force_login(reader)
    assert client.get(DELIVERIES).status_code == 200
    send_again(client, delivery)
    assert delivery.state == "failed"
