"""Buying for partners: reserve for a named client, pay at the checkout or on invoice, and see how things stand."""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError as InvalidName
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import IDEMPOTENCY_KEY, IF_NONE_MATCH, NOT_MODIFIED, ApiView, NewestFirst, problems
from accounts.services import PURCHASES_READ, PURCHASES_WRITE
from generation.api import Conditional, own_pieces
from generation.api_examples import ID, RIGHTS
from generation.api_serializers import (
    PriceSerializer,
    RightsSerializer,
    refuse_unknown_fields,
    rights,
)
from generation.shop import in_shop
from licensing.api import RIGHT_EXAMPLE
from licensing.forms import LicenseeField
from licensing.models import Certificate, ExclusiveRight
from payments import gateway, partners
from payments.errors import PaymentUnavailable
from payments.models import Invoice, Purchase

PURCHASE_ID = "9a1e7c34-2a66-4a0f-8b3b-0c1d5e8f7a90"

_INVOICE_EXAMPLE: dict[str, Any] = {
    "number": "P0003-00012",
    "purchase": PURCHASE_ID,
    "state": "open",
    "total": {"amount_minor": 4900, "currency": "eur"},
    "issued_on": "2026-11-27",
    "due_on": "2026-12-27",
    "test": False,
}
_HELD_EXAMPLE: dict[str, Any] = {
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
_SOLD_EXAMPLE: dict[str, Any] = _HELD_EXAMPLE | {
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


class PurchasesView(ApiView):
    """A view of what the partner buys."""

    scopes = (PURCHASES_READ, PURCHASES_WRITE)
    serializer_class: type[serializers.Serializer] = PurchaseSerializer

    def own(self) -> QuerySet[Purchase]:
        """Return the partner's purchases with everything an answer says of them."""
        mine = Purchase.objects.filter(buyer=self.partner.account_id)
        certificates = Prefetch("composition__right__certificates", Certificate.objects.all())
        return mine.select_related("composition__right", "invoice").prefetch_related(certificates)

    def own_one(self, purchase_id: uuid.UUID) -> Purchase:
        """Return one of them; any other is a 404."""
        found = self.own().filter(pk=purchase_id).first()
        if found is None:
            raise NotFound(_("You have no purchase %(id)s.") % {"id": purchase_id})
        return found

    def shown(self, purchase: Purchase) -> dict[str, Any]:
        """Describe a purchase as it is now."""
        body: dict[str, Any] = self.get_serializer(self.own_one(purchase.pk)).data
        return body


class StateSerializer(serializers.Serializer):
    state = serializers.ChoiceField(Purchase.State.choices, required=False)


class Purchases(PurchasesView):
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="list_purchases",
        tags=["purchases"],
        parameters=[StateSerializer],
        responses={200: PurchaseSerializer(many=True), **problems(404, 422)},
        examples=[OpenApiExample("Sold", value=_SOLD_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List your purchases, newest first."""
        asked = StateSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        page = self.paginate_queryset(self.own().filter(**asked.validated_data))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="create_purchase",
        tags=["purchases"],
        parameters=[IDEMPOTENCY_KEY],
        request=ReservationSerializer,
        responses={201: PurchaseSerializer, **problems(400, 404, 409, 415, 422, 503)},
        examples=[
            OpenApiExample(
                "For a client who pays by card",
                value={
                    "composition": ID,
                    "licensee": "Bakery Krume",
                    "return_url": "https://acme.example/orders/17",
                },
                request_only=True,
            ),
            OpenApiExample(
                "On invoice",
                value={"composition": ID, "licensee": "Bakery Krume", "payment": "invoice"},
                request_only=True,
            ),
            OpenApiExample("Held", value=_HELD_EXAMPLE, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Reserve a piece for a named client, or buy it on invoice. The first to ask gets it; the others a 409.

        The licensee you name holds the right; you fetch the files for them.
        """
        asked = ReservationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        on_invoice = wanted["payment"] == Purchase.Method.INVOICE
        # The checkout is opened outside any transaction; asked twice it is the same one.
        within = transaction.atomic if on_invoice else nullcontext
        return self.once(request, lambda: self._buy(request, wanted), within=within)

    def _buy(self, request: Request, wanted: dict[str, Any]) -> Response:
        piece, partner = _visible(request, wanted["composition"]), self.partner
        if wanted["payment"] == Purchase.Method.INVOICE:
            purchase = partners.buy_on_invoice(
                composition_id=piece, partner=partner, licensee=wanted["licensee"]
            )
        else:
            purchase = partners.reserve_for_client(
                composition_id=piece,
                partner=partner,
                licensee=wanted["licensee"],
                return_url=wanted["return_url"],
            )
        location = request.build_absolute_uri(reverse("api_purchase", args=[purchase.pk]))
        return Response(self.shown(purchase), status=status.HTTP_201_CREATED, headers={"Location": location})


class OnePurchase(Conditional, PurchasesView):
    @extend_schema(
        operation_id="get_purchase",
        tags=["purchases"],
        parameters=[IF_NONE_MATCH],
        responses={200: PurchaseSerializer, 304: NOT_MODIFIED, **problems(404)},
        examples=[OpenApiExample("Sold", value=_SOLD_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, purchase_id: uuid.UUID) -> Response:
        """Say how far a purchase is. Poll with `If-None-Match` until it is `sold`, `expired` or `cancelled`."""
        return Response(self.get_serializer(self.own_one(purchase_id)).data)


class CancelPurchase(PurchasesView):
    @extend_schema(
        operation_id="cancel_purchase",
        tags=["purchases"],
        request=None,
        responses={200: PurchaseSerializer, **problems(404, 409, 503)},
        examples=[
            OpenApiExample(
                "Let go",
                value=_HELD_EXAMPLE | {"state": "cancelled", "checkout_url": None},
                response_only=True,
            )
        ],
    )
    def post(self, request: Request, purchase_id: uuid.UUID) -> Response:
        """Let go of a piece on hold; nobody is charged. If it has been paid meanwhile, a 409, and it is sold."""
        purchase = self.own_one(purchase_id)
        try:
            purchase = partners.cancel_for_client(purchase=purchase)
        except gateway.GatewayError as error:
            raise PaymentUnavailable from error
        return Response(self.shown(purchase))


class OutcomeSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(
        partners.OUTCOMES,
        default=partners.PAID,
        help_text="`declined`: the card is refused and may be tried again. `expired`: the time runs out.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown_fields(self)
        return attrs


class PayPurchase(PurchasesView):
    @extend_schema(
        operation_id="pay_purchase",
        tags=["purchases"],
        request=OutcomeSerializer,
        responses={200: PurchaseSerializer, **problems(400, 404, 409, 415, 422)},
        examples=[
            OpenApiExample("Pay", value={"outcome": "paid"}, request_only=True),
            OpenApiExample(
                "Sold, in the sandbox",
                value=_SOLD_EXAMPLE
                | {
                    "test": True,
                    "rights": RIGHT_EXAMPLE
                    | {
                        "permissions": ["preview"],
                        "test": True,
                        "summary": "A test: nobody has any right in this piece by it.",
                    },
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request, purchase_id: uuid.UUID) -> Response:
        """Play the payer, in the sandbox only: pay with test money, be declined, or let the time run out."""
        purchase = self.own_one(purchase_id)
        asked = OutcomeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        played = partners.play_in_sandbox(purchase=purchase, outcome=asked.validated_data["outcome"])
        return Response(self.shown(played))


class NewestInvoices(NewestFirst):
    ordering = ("-issued_on", "-number")


class Invoices(PurchasesView):
    serializer_class = InvoiceSerializer
    pagination_class = NewestInvoices

    @extend_schema(
        operation_id="list_invoices",
        tags=["purchases"],
        responses={200: InvoiceSerializer(many=True), **problems(404)},
        examples=[OpenApiExample("Open", value=_INVOICE_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List your invoices, newest first."""
        page = self.paginate_queryset(Invoice.objects.filter(partner=self.partner))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class QuotaSerializer(serializers.Serializer):
    used = serializers.IntegerField()
    limit = serializers.IntegerField()


class UsageSerializer(serializers.Serializer):
    """How much of your quotas is used."""

    requests_this_minute = QuotaSerializer()
    compositions_in_24_hours = QuotaSerializer()
    pieces_on_hold = QuotaSerializer()
    unpaid_invoices = QuotaSerializer(allow_null=True, help_text="In cents; null without invoices.")


class Usage(ApiView):
    serializer_class = UsageSerializer

    @extend_schema(
        operation_id="get_usage",
        tags=["account"],
        responses={200: UsageSerializer, **problems()},
        examples=[
            OpenApiExample(
                "A quiet day",
                value={
                    "requests_this_minute": {"used": 3, "limit": 120},
                    "compositions_in_24_hours": {"used": 12, "limit": 60},
                    "pieces_on_hold": {"used": 1, "limit": 10},
                    "unpaid_invoices": {"used": 9800, "limit": 500000},
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Say how much of your quotas is used. The `RateLimit` headers of every answer tell the first as well."""
        partner = self.partner
        day = own_pieces(request).filter(created_at__gt=timezone.now() - timedelta(days=1))
        live = [Purchase.State.HELD, Purchase.State.CLAIMED]
        on_hold = Purchase.objects.filter(buyer=partner.account_id, state__in=live)
        body = {
            "requests_this_minute": {
                "used": self.allowance.used if self.allowance else 0,
                "limit": partner.requests_per_minute,
            },
            "compositions_in_24_hours": {"used": day.count(), "limit": partner.compositions_per_day},
            "pieces_on_hold": {"used": on_hold.count(), "limit": partner.holds_at_once},
            "unpaid_invoices": {
                "used": partners.unpaid_minor(partner),
                "limit": partner.credit_limit_minor,
            }
            if partner.credit_limit_minor is not None
            else None,
        }
        return Response(self.get_serializer(body).data)


def _visible(request: Request, composition_id: uuid.UUID) -> uuid.UUID:
    """Return the key of a piece that is one's own or in the shop; any other is a 404, as if it did not exist."""
    own, offered = own_pieces(request).filter(pk=composition_id), in_shop().filter(pk=composition_id)
    if not own.exists() and not offered.exists():
        raise NotFound(_("There is no piece %(id)s that you could buy.") % {"id": composition_id})
    return composition_id


_ONE = "purchases/<uuid:purchase_id>/"
urlpatterns = [
    path("purchases/", Purchases.as_view(), name="api_purchases"),
    path(_ONE, OnePurchase.as_view(), name="api_purchase"),
    path(f"{_ONE}cancel/", CancelPurchase.as_view(), name="api_purchase_cancel"),
    path(f"{_ONE}pay/", PayPurchase.as_view(), name="api_purchase_pay"),
    path("invoices/", Invoices.as_view(), name="api_invoices"),
    path("usage/", Usage.as_view(), name="api_usage"),
]
