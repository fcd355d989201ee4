"""Who calls the API: a partner by access token, or a person by session."""

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

from accounts.services import READ, WEBHOOKS_READ, WEBHOOKS_WRITE, WRITE

SCOPES = {
    READ: _("See your compositions."),
    WRITE: _("Order and cancel compositions."),
    WEBHOOKS_READ: _("See your webhooks and their deliveries."),
    WEBHOOKS_WRITE: _("Change your webhooks and have events sent again."),
}


class PartnerAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Takes a partner's bearer token from the header, never from the address.

    A token that is wrong or over is a 401 rather than a visitor without one. ``request.auth`` is the token;
    ``request.user`` is anonymous, since a partner's client is no person.
    """

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        kind = get_authorization_header(request).split()[:1]
        if not kind or kind[0].lower() != b"bearer":
            return None
        found = super().authenticate(request)
        if found is None:
            raise AuthenticationFailed(_("The access token is unknown or over. Ask for a new one."))
        user, token = found
        return user or AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, which also makes a missing token a 401."""
        return 'Bearer realm="api"'


class PartnerAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    """Describes the token in the OpenAPI schema."""

    target_class = PartnerAuthentication
    name = "partner"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        flow = {
            "tokenUrl": "/identity/o/api/token",
            "scopes": {scope: str(label) for scope, label in SCOPES.items()},
        }
        return {"type": "oauth2", "flows": {"clientCredentials": flow}}


class MayUseCompositions(BasePermission):
    """Lets in a person who is logged in, and a partner whose token has the scope for reading or writing."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, Token):
            return (READ if request.method in SAFE_METHODS else WRITE) in request.auth.get_scopes()
        return bool(request.user and request.user.is_authenticated)


class MayUseWebhooks(BasePermission):
    """Lets in a partner whose token has the scope for reading or changing webhooks, and nobody else."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, Token):
            return False
        return (
            WEBHOOKS_READ if request.method in SAFE_METHODS else WEBHOOKS_WRITE
        ) in request.auth.get_scopes()
