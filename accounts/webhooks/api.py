"""A partner's webhooks: ``/api/v1/webhooks/``. Each partner sees their own and no other."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.urls import path, reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ApiView, NewestFirst, problems
from accounts.authentication import PartnerToken
from accounts.services import WEBHOOKS_READ, WEBHOOKS_WRITE, maker_of_client
from accounts.webhooks import services
from accounts.webhooks.addresses import UnsafeAddress
from accounts.webhooks.catalogue import EventType, example_of
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint
from accounts.webhooks.serializers import (
    DeliverySerializer,
    NewWebhookSerializer,
    ReplayedSerializer,
    ReplaySerializer,
    WebhookChange,
    WebhookSerializer,
    WebhookWishes,
)

WEBHOOK: dict[str, Any] = {
    "id": "0d0a7a53-3c0b-4f3e-8f7e-2f8f5b5f6a10",
    "url": "https://partner.example/soloscore",
    "description": "orders",
    "contact_email": "ops@partner.example",
    "event_types": ["composition.ready", "purchase.paid"],
    "is_active": True,
    "disabled_because": "",
    "failing_since": None,
    "previous_secret_until": None,
    "created_at": "2026-11-27T09:30:00Z",
}
SHOWN = OpenApiExample("A webhook", value=WEBHOOK, response_only=True, status_codes=["200"])
SECRET = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
DELIVERY = OpenApiExample(
    "An event that waits for its third attempt",
    value={
        "id": 4711,
        "event": "evt_3f0d1a3a7f0e4f0d8c3e5a1b2c3d4e5f",
        "type": EventType.COMPOSITION_READY.value,
        "state": "pending",
        "attempts": 2,
        "created_at": "2026-11-27T09:30:00Z",
        "last_attempt_at": "2026-11-27T09:30:06Z",
        "next_attempt_at": "2026-11-27T09:35:06Z",
        "delivered_at": None,
        "last_status": 503,
        "response": "maintenance",
        "body": example_of(EventType.COMPOSITION_READY),
    },
    response_only=True,
    status_codes=["200", "202"],
)


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class NewestDeliveriesFirst(NewestFirst):
    page_size = 50
    ordering = ("-pk",)


class _WebhooksView(ApiView):
    """Finds what belongs to the partner who asks, and turns refusals of the services into problems."""

    scopes = (WEBHOOKS_READ, WEBHOOKS_WRITE)

    @property
    def client_id(self) -> str:
        """The client of the partner who asks; empty while the schema is made."""
        token: Any = self.request.auth
        return token.partner.client_id if isinstance(token, PartnerToken) else ""

    def get_queryset(self) -> QuerySet[Any]:
        return services.endpoints_of(self.client_id) if self.client_id else WebhookEndpoint.objects.none()

    def endpoint(self, webhook_id: uuid.UUID) -> WebhookEndpoint:
        """Return one of the partner's own."""
        found: WebhookEndpoint | None = (
            self.get_queryset().select_related("maker").filter(pk=webhook_id).first()
        )
        if found is None:
            raise exceptions.NotFound(_("You have no webhook %(id)s.") % {"id": webhook_id})
        return found

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, UnsafeAddress):
            exc = exceptions.ValidationError({"url": [exc.message]})
        elif isinstance(exc, services.WebhookRefused):
            exc = Conflict(exc.message)
        answer: Response = super().handle_exception(exc)
        return answer


class Webhooks(_WebhooksView):
    serializer_class = WebhookSerializer
    pagination_class = NewestFirst

    @extend_schema(
        tags=["webhooks"],
        operation_id="list_webhooks",
        responses={200: WebhookSerializer(many=True), **problems(404)},
        examples=[SHOWN],
    )
    def get(self, request: Request) -> Response:
        """List your webhooks, newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        tags=["webhooks"],
        operation_id="create_webhook",
        request=WebhookWishes,
        responses={201: NewWebhookSerializer, **problems(400, 409, 415, 422)},
        examples=[
            OpenApiExample(
                "Two types of events",
                value={key: WEBHOOK[key] for key in ("url", "event_types", "description", "contact_email")},
                request_only=True,
            ),
            OpenApiExample(
                "The webhook with its secret",
                value=WEBHOOK | SECRET,
                response_only=True,
                status_codes=["201"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Add a webhook. The answer shows the secret, this once: keep it to check our signatures."""
        wishes = WebhookWishes(data=request.data)
        wishes.is_valid(raise_exception=True)
        maker = maker_of_client(self.client_id)
        endpoint = services.create_endpoint(maker=maker, **wishes.validated_data)
        where = request.build_absolute_uri(reverse("api_webhook", args=[endpoint.pk]))
        body = NewWebhookSerializer(endpoint).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": where})


class OneWebhook(_WebhooksView):
    serializer_class = WebhookSerializer

    @extend_schema(
        tags=["webhooks"],
        operation_id="get_webhook",
        responses={200: WebhookSerializer, **problems(404)},
        examples=[SHOWN],
    )
    def get(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Show one webhook, and since when it fails if it does."""
        return Response(self.get_serializer(self.endpoint(webhook_id)).data)

    @extend_schema(
        tags=["webhooks"],
        operation_id="change_webhook",
        request=WebhookChange,
        responses={200: WebhookSerializer, **problems(400, 404, 415, 422)},
        examples=[OpenApiExample("Switch it on again", value={"is_active": True}, request_only=True), SHOWN],
    )
    def patch(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Change a webhook, or switch it off and on."""
        endpoint = self.endpoint(webhook_id)
        change = WebhookChange(data=request.data)
        change.is_valid(raise_exception=True)
        services.change_endpoint(endpoint=endpoint, **change.validated_data)
        return Response(self.get_serializer(endpoint).data)

    @extend_schema(
        tags=["webhooks"],
        operation_id="delete_webhook",
        responses={204: OpenApiResponse(description="It is told nothing any more."), **problems(404)},
    )
    def delete(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Delete a webhook, with what waits for it."""
        services.delete_endpoint(endpoint=self.endpoint(webhook_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Secret(_WebhooksView):
    serializer_class = NewWebhookSerializer

    @extend_schema(
        tags=["webhooks"],
        operation_id="rotate_webhook_secret",
        request=None,
        responses={200: NewWebhookSerializer, **problems(404)},
        examples=[
            OpenApiExample("The webhook with its new secret", value=WEBHOOK | SECRET, response_only=True)
        ],
    )
    def post(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Get a new secret, shown this once. The one before it signs too for 24 hours."""
        endpoint = self.endpoint(webhook_id)
        services.rotate_secret(endpoint=endpoint)
        return Response(self.get_serializer(endpoint).data)


class Test(_WebhooksView):
    serializer_class = DeliverySerializer

    @extend_schema(
        tags=["webhooks"],
        operation_id="test_webhook",
        request=None,
        responses={202: DeliverySerializer, **problems(404, 409)},
        examples=[DELIVERY],
    )
    def post(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Have a `ping` sent to a webhook, whatever types it wants."""
        delivery = services.send_test(endpoint=self.endpoint(webhook_id))
        return Response(self.get_serializer(delivery).data, status=status.HTTP_202_ACCEPTED)


class Deliveries(_WebhooksView):
    serializer_class = DeliverySerializer
    pagination_class = NewestDeliveriesFirst

    @extend_schema(
        tags=["webhooks"],
        operation_id="list_webhook_deliveries",
        parameters=[
            OpenApiParameter("state", str, enum=WebhookDelivery.State.values, description="Only these.")
        ],
        responses={200: DeliverySerializer(many=True), **problems(404, 422)},
        examples=[DELIVERY],
    )
    def get(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """List what was or will be sent to a webhook in the last 90 days, newest first."""
        rows = WebhookDelivery.objects.filter(endpoint=self.endpoint(webhook_id)).select_related("event")
        state = request.query_params.get("state")
        if state is not None and state not in WebhookDelivery.State.values:
            known = ", ".join(WebhookDelivery.State.values)
            raise exceptions.ValidationError({"state": [_("Known are: %(known)s.") % {"known": known}]})
        page = self.paginate_queryset(rows.filter(state=state) if state else rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class ReplayOne(_WebhooksView):
    serializer_class = DeliverySerializer

    @extend_schema(
        tags=["webhooks"],
        operation_id="replay_webhook_delivery",
        request=None,
        responses={202: DeliverySerializer, **problems(404, 409)},
        examples=[DELIVERY],
    )
    def post(self, request: Request, webhook_id: uuid.UUID, delivery_id: int) -> Response:
        """Have one event sent again, also one that had arrived, with the same `webhook-id`."""
        rows = WebhookDelivery.objects.filter(endpoint=self.endpoint(webhook_id)).select_related("event")
        delivery = rows.filter(pk=delivery_id).first()
        if delivery is None:
            raise exceptions.NotFound(_("You have no delivery %(id)s.") % {"id": delivery_id})
        services.replay_delivery(delivery=delivery)
        return Response(self.get_serializer(delivery).data, status=status.HTTP_202_ACCEPTED)


class ReplayFailed(_WebhooksView):
    serializer_class = ReplayedSerializer

    @extend_schema(
        tags=["webhooks"],
        operation_id="replay_failed_webhook_deliveries",
        request=ReplaySerializer,
        responses={202: ReplayedSerializer, **problems(400, 404, 415, 422)},
        examples=[
            OpenApiExample("Since yesterday", value={"since": "2026-11-26T00:00:00Z"}, request_only=True),
            OpenApiExample("Seven", value={"replayed": 7}, response_only=True, status_codes=["202"]),
        ],
    )
    def post(self, request: Request, webhook_id: uuid.UUID) -> Response:
        """Have everything sent again that has failed since a time, and at once what waits for its next attempt."""
        wish = ReplaySerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        count = services.replay_failed(endpoint=self.endpoint(webhook_id), since=wish.validated_data["since"])
        return Response({"replayed": count}, status=status.HTTP_202_ACCEPTED)


urlpatterns = [
    path("webhooks/", Webhooks.as_view(), name="api_webhooks"),
    path("webhooks/<uuid:webhook_id>/", OneWebhook.as_view(), name="api_webhook"),
    path("webhooks/<uuid:webhook_id>/secret/", Secret.as_view(), name="api_webhook_secret"),
    path("webhooks/<uuid:webhook_id>/test/", Test.as_view(), name="api_webhook_test"),
    path("webhooks/<uuid:webhook_id>/deliveries/", Deliveries.as_view(), name="api_webhook_deliveries"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<int:delivery_id>/replay/",
        ReplayOne.as_view(),
        name="api_webhook_replay",
    ),
    path("webhooks/<uuid:webhook_id>/replay/", ReplayFailed.as_view(), name="api_webhook_replay_failed"),
]
