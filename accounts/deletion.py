"""Deleting an account: what names the person goes, what proves a purchase stays."""

from __future__ import annotations

import uuid

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Token
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.services import FORGOTTEN_HOST, is_forgotten


class AccountInUse(Exception):
    """The account cannot be deleted now; ``message`` says what has to be done first."""

    def __init__(self) -> None:
        self.message = _(
            "You have a piece on hold. Finish its payment or let it go, then delete the account."
        )
        super().__init__(self.message)


def forget_user(*, user: User) -> None:
    """Take address, name, log-ins and sessions off an account for ever, and close it. Doing it again changes nothing.

    Purchases, rights, certificates and what was declared about them stay, under an address that leads nowhere: they
    are kept for the tax office and as proof. Raises ``AccountInUse`` while something is being paid.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        if is_forgotten(locked):
            return
        # Purchases stand above this app; they are asked for by name. Without that app there are none.
        if User.objects.filter(pk=user.pk, purchases__state__in=["held", "claimed"]).exists():
            raise AccountInUse
        for rows in (EmailAddress, Authenticator, Token):
            rows.objects.filter(user=locked).delete()
        locked.email = f"{uuid.uuid4().hex}@{FORGOTTEN_HOST}"
        locked.name = ""
        locked.is_active = locked.is_staff = locked.is_superuser = False
        locked.set_unusable_password()
        locked.save()
        locked.groups.clear()
        locked.user_permissions.clear()
        for session in UserSession.objects.filter(user=locked):
            session.end()
