"""Links under which anybody may hear a piece that is not listed, until they expire or its maker revokes them."""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from generation.errors import NotAllowed
from generation.models import Composition, ShareLink

DAYS = (1, 7, 30)
LINKS_AT_MOST = 10
TOKEN_BYTES = 24

GONE = (Composition.SaleState.SOLD, Composition.SaleState.RETIRED)


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that works, with the token its address ends in; empty after the server's secret was changed."""

    link: ShareLink
    token: str


def make_link(*, composition: Composition, days: int) -> ShareLink:
    """Make a link to a piece for a number of days. The caller knows that the maker asks.

    Raises ``NotAllowed`` for another number of days, for a piece that is not finished or gone, and where there are
    ``LINKS_AT_MOST`` open ones already.
    """
    if days not in DAYS:
        raise NotAllowed(_("A link lives 1, 7 or 30 days. Choose one of these."))
    with transaction.atomic():
        # Whoever makes a link to the same piece waits here, so that the limit is exact.
        piece = Composition.objects.select_for_update(of=("self",)).get(pk=composition.pk)
        if piece.state != Composition.State.READY or piece.sale_state in GONE:
            raise NotAllowed(_("Only a finished piece that is neither sold nor retired can be shared."))
        if _open(piece).count() >= LINKS_AT_MOST:
            message = _("This piece has %(count)s links that work. Revoke one to make another.")
            raise NotAllowed(message % {"count": LINKS_AT_MOST})
        key = uuid.uuid4()
        return ShareLink.objects.create(
            pk=key,
            composition=piece,
            token_sha256=_hash(_token(key)),
            expires_at=timezone.now() + timedelta(days=days),
        )


def revoke_link(*, composition: Composition, link_id: uuid.UUID) -> bool:
    """Stop a link for ever, by one statement; False if it was no link of this piece or stopped already."""
    links = ShareLink.objects.filter(pk=link_id, composition=composition, revoked_at=None)
    return links.update(revoked_at=timezone.now()) == 1


def open_links(composition: Composition) -> list[OpenLink]:
    """Return the links to a piece that work, for its maker to copy or revoke."""
    found = []
    for link in _open(composition):
        token = _token(link.pk)
        is_ours = constant_time_compare(_hash(token), link.token_sha256)
        found.append(OpenLink(link, token if is_ours else ""))
    return found


def link_of(token: str) -> ShareLink | None:
    """Return the link a token belongs to, with its piece, whether it still works or not; None for an unknown token.

    It is looked up by its hash, so how long that takes tells nothing of the tokens there are.
    """
    wanted = _hash(token)
    link = ShareLink.objects.select_related("composition__instrument").filter(token_sha256=wanted).first()
    return link if link and constant_time_compare(link.token_sha256, wanted) else None


def leads_to_music(link: ShareLink) -> bool:
    """Whether a link may still be heard: open, and its piece neither sold nor retired."""
    piece = link.composition
    return (
        link.is_open(now=timezone.now())
        and piece.state == Composition.State.READY
        and piece.sale_state not in GONE
    )


def _open(composition: Composition) -> QuerySet[ShareLink]:
    return ShareLink.objects.filter(composition=composition, revoked_at=None, expires_at__gt=timezone.now())


def _token(key: uuid.UUID) -> str:
    digest = salted_hmac("generation.share-link", key.hex, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:TOKEN_BYTES]).decode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
