"""Purchases for staff: to be read; what changes them are the services, called by actions and logged."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from generation.admin import NO_REASON, ReasonForm, given_reason
from licensing.admin import ReadOnlyAdmin, ReadOnlyInline
from payments import services
from payments.errors import PaymentError
from payments.gateway import GatewayError
from payments.models import Declaration, Incident, OutboxMessage, Purchase, PurchaseEvent, WebhookEvent


class PurchaseEventInline(ReadOnlyInline):
    model = PurchaseEvent


class DeclarationInline(ReadOnlyInline):
    model = Declaration


class OutboxMessageInline(ReadOnlyInline):
    model = OutboxMessage


class IncidentInline(ReadOnlyInline):
    model = Incident


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "composition",
        "buyer",
        "licensee",
        "price_minor",
        "currency",
        "state",
        "is_test",
        "created_at",
    ]
    list_filter = ["state", "is_test", "currency"]
    list_select_related = ["composition", "buyer"]
    search_fields = ["id", "buyer__email", "licensee", "session_id", "payment_intent_id", "composition__id"]
    date_hierarchy = "created_at"
    inlines = [PurchaseEventInline, DeclarationInline, OutboxMessageInline, IncidentInline]
    action_form = ReasonForm
    actions = ["settle_now", "cancel_hold", "withdraw_piece", "refund", "revoke"]

    def has_money_permission(self, request: HttpRequest) -> bool:
        """Actions that reach Stripe need the right to change purchases, though the form changes none."""
        return request.user.has_perm("payments.change_purchase")

    @admin.action(description=gettext_lazy("Ask Stripe and settle now"), permissions=["money"])
    def settle_now(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """Do what webhook and sweeper do."""
        self._each(request, queryset, "settled", lambda purchase: services.settle(purchase_id=purchase.pk))

    @admin.action(description=gettext_lazy("Cancel the hold"), permissions=["money"])
    def cancel_hold(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """Close the checkout; if the buyer has paid meanwhile, they get the piece."""
        self._each(
            request, queryset, "asked to cancel", lambda purchase: services.cancel_purchase(purchase=purchase)
        )

    @admin.action(
        description=gettext_lazy("Refund, revoke the right and retire the piece"), permissions=["money"]
    )
    def refund(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """Send the money back once, however often this is chosen."""
        reason = given_reason(request) or f"refunded by {request.user}"
        self._each(
            request,
            queryset,
            "refunded",
            lambda purchase: services.refund_purchase(purchase=purchase, reason=reason),
        )

    @admin.action(
        description=gettext_lazy("Revoke the right without a refund (give a reason)"), permissions=["money"]
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """End the right and retire the piece, and keep the money."""
        self._each_with_reason(request, queryset, "revoked", services.revoke_purchase)

    @admin.action(
        description=gettext_lazy("Close the checkout and withdraw the piece for ever (give a reason)"),
        permissions=["money"],
    )
    def withdraw_piece(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """Retire pieces that are on hold; a buyer who has paid meanwhile gets theirs."""
        self._each_with_reason(request, queryset, "withdrawn", services.withdraw_piece)

    def _each_with_reason(
        self, request: HttpRequest, queryset: QuerySet[Purchase], did: str, service: Callable[..., Purchase]
    ) -> None:
        reason = given_reason(request)
        if not reason:
            self.message_user(request, NO_REASON, messages.ERROR)
            return
        self._each(
            request,
            queryset,
            f"{did} ({reason})",
            lambda purchase: service(purchase=purchase, reason=reason),
        )

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Purchase],
        did: str,
        work: Callable[[Purchase], Purchase],
    ) -> None:
        for purchase in queryset:
            try:
                result = work(purchase)
            except (PaymentError, GatewayError) as error:
                text = getattr(error, "message", "") or str(error)
                self.message_user(request, f"{purchase.pk}: {text}", messages.ERROR)
                continue
            self.log_change(request, purchase, f"{did}: now {result.state}")
            self.message_user(request, f"{purchase.pk}: {result.get_state_display()}", messages.SUCCESS)


@admin.register(PurchaseEvent)
class PurchaseEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "purchase", "from_state", "to_state", "reason"]
    list_filter = ["to_state"]
    search_fields = ["purchase__id", "reason"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ["event_id", "type", "received_at", "processed_at", "error"]
    list_filter = ["type", ("processed_at", admin.EmptyFieldListFilter)]
    search_fields = ["event_id"]
    date_hierarchy = "received_at"


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "purchase", "detail", "resolved_at"]
    list_filter = ["kind", ("resolved_at", admin.EmptyFieldListFilter)]
    search_fields = ["purchase__id", "detail"]
    actions = ["mark_resolved"]

    def has_money_permission(self, request: HttpRequest) -> bool:
        """Whoever may change incidents may close them."""
        return request.user.has_perm("payments.change_incident")

    @admin.action(description=gettext_lazy("Mark as looked after"), permissions=["money"])
    def mark_resolved(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        """Close incidents that are open."""
        for incident in queryset.filter(resolved_at=None):
            Incident.objects.filter(pk=incident.pk, resolved_at=None).update(resolved_at=timezone.now())
            self.log_change(request, incident, "resolved")
        self.message_user(request, _("The incidents are closed."))


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "purchase", "attempts", "not_before", "done_at", "error"]
    list_filter = ["kind", ("done_at", admin.EmptyFieldListFilter)]
    search_fields = ["purchase__id"]


@admin.register(Declaration)
class DeclarationAdmin(ReadOnlyAdmin):
    list_display = ["declared_at", "kind", "purchase", "user", "terms_version", "sha256"]
    list_filter = ["kind", "terms_version"]
    list_select_related = ["purchase", "user"]
    search_fields = ["purchase__id", "user__email", "sha256"]
    date_hierarchy = "declared_at"
