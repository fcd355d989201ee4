"""What every view of the API has in common, and the partner's own account."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied as AddressUnknown
from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, pagination, serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import idempotency, rate_limits
from accounts.authentication import MayUse, PartnerAuthentication, PartnerToken
from accounts.models import Partner

EXAMPLE_ID = "4f6c2a9e-51d4-4f0b-9d0e-6f3f0a4f2b11"


class ProblemSerializer(serializers.Serializer):
    """What went wrong, as a problem document (RFC 9457)."""

    type = serializers.CharField(help_text="Always `about:blank`: `code` tells problems apart.")
    title = serializers.CharField(help_text="What the HTTP status means.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="For programs; stays the same in every language.")
    detail = serializers.CharField(help_text="For people, in the language of `Accept-Language`.")
    errors = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="By field, what cannot be accepted.", child=serializers.ListField()
    )


PROBLEM_TYPE = "application/problem+json"
_MEANINGS = {
    400: "The body cannot be read.",
    401: "There is no valid access token.",
    403: "The token, or whoever it speaks for, may not do this.",
    404: "There is no such thing, or it is not yours.",
    406: "The answer is JSON, which the request does not accept.",
    409: "Its state does not allow this, or somebody else was faster.",
    415: "The body is not JSON.",
    422: "Some values cannot be accepted; see `errors`.",
    429: "Too much at once; `Retry-After` says when to come back.",
    503: "Not possible at the moment; try again later.",
}


def problems(*statuses: int) -> dict[Any, Any]:
    """Describe the refusals of an operation for the schema: these, and those any operation may give."""
    return {
        (status, PROBLEM_TYPE): OpenApiResponse(ProblemSerializer, description=_MEANINGS[status])
        for status in sorted({401, 403, 406, 429, *statuses})
    }


IDEMPOTENCY_KEY = OpenApiParameter(
    idempotency.HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description=(
        "Makes the request safe to send again: for 24 hours the same key with the same body gives the first answer "
        "(with `Idempotent-Replayed: true`) and does nothing. The same key with another request is a 422, a request "
        "that is still being done a 409. What was refused is not kept."
    ),
    examples=[OpenApiExample("A UUID made for this order", value="0c6e1f5a-7d2b-4a58-93c7-2b1f0e6d9a44")],
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="An earlier `ETag`."
)
NOT_MODIFIED = OpenApiResponse(description="Nothing has changed since the `ETag`.")


class NewestFirst(pagination.CursorPagination):
    """Pages by cursor, newest first."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
    ordering: tuple[str, ...] = ("-created_at", "pk")


class ApiView(generics.GenericAPIView):
    """A view for partners: their token, their scopes, their quota, and ``RateLimit`` headers on every answer."""

    authentication_classes = [PartnerAuthentication, SessionAuthentication]
    permission_classes = [MayUse]
    metadata_class = None
    scopes = ("", "")
    people_welcome = False
    allowance: rate_limits.Allowance | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Count the request before anything else is done for it, refused ones included."""
        try:
            who, limit = self._caller(request)
        except APIException:
            self.allowance = _take_by_address(request)
            raise
        self.allowance = rate_limits.take(who, limit=limit)
        if self.allowance.is_exceeded:
            raise Throttled(wait=self.allowance.resets_in)
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        allowance = self.allowance or _take_by_address(request)
        for name, value in allowance.headers.items():
            answer[name] = value
        return answer

    @property
    def token(self) -> PartnerToken:
        """The token that asks. Raises ``PermissionDenied`` for a person."""
        token: Any = self.request.auth
        if not isinstance(token, PartnerToken):
            raise PermissionDenied
        return token

    @property
    def partner(self) -> Partner:
        """The partner who asks. Raises ``PermissionDenied`` for a person."""
        return self.token.partner

    def once(
        self,
        request: Request,
        act: Callable[[], Response],
        *,
        within: Callable[[], AbstractContextManager[Any]],
    ) -> Response:
        """Do what ``idempotency.once`` says for who asks here."""
        return idempotency.once(request, owner=self._caller(request)[0], within=within, act=act)

    def _caller(self, request: Request) -> tuple[str, int]:
        token: Any = request.auth
        if isinstance(token, PartnerToken):
            partner = token.partner
            return f"client:{partner.client_id}", partner.requests_per_minute
        if request.user and request.user.is_authenticated:
            return f"user:{request.user.pk}", rate_limits.VISITORS_PER_MINUTE
        return _address_of(request), rate_limits.VISITORS_PER_MINUTE


def _address_of(request: Request) -> str:
    """Name the address a request comes from. Where the server tells none, all such visitors share one limit."""
    try:
        return f"address:{get_adapter().get_client_ip(request._request)}"
    except AddressUnknown:
        return "address:unknown"


def _take_by_address(request: Request) -> rate_limits.Allowance:
    return rate_limits.take(_address_of(request), limit=rate_limits.VISITORS_PER_MINUTE)


class QuotasSerializer(serializers.Serializer):
    requests_per_minute = serializers.IntegerField()
    compositions_per_day = serializers.IntegerField()
    holds_at_once = serializers.IntegerField(help_text="Pieces on hold at the same time.")


class AccountSerializer(serializers.Serializer):
    """Who you are here, and what you may do."""

    name = serializers.CharField()
    client_id = serializers.CharField()
    kind = serializers.ChoiceField(Partner.Kind.choices)
    scopes = serializers.ListField(child=serializers.CharField(), help_text="Those of this access token.")
    may_pay_by_invoice = serializers.BooleanField()
    credit_limit_minor = serializers.IntegerField(
        allow_null=True, help_text="In cents: what your unpaid invoices may come to; null without invoices."
    )
    quotas = QuotasSerializer()


ACCOUNT_EXAMPLE = {
    "name": "Acme Ads",
    "client_id": "7c1d0a52f3",
    "kind": "live",
    "scopes": ["compositions:read", "compositions:write", "purchases:read", "purchases:write"],
    "may_pay_by_invoice": True,
    "credit_limit_minor": 500000,
    "quotas": {"requests_per_minute": 120, "compositions_per_day": 60, "holds_at_once": 10},
}


class Account(ApiView):
    serializer_class = AccountSerializer

    @extend_schema(
        operation_id="get_account",
        tags=["account"],
        responses={200: AccountSerializer, **problems()},
        examples=[OpenApiExample("A live partner", value=ACCOUNT_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """Say who you are to us, whether live or in the sandbox, and what you may do."""
        partner = self.partner
        body = {
            "name": partner.name,
            "client_id": partner.client_id,
            "kind": partner.kind,
            "scopes": sorted(self.token.scopes),
            "may_pay_by_invoice": partner.credit_limit_minor is not None,
            "credit_limit_minor": partner.credit_limit_minor,
            "quotas": partner,
        }
        return Response(self.get_serializer(body).data)


urlpatterns = [path("account/", Account.as_view(), name="api_account")]
