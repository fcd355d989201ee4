"""Who composes: finding and making the maker of a request, and handing a guest's works to an account."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.account.models import EmailAddress
from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.models import Client
from django.db import transaction
from django.http import HttpRequest

from accounts.models import Maker, Partner, User

SESSION_KEY = "maker"
"""Where a guest's session keeps the id of its maker."""

HOUSE_CLIENT = "house"
"""The maker of the shop's own pieces; no OAuth2 client has this name."""


READ, WRITE = "compositions:read", "compositions:write"
PURCHASES_READ, PURCHASES_WRITE = "purchases:read", "purchases:write"
WEBHOOKS_READ, WEBHOOKS_WRITE = "webhooks:read", "webhooks:write"
PARTNER_SCOPES = [READ, WRITE, PURCHASES_READ, PURCHASES_WRITE, WEBHOOKS_READ, WEBHOOKS_WRITE]


FORGOTTEN_HOST = "forgotten.invalid"
"""Where nobody ever gets mail (RFC 2606): the address of accounts that were deleted."""


PARTNERS_HOST = "partners.invalid"
"""The same for the accounts of partners, which exist to hold what their clients buy."""


def is_forgotten(user: User) -> bool:
    """Whether an account was deleted, so that only its purchases and certificates remain."""
    return user.email.endswith(f"@{FORGOTTEN_HOST}")


def is_partners_account(user: User) -> bool:
    """Whether an account exists to hold what a partner's clients buy."""
    return user.email.endswith(f"@{PARTNERS_HOST}")


def has_mailbox(user: User) -> bool:
    """Whether mail to an account reaches somebody: it was not deleted, and is not a partner's."""
    return not (is_forgotten(user) or is_partners_account(user))


def maker_of(request: HttpRequest) -> Maker | None:
    """Return who composes here: the user's newest maker, or the guest's of this session; None if there is none."""
    if request.user.is_authenticated:
        return Maker.objects.filter(user=request.user).order_by("-created_at").first()
    guest = _session_maker_id(request)
    return _unclaimed(guest) if guest else None


def maker_for(request: HttpRequest) -> Maker:
    """Return who composes here, and make them if there is none yet.

    Two requests at once may make two makers of one user, which is harmless: a user speaks for all of them.
    """
    maker = maker_of(request)
    if maker is not None:
        return maker
    if request.user.is_authenticated:
        return Maker.objects.create(user=request.user)
    maker = Maker.objects.create()
    request.session[SESSION_KEY] = str(maker.id)
    return maker


def makers_of(request: HttpRequest) -> list[uuid.UUID]:
    """Return the ids of every maker this visitor speaks for: the user's, and the session's while unclaimed."""
    makers: list[uuid.UUID] = []
    if request.user.is_authenticated:
        makers.extend(Maker.objects.filter(user=request.user).values_list("id", flat=True))
    guest = _session_maker_id(request)
    if guest and _unclaimed(guest):
        makers.append(guest)
    return makers


def claim_guest_works(*, user: User, maker_id: uuid.UUID) -> bool:
    """Make a guest's works the user's. A maker of somebody else, or of a partner, cannot be claimed (False)."""
    return Maker.objects.filter(pk=maker_id, user=None, client_id="").update(user=user) == 1


def claim_session_works(request: HttpRequest, *, user: User) -> bool:
    """Claim what this session composed as a guest, and forget the guest."""
    guest = _session_maker_id(request)
    request.session.pop(SESSION_KEY, None)
    return guest is not None and claim_guest_works(user=user, maker_id=guest)


def user_with_address(email: str) -> User | None:
    """Return the active account that has proved an e-mail address to be its own, in any case; None if there is none."""
    found = EmailAddress.objects.filter(email__iexact=email, verified=True, user__is_active=True)
    address = found.select_related("user").first()
    return address.user if address else None


def maker_of_client(client_id: str) -> Maker:
    """Return the maker a partner's OAuth2 client composes as; there is one for each client."""
    if not client_id:
        raise ValueError("A partner's client has an id; got an empty one.")
    return Maker.objects.get_or_create(client_id=client_id)[0]


def is_partner(maker: Maker) -> bool:
    """Whether somebody who composes is a partner's client, and not the house itself."""
    return maker.client_id not in {"", HOUSE_CLIENT}


def partner_of_client(client_id: str) -> Partner | None:
    """Return the partner an OAuth2 client speaks for, with their account; None if there is none."""
    return Partner.objects.select_related("account").filter(client_id=client_id).first()


def partner_of_maker(maker: Maker) -> Partner | None:
    """Return the partner whose program composes as this maker; None for people, guests and the house."""
    return partner_of_client(maker.client_id) if maker.client_id else None


def create_partner(
    *, name: str, kind: str = Partner.Kind.LIVE, credit_limit_minor: int | None = None
) -> tuple[str, str]:
    """Create a partner with an OAuth2 client that may use the API; return the client's id and its secret.

    With a ``credit_limit_minor`` (cents) the partner may buy on invoice. Only a hash of the secret is kept. The account
    made beside it holds what is bought; nobody can log in with it, since it is closed and has no password.
    """
    secret = get_adapter().generate_client_secret()
    client = Client(name=name, type=Client.Type.CONFIDENTIAL)
    client.set_secret(secret)
    client.set_scopes(PARTNER_SCOPES)
    client.set_default_scopes(PARTNER_SCOPES)
    client.grant_types = Client.GrantType.CLIENT_CREDENTIALS
    client.response_types = ""
    with transaction.atomic():
        client.save()
        account = User.objects.create_user(f"{client.id}@{PARTNERS_HOST}", name=name, is_active=False)
        Maker.objects.create(client_id=client.id, user=account)
        Partner.objects.create(
            client_id=client.id, name=name, kind=kind, account=account, credit_limit_minor=credit_limit_minor
        )
    return client.id, secret


def _session_maker_id(request: HttpRequest) -> uuid.UUID | None:
    value: Any = request.session.get(SESSION_KEY)
    try:
        return uuid.UUID(value) if value else None
    except (ValueError, TypeError, AttributeError):
        return None


def _unclaimed(maker_id: uuid.UUID) -> Maker | None:
    return Maker.objects.filter(pk=maker_id, user=None, client_id="").first()
