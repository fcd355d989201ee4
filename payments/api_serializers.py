"""How reservations, purchases and invoices look in the API."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as InvalidName
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from generation.api_examples import ID, RIGHTS
from generation.api_serializers import (
    PriceSerializer,
    RightsSerializer,
    refuse_unknown_fields,
    rights,
)
from licensing.api import RIGHT_EXAMPLE
from licensing.forms import LicenseeField
from licensing.models import ExclusiveRight
from payments import partners
from payments.models import Invoice, Purchase

PURCHASE_ID = "9a1e7c34-2a66-4a0f-8b3b-0c1d5e8f7a90"

INVOICE_EXAMPLE: dict[str, Any] = {
    "number": "P0003-00012",
    "purchase": PURCHASE_ID,
    "state": "open",
    "total": {"amount_minor": 4900, "currency": "eur"},
    "issued_on": "2026-11-27",
    "due_on": "2026-12-27",
    "test": False,
}
HELD_EXAMPLE: dict[str, Any] = {
    "id": PURCHASE_ID,
    "state": "held",
    "composition": ID,
    "licensee": "Bakery Krume",
    "payment": "checkout",
    "price": {"amount_minor": 4900, "currency": "eur"},
    "checkout_url": "https://checkout.stripe.com/c/pay/cs_live_a1b2c3",
    "expires_at": "2026-11-27T16:05:00Z",
    "created_at": "2026-11-27T15:30:00Z",
    "updated_at": "2026-11-27T15:30:00Z",
    "certificate": None,
    "invoice": None,
    "test": False,
    "rights": RIGHTS,
}
SOLD_EXAMPLE: dict[str, Any] = HELD_EXAMPLE | {
    "state": "sold",
    "checkout_url": None,
    "certificate": "SLS-7Q2K-M4XP-9DTB",
    "rights": RIGHT_EXAMPLE,
}


class ReservationSerializer(serializers.Serializer):
    """A piece, and for whom."""

    composition = serializers.UUIDField(help_text="One of your own pieces, or an offer.")
    licensee = serializers.CharField(
        min_length=2,
        max_length=160,
        help_text="Your client: the person or company that alone may use the piece, named on the certificate.",
    )
    payment = serializers.ChoiceField(
        Purchase.Method.choices,
        default=Purchase.Method.CHECKOUT,
        help_text="`checkout`: hold it, and let somebody pay at `checkout_url`. `invoice`: buy it now, if you are "
        "approved and within your credit limit.",
    )
    return_url = serializers.URLField(
        required=False,
        max_length=1000,
        help_text="Where the payer goes after the checkout; needed with `checkout`. It proves nothing: ask here.",
    )

    def validate_licensee(self, name: str) -> str:
        """Refuse what cannot be printed on a certificate."""
        try:
            return LicenseeField().clean(name)
        except InvalidName as error:
            raise serializers.ValidationError(error.messages) from error

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown_fields(self)
        if attrs["payment"] == Purchase.Method.CHECKOUT and not attrs.get("return_url"):
            raise serializers.ValidationError(
                {"return_url": [_("Say where the payer is to be sent after the checkout.")]}
            )
        return attrs


class InvoiceSerializer(serializers.Serializer):
    number = serializers.CharField()
    purchase = serializers.UUIDField(source="purchase_id")
    state = serializers.SerializerMethodField()
    total = serializers.SerializerMethodField()
    issued_on = serializers.DateField()
    due_on = serializers.DateField()
    test = serializers.BooleanField(source="is_test", help_text="Whether nothing is really owed.")

    @extend_schema_field(serializers.ChoiceField(["open", "overdue", "paid", "void"]))
    def get_state(self, invoice: Invoice) -> str:
        return invoice.standing

    @extend_schema_field(PriceSerializer)
    def get_total(self, invoice: Invoice) -> dict[str, Any]:
        return {"amount_minor": invoice.amount_minor, "currency": invoice.currency}


class PurchaseSerializer(serializers.Serializer):
    """One attempt to buy a piece for a client, and what it has come to."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(Purchase.State.choices)
    composition = serializers.UUIDField(source="composition_id")
    licensee = serializers.CharField()
    payment = serializers.ChoiceField(Purchase.Method.choices, source="method")
    price = serializers.SerializerMethodField()
    checkout_url = serializers.SerializerMethodField(
        help_text="Where the payer pays, while the piece is held; null otherwise, and always in the sandbox."
    )
    expires_at = serializers.DateTimeField(help_text="Until when the piece is held at least.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    certificate = serializers.SerializerMethodField(help_text="The Copyright ID, once the piece is sold.")
    invoice = serializers.SerializerMethodField()
    test = serializers.BooleanField(source="is_test", help_text="Whether no real money moves.")
    rights = serializers.SerializerMethodField()

    @extend_schema_field(PriceSerializer)
    def get_price(self, purchase: Purchase) -> dict[str, Any]:
        return {"amount_minor": purchase.price_minor, "currency": purchase.currency}

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_checkout_url(self, purchase: Purchase) -> str | None:
        if purchase.state != Purchase.State.HELD or purchase.is_sandbox or not purchase.checkout_url:
            return None
        absolute: str = self.context["request"].build_absolute_uri(purchase.checkout_url)
        return absolute

    def get_certificate(self, purchase: Purchase) -> str | None:
        right = self._right(purchase)
        return right.certificate.pk if right else None

    @extend_schema_field(InvoiceSerializer(allow_null=True))
    def get_invoice(self, purchase: Purchase) -> dict[str, Any] | None:
        invoice = getattr(purchase, "invoice", None)
        return InvoiceSerializer(invoice).data if invoice else None

    @extend_schema_field(RightsSerializer)
    def get_rights(self, purchase: Purchase) -> dict[str, Any]:
        right = self._right(purchase)
        live = purchase.state in {Purchase.State.HELD, Purchase.State.CLAIMED}
        return rights(
            self.context["request"],
            state=right.state if right else "none",
            held_by=right.licensee if right else None,
            test=purchase.is_test,
            offered=live or purchase.state in Purchase.OVER,
            terms_version=purchase.terms_version,
        )

    def _right(self, purchase: Purchase) -> ExclusiveRight | None:
        right: ExclusiveRight | None = getattr(purchase.composition, "right", None)
        return right if right and right.purchase_id == purchase.pk else None


class StateSerializer(serializers.Serializer):
    state = serializers.ChoiceField(Purchase.State.choices, required=False)


class OutcomeSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(
        partners.OUTCOMES,
        default=partners.PAID,
        help_text="`declined`: the card is refused and may be tried again. `expired`: the time runs out.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown_fields(self)
        return attrs


class QuotaSerializer(serializers.Serializer):
    used = serializers.IntegerField()
    limit = serializers.IntegerField()


class UsageSerializer(serializers.Serializer):
    """How much of your quotas is used."""

    requests_this_minute = QuotaSerializer()
    compositions_in_24_hours = QuotaSerializer()
    pieces_on_hold = QuotaSerializer()
    unpaid_invoices = QuotaSerializer(allow_null=True, help_text="In cents; null without invoices.")
