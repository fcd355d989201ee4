"""What the API shows of webhooks, and what it takes."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.webhooks.catalogue import EventType
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint
from accounts.webhooks.signing import secret_of


class WebhookWishes(serializers.Serializer):
    """What may be said of a webhook. Everything but the address may be left out."""

    url = serializers.CharField(max_length=500, help_text="Public, and starts with `https://`.")
    event_types = serializers.ListField(
        child=serializers.ChoiceField(EventType.choices),
        required=False,
        max_length=len(EventType),
        help_text="What you want to be told. Empty or left out: everything, new types too.",
    )
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)
    contact_email = serializers.EmailField(
        required=False, allow_blank=True, help_text="Who gets an e-mail when we switch the webhook off."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            message = f"There is no such field. Known are: {', '.join(self.fields)}."
            raise serializers.ValidationError({field: [message] for field in sorted(unknown)})
        if "event_types" in attrs:
            attrs["event_types"] = sorted(set(attrs["event_types"]))
        return attrs


class WebhookChange(WebhookWishes):
    """What may be changed; what is left out stays."""

    url = serializers.CharField(max_length=500, required=False)
    is_active = serializers.BooleanField(
        required=False, help_text="Switched on, what waited meanwhile is sent at once and in order."
    )


class WebhookSerializer(serializers.ModelSerializer):
    """An endpoint as its partner sees it."""

    event_types = serializers.ListField(child=serializers.ChoiceField(EventType.choices))

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id", "url", "description", "contact_email", "event_types", "is_active", "disabled_because",
            "failing_since", "previous_secret_until", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class NewWebhookSerializer(WebhookSerializer):
    """An endpoint with its secret, which is shown this once."""

    secret = serializers.SerializerMethodField(help_text="Shown this once: `whsec_` and Base64.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields

    def get_secret(self, endpoint: WebhookEndpoint) -> str:
        return secret_of(endpoint)


class DeliverySerializer(serializers.ModelSerializer):
    """One event on its way to one endpoint."""

    event = serializers.CharField(source="event_id", help_text="What `webhook-id` says.")
    type = serializers.CharField(source="event.type")
    body = serializers.SerializerMethodField(help_text="What is sent.")
    next_attempt_at = serializers.SerializerMethodField(help_text="null when there is none.")

    class Meta:
        model = WebhookDelivery
        fields = [
            "id", "event", "type", "state", "attempts", "created_at", "last_attempt_at", "next_attempt_at",
            "delivered_at", "last_status", "response", "body",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_body(self, delivery: WebhookDelivery) -> Any:
        return json.loads(delivery.event.body)

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_next_attempt_at(self, delivery: WebhookDelivery) -> Any:
        waits = delivery.state == WebhookDelivery.State.PENDING
        return serializers.DateTimeField().to_representation(delivery.next_at) if waits else None


class ReplaySerializer(serializers.Serializer):
    since = serializers.DateTimeField(help_text="Deliveries made at or after this time.")


class ReplayedSerializer(serializers.Serializer):
    replayed = serializers.IntegerField(help_text="How many are on their way again.")
