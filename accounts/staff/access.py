"""Who may enter the admin, and what has to be proved again there."""

from __future__ import annotations

import time
from datetime import timedelta

from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from accounts.models import User

FRESH_FOR = timedelta(minutes=15)
"""How long after somebody proved who they are they may move money without proving it again."""

FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]

Visitor = AbstractBaseUser | AnonymousUser


def is_staff(user: Visitor) -> bool:
    """Whether somebody belongs to the staff."""
    return bool(user.is_active and getattr(user, "is_staff", False))


def lacks_second_factor(user: Visitor) -> bool:
    """Whether a member of staff has to set up a second factor before the admin opens."""
    return bool(settings.STAFF_NEED_SECOND_FACTOR) and not is_mfa_enabled(user, types=FACTORS)


def may(user: Visitor, permission: str) -> bool:
    """Whether somebody of the staff may do on the site's own pages what the admin lets them do: by role, and once they
    have a second factor.
    """
    return (
        isinstance(user, User)
        and is_staff(user)
        and not lacks_second_factor(user)
        and user.has_perm(permission)
    )


def require_fresh(request: HttpRequest) -> None:
    """Let nobody on who has not proved within a quarter of an hour that it is them.

    Raises ``ReauthenticationRequired``, which allauth's middleware turns into its page; a form that was sent is kept
    and taken up again after it.
    """
    records = get_authentication_records(request, request.user)
    proved_at = max((record["at"] for record in records), default=0.0)
    if time.time() - proved_at > FRESH_FOR.total_seconds():
        raise ReauthenticationRequired
