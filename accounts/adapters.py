"""Where allauth meets this house."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from accounts.services import claim_session_works


class AccountAdapter(DefaultAccountAdapter):
    """Takes what a guest composed along into the account, whichever way the guest logged in."""

    def post_login(self, request: HttpRequest, user: User, **arguments: Any) -> HttpResponse:
        claim_session_works(request, user=user)
        response: HttpResponse = super().post_login(request, user, **arguments)
        return response
