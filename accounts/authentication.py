"""Who calls the API: a partner by access token, or a person by session. And what either may do there."""

from __future__ import annotations

from typing import Any

from allauth.idp.oidc.contrib.rest_framework.authentication import TokenAuthentication
from allauth.idp.oidc.models import Token
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import Partner
from accounts.services import (
    PURCHASES_READ,
    PURCHASES_WRITE,
    READ,
    WEBHOOKS_READ,
    WEBHOOKS_WRITE,
    WRITE,
    partner_of_client,
)

SCOPES = {
    READ: _("See the shop and your compositions."),
    WRITE: _("Order and cancel compositions."),
    PURCHASES_READ: _("See your purchases, certificates and files."),
    PURCHASES_WRITE: _("Reserve, buy and cancel."),
    WEBHOOKS_READ: _("See your webhooks."),
    WEBHOOKS_WRITE: _("Set up and change webhooks."),
}


class PartnerToken:
    """Who stands behind a valid access token: the partner, and the scopes the token was asked for with."""

    def __init__(self, *, partner: Partner, token: Token) -> None:
        self.partner = partner
        self.scopes = frozenset(token.get_scopes())


class PartnerAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Takes a partner's bearer token from the header, never from the address.

    A token that is wrong or over is a 401 rather than a visitor without one. ``request.auth`` is a ``PartnerToken``;
    ``request.user`` is anonymous, since a partner's client is no person.
    """

    def authenticate(self, request: Request) -> tuple[Any, PartnerToken] | None:
        kind = get_authorization_header(request).split()[:1]
        if not kind or kind[0].lower() != b"bearer":
            return None
        found = super().authenticate(request)
        partner = partner_of_client(found[1].client_id or "") if found else None
        if found is None or partner is None:
            raise AuthenticationFailed(_("The access token is unknown or over. Ask for a new one."))
        return AnonymousUser(), PartnerToken(partner=partner, token=found[1])

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, which also makes a missing token a 401."""
        return 'Bearer realm="api"'


class PartnerAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    """Describes the token in the OpenAPI schema, and which scope an operation asks for."""

    target_class = PartnerAuthentication
    name = "partner"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        flow = {
            "tokenUrl": "/identity/o/api/token",
            "scopes": {scope: str(label) for scope, label in SCOPES.items()},
        }
        return {"type": "oauth2", "flows": {"clientCredentials": flow}}

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        scope = scope_of(auto_schema.view, auto_schema.method)
        return {self.name: [scope] if scope else []}


class MayUse(BasePermission):
    """Lets in a partner whose token has the scope the view asks for, and where the view says so a person logged in.

    A view has ``scopes``, for reading and for writing; without them any valid token will do.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        token: Any = request.auth
        if isinstance(token, PartnerToken):
            scope = scope_of(view, request.method or "")
            return not scope or scope in token.scopes
        welcome: bool = getattr(view, "people_welcome", False)
        return welcome and bool(request.user and request.user.is_authenticated)


def scope_of(view: Any, method: str) -> str:
    """Return the scope a view asks of a token for a method; empty if it asks for none."""
    reading, writing = getattr(view, "scopes", ("", ""))
    return str(reading if method.upper() in SAFE_METHODS else writing)
