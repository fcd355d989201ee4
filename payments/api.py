"""Buying for partners: reserve for a named client, pay at the checkout or on invoice, and see how things stand."""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import IDEMPOTENCY_KEY, IF_NONE_MATCH, NOT_MODIFIED, ApiView, NewestFirst, problems
from accounts.services import PURCHASES_READ, PURCHASES_WRITE
from generation.api import Conditional, own_pieces
from generation.api_examples import ID
from generation.shop import in_shop
from licensing.api import RIGHT_EXAMPLE
from payments import gateway, partners
from payments.api_serializers import (
    HELD_EXAMPLE,
    INVOICE_EXAMPLE,
    SOLD_EXAMPLE,
    InvoiceSerializer,
    OutcomeSerializer,
    PurchaseSerializer,
    ReservationSerializer,
    StateSerializer,
    UsageSerializer,
)
from payments.errors import PaymentUnavailable
from payments.models import Invoice, Purchase


class PurchasesView(ApiView):
    """A view of what the partner buys."""

    scopes = (PURCHASES_READ, PURCHASES_WRITE)
    serializer_class: type[serializers.Serializer] = PurchaseSerializer

    def own(self) -> QuerySet[Purchase]:
        """Return the partner's purchases with everything an answer says of them."""
        mine = Purchase.objects.filter(buyer=self.partner.account_id)
        related = mine.select_related("composition__right", "invoice")
        return related.prefetch_related("composition__right__certificates")

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


class Purchases(PurchasesView):
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="list_purchases",
        tags=["purchases"],
        parameters=[StateSerializer],
        responses={200: PurchaseSerializer(many=True), **problems(404, 422)},
        examples=[OpenApiExample("Sold", value=SOLD_EXAMPLE, response_only=True)],
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
            OpenApiExample("Held", value=HELD_EXAMPLE, response_only=True, status_codes=["201"]),
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
        examples=[OpenApiExample("Sold", value=SOLD_EXAMPLE, response_only=True)],
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
                value=HELD_EXAMPLE | {"state": "cancelled", "checkout_url": None},
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
                value=SOLD_EXAMPLE
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
        examples=[OpenApiExample("Open", value=INVOICE_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List your invoices, newest first."""
        page = self.paginate_queryset(Invoice.objects.filter(partner=self.partner))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


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
