"""Purchases for staff: to be read; what changes them are the services, called by actions and logged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.staff import audit
from accounts.staff.access import require_fresh
from accounts.staff.admin import NO_REASON, ReadOnlyAdmin, ReadOnlyInline, ReasonForm, given_reason
from generation.admin import WIDE
from payments import services
from payments.errors import AlreadyRefunded, AlreadyRevoked, PaymentError
from payments.gateway import GatewayError
from payments.models import (
    Declaration,
    Incident,
    Invoice,
    OutboxMessage,
    Purchase,
    PurchaseEvent,
    WebhookEvent,
)
from payments.partners import mark_invoice_paid, void_invoice

AT_STRIPE = "https://dashboard.stripe.com/{mode}payments/{intent}"
AT_ONCE = 20
"""Purchases that one action may touch: each of them asks Stripe, and a slip should stay a small one."""


class PurchaseEventInline(ReadOnlyInline):
    model = PurchaseEvent
    fields = ["created_at", "from_state", "to_state", "reason"]
    readonly_fields = ["created_at"]


class DeclarationInline(ReadOnlyInline):
    model = Declaration
    fields = ["declared_at", "user", "kind", "text", "terms_version"]
    readonly_fields = ["declared_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Declaration]:
        rows: QuerySet[Declaration] = super().get_queryset(request)
        return rows.select_related("user")


class OutboxMessageInline(ReadOnlyInline):
    model = OutboxMessage

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxMessage]:
        rows: QuerySet[OutboxMessage] = super().get_queryset(request)
        return rows.select_related("event")


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
    search_fields = ["licensee__istartswith", "=session_id", "=payment_intent_id"]
    sought_by_email = "buyer"
    not_in_lists = tuple(f"composition__{name}" for name in WIDE)
    search_help_text = gettext_lazy(
        "A key of purchase or piece, a whole e-mail address, how a licensee's name begins, or an id of Stripe."
    )
    sought_by_key = ("pk", "composition_id")
    date_hierarchy = "created_at"
    readonly_fields = ["created_at", "updated_at", "at_stripe"]
    inlines = [PurchaseEventInline, DeclarationInline, OutboxMessageInline, IncidentInline]
    action_form = ReasonForm
    actions = ["settle_now", "cancel_hold", "withdraw_piece", "refund", "revoke"]

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("payments.settle_purchase"))

    def has_release_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("payments.release_purchase"))

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("payments.retire_purchase"))

    def has_refund_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("payments.refund_purchase"))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("payments.revoke_purchase"))

    @admin.display(description=gettext_lazy("in Stripe's dashboard"))
    def at_stripe(self, purchase: Purchase) -> str:
        """Link to the payment there; the built-in test checkout has no dashboard."""
        if not purchase.payment_intent_id:
            return "–"
        if settings.TEST_CHECKOUT:
            return _("Paid in the built-in test checkout; Stripe does not know of it.")
        mode = "test/" if purchase.is_test else ""
        address = AT_STRIPE.format(mode=mode, intent=purchase.payment_intent_id)
        return format_html('<a href="{}" rel="noreferrer">{}</a>', address, purchase.payment_intent_id)

    @admin.action(description=gettext_lazy("Ask Stripe and settle now"), permissions=["settle"])
    def settle_now(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """Do what webhook and sweeper do."""
        self._each(request, queryset, "settled", lambda purchase: services.settle(purchase_id=purchase.pk))

    @admin.action(description=gettext_lazy("Cancel the hold"), permissions=["release"])
    def cancel_hold(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """Close the checkout; if the buyer has paid meanwhile, they get the piece."""
        self._each(
            request, queryset, "asked to cancel", lambda purchase: services.cancel_purchase(purchase=purchase)
        )

    @admin.action(
        description=gettext_lazy("Refund, revoke the right and retire the piece (give a reason)"),
        permissions=["refund"],
    )
    def refund(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """Send the money back once, however often this is chosen."""
        self._each_with_reason(request, queryset, "refunded", services.refund_purchase)

    @admin.action(
        description=gettext_lazy("Revoke the right without a refund (give a reason)"), permissions=["revoke"]
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> None:
        """End the right and retire the piece, and keep the money."""
        self._each_with_reason(request, queryset, "revoked", services.revoke_purchase)

    @admin.action(
        description=gettext_lazy("Close the checkout and withdraw the piece for ever (give a reason)"),
        permissions=["retire"],
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
            did,
            lambda purchase: service(purchase=purchase, reason=reason),
            reason=reason,
        )

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Purchase],
        did: str,
        work: Callable[[Purchase], Purchase],
        *,
        reason: str = "",
    ) -> None:
        require_fresh(request)
        chosen = list(queryset[: AT_ONCE + 1])
        if len(chosen) > AT_ONCE:
            self.message_user(
                request, _("Choose %(count)s purchases at most.") % {"count": AT_ONCE}, messages.ERROR
            )
            return
        for purchase in chosen:
            before = _standing(purchase)
            deed: dict[str, Any] = {
                "staff": request.user, "did": did, "thing": purchase, "reason": reason, "before": before,
            }  # fmt: skip
            audit.record(**deed, outcome=audit.Outcome.ASKED)
            try:
                result = work(purchase)
            except (PaymentError, GatewayError) as error:
                text = getattr(error, "message", "") or str(error)
                audit.record(**deed, after={"refused": text}, outcome=audit.Outcome.REFUSED)
                done_before = isinstance(error, AlreadyRefunded | AlreadyRevoked)
                level = messages.INFO if done_before else messages.ERROR
                self.message_user(request, f"{purchase.pk}: {text}", level)
                continue
            self.log_deed(
                request,
                purchase,
                f"{did}: now {result.state}",
                reason=reason,
                before=before,
                after=_standing(result),
            )
            self.message_user(request, f"{purchase.pk}: {result.get_state_display()}", messages.SUCCESS)


def _standing(purchase: Purchase) -> dict[str, Any]:
    """Return what of a purchase the audit log keeps: its state and its money."""
    return {
        "state": purchase.state,
        "paid_minor": purchase.paid_minor,
        "currency": purchase.currency,
        "is_test": purchase.is_test,
    }


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = [
        "number",
        "partner",
        "amount_minor",
        "currency",
        "standing",
        "issued_on",
        "due_on",
        "is_test",
    ]
    list_filter = ["state", "is_test"]
    list_select_related = ["partner"]
    search_fields = ["number__istartswith", "partner__name__istartswith"]
    action_form = ReasonForm
    actions = ["mark_paid", "give_up"]

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Whoever may change invoices may close them, though the form changes none."""
        return bool(request.user.has_perm("payments.change_invoice"))

    @admin.action(description=gettext_lazy("The money has come"), permissions=["close"])
    def mark_paid(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Note that invoices are paid, each once."""
        self._close(request, queryset, "marked as paid", lambda invoice: mark_invoice_paid(invoice=invoice))

    @admin.action(
        description=gettext_lazy("Give the invoice up: the right ends (give a reason)"), permissions=["close"]
    )
    def give_up(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Void invoices that were never paid, and revoke the rights they were for."""
        reason = given_reason(request)
        if not reason:
            self.message_user(request, NO_REASON, messages.ERROR)
            return
        self._close(
            request,
            queryset,
            "given up",
            lambda invoice: void_invoice(invoice=invoice, reason=reason),
            reason=reason,
        )

    def _close(
        self,
        request: HttpRequest,
        queryset: QuerySet[Invoice],
        did: str,
        work: Callable[[Invoice], None],
        *,
        reason: str = "",
    ) -> None:
        require_fresh(request)
        for invoice in queryset.order_by("pk"):
            before = {"state": invoice.state}
            try:
                work(invoice)
            except PaymentError as error:
                self.tell(request, error.message, failed=invoice)
                continue
            invoice.refresh_from_db()
            self.log_deed(request, invoice, did, reason=reason, before=before, after={"state": invoice.state})
            self.tell(request, f"{invoice.pk}: {invoice.get_state_display()}")


@admin.register(PurchaseEvent)
class PurchaseEventAdmin(ReadOnlyAdmin):
    ordering = ["-pk"]
    list_display = ["created_at", "purchase", "from_state", "to_state", "reason"]
    list_filter = ["to_state"]
    list_select_related = ["purchase"]
    search_fields = ["reason__startswith"]
    sought_by_key = ("purchase_id",)
    date_hierarchy = "created_at"


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ["event_id", "type", "received_at", "processed_at", "error"]
    list_filter = ["type", ("processed_at", admin.EmptyFieldListFilter)]
    search_fields = ["=event_id"]
    date_hierarchy = "received_at"


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "purchase", "detail", "resolved_at"]
    list_filter = ["kind", ("resolved_at", admin.EmptyFieldListFilter)]
    list_select_related = ["purchase"]
    search_fields = ["detail"]
    sought_by_key = ("purchase_id",)
    action_form = ReasonForm
    actions = ["mark_resolved"]

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Whoever may change incidents may close them."""
        return bool(request.user.has_perm("payments.change_incident"))

    @admin.action(description=gettext_lazy("Mark as looked after"), permissions=["close"])
    def mark_resolved(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        """Close incidents that are open."""
        for incident in queryset.filter(resolved_at=None):
            with transaction.atomic():
                closed = Incident.objects.filter(pk=incident.pk, resolved_at=None)
                if closed.update(resolved_at=timezone.now()):
                    self.log_deed(request, incident, "resolved", reason=given_reason(request))
        self.message_user(request, _("The incidents are closed."))


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    ordering = ["-pk"]
    list_display = ["created_at", "kind", "purchase", "attempts", "not_before", "done_at", "error"]
    list_filter = ["kind", ("done_at", admin.EmptyFieldListFilter)]
    list_select_related = ["purchase"]
    search_fields = ["error__startswith"]
    sought_by_key = ("purchase_id",)


@admin.register(Declaration)
class DeclarationAdmin(ReadOnlyAdmin):
    ordering = ["-pk"]
    list_display = ["declared_at", "kind", "purchase", "user", "terms_version", "sha256"]
    list_filter = ["kind", "terms_version"]
    list_select_related = ["purchase", "user"]
    search_fields = ["=sha256"]
    sought_by_email = "user"
    sought_by_key = ("purchase_id",)
    date_hierarchy = "declared_at"
