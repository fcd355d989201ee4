"""What partners are told, for staff: to be read, and to be sent again."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.staff.admin import ReadOnlyAdmin, ReadOnlyInline
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.webhooks.services import WebhookRefused, replay_delivery


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    list_display = [
        "url",
        "maker",
        "is_active",
        "disabled_because",
        "failing_since",
        "created_at",
        "deleted_at",
    ]
    list_filter = ["is_active", "disabled_because", ("deleted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["maker__user"]
    search_fields = ["url", "description", "maker__client_id"]


class WebhookDeliveryInline(ReadOnlyInline):
    model = WebhookDelivery
    fields = ["endpoint", "state", "attempts", "last_attempt_at", "last_status", "response"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ["id", "type", "maker", "created_at"]
    list_filter = ["type"]
    list_select_related = ["maker__user"]
    search_fields = ["id", "maker__client_id", "deliveries__subject"]
    date_hierarchy = "created_at"
    inlines = [WebhookDeliveryInline]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = [
        "event", "endpoint", "state", "attempts", "next_at", "last_attempt_at", "last_status", "delivered_at",
    ]  # fmt: skip
    list_filter = ["state", "event__type"]
    list_select_related = ["event", "endpoint"]
    search_fields = ["event__id", "subject", "endpoint__url", "endpoint__maker__client_id"]
    actions = ["send_again"]

    def has_sending_permission(self, request: HttpRequest) -> bool:
        """Sending again needs the right to change deliveries, though the form changes none."""
        return request.user.has_perm("accounts.change_webhookdelivery")

    @admin.action(description=gettext_lazy("Send again"), permissions=["sending"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """Have events sent again, in order for each piece; one on its way is left alone."""
        sent = 0
        for delivery in queryset.order_by("pk"):
            try:
                replay_delivery(delivery=delivery)
            except WebhookRefused as error:
                self.message_user(request, f"{delivery}: {error.message}", messages.WARNING)
                continue
            self.log_deed(request, delivery, "sent again")
            sent += 1
        self.message_user(request, _("%(count)s on their way again.") % {"count": sent}, messages.SUCCESS)
