"""The one e-mail about an order that somebody asked for while it was in work: its pieces are ready, or failed.

The row is the job. It goes with the mail, and after a day in any case, and with it a guest's address. At least once: a
worker that dies after sending sends again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import address
from accounts.languages import language_of
from accounts.mails import send_mail
from accounts.models import User
from accounts.services import is_forgotten
from generation.errors import NotAllowed
from generation.models import Composition, ReadyMail
from generation.sharing import make_link, open_links
from generation.states import WAITING_OR_WORKING, State

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
AT_ONCE = 20
KEPT_FOR = timedelta(days=1)
"""How long an address waits for its mail at most."""

HEARD_FOR_DAYS = 7
"""How long a guest can listen by the link in the mail, on whatever device it is read."""


def ask_for_mail(*, piece: Composition, user: User | None = None, email: str = "", language: str) -> None:
    """Have somebody told when the order of ``piece`` is over: an account, or a guest by address and language.

    Asking again changes nothing. The caller knows that the maker asks, and not too often. Raises ``NotAllowed`` if
    nothing of the order is in work.
    """
    if not _takes(piece).filter(state__in=WAITING_OR_WORKING).exists():
        raise NotAllowed(_("This piece is no longer in work, so there is nothing to wait for."))
    guest = {} if user else {"email": email.lower(), "language": language}
    mail = ReadyMail(composition_id=_first_of(piece), user=user, not_before=timezone.now(), **guest)
    ReadyMail.objects.bulk_create([mail], ignore_conflicts=True)


def is_asked(piece: Composition) -> bool:
    """Whether a mail about the order of a piece is waited for."""
    return ReadyMail.objects.filter(composition=_first_of(piece)).exists()


def take_back(*, piece: Composition) -> None:
    """Send no mail about the order of a piece after all, and forget who would have got it."""
    ReadyMail.objects.filter(composition=_first_of(piece)).delete()


def send_due() -> int:
    """Send the mails about orders that are over, and return how many. Safe in any number of workers at once."""
    ReadyMail.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    order = Q(pk=OuterRef("composition")) | Q(origin=OuterRef("composition"), variant__gt=0)
    in_work = Composition.objects.filter(order, state__in=WAITING_OR_WORKING)
    due = ReadyMail.due().exclude(Exists(in_work)).select_related("composition", "user")
    return sum(mail.take(lease=LEASE) and _send(mail) for mail in due[:AT_ONCE])


def tell(to: str, *, language: str, takes: Sequence[Composition], is_guest: bool) -> None:
    """Write how an order ended: which of its pieces can be heard, and where, or why there is none."""
    ready = [take for take in takes if take.state == State.READY]
    send_mail(
        to,
        language=language,
        template="generation/email/ready",
        context=lambda: {
            "pieces": [_piece(take, is_guest=is_guest) for take in ready],
            "reason": next((take.reason for take in takes if take.state == State.FAILED), ""),
            "is_guest": is_guest,
            "heard_for_days": HEARD_FOR_DAYS,
            "first_refusal_hours": Composition.FIRST_REFUSAL // timedelta(hours=1),
            "compose_url": address("compose"),
        },
    )


def _send(mail: ReadyMail) -> bool:
    # What was cancelled or deleted, its maker knows of.
    takes = _takes(mail.composition).filter(state__in=[State.READY, State.FAILED], removed_at=None)
    user = mail.user
    try:
        if user is None:
            _tell_if_any(mail.email, language=mail.language, takes=takes, is_guest=True)
        elif user.is_active and not is_forgotten(user):
            _tell_if_any(user.email, language=language_of(user), takes=takes, is_guest=False)
    except Exception as error:  # noqa: BLE001 (whatever it was, the mail is tried again)
        mail.put_off(error)
        # Neither message nor trace: they may name the address, which nothing keeps.
        logger.warning("mail about order %s: %s", mail.composition_id, type(error).__name__)
        return False
    mail.finish()
    return True


def _tell_if_any(to: str, *, language: str, takes: QuerySet[Composition], is_guest: bool) -> None:
    if found := list(takes):
        tell(to, language=language, takes=found, is_guest=is_guest)


def _piece(take: Composition, *, is_guest: bool) -> dict[str, Any]:
    if is_guest:
        return {"piece": take, "url": address("composition", str(take.pk)), "heard_at": _link_to(take)}
    # The mail may be read where nobody is logged in, and there is no such page for a stranger.
    page = urlencode({"next": reverse("composition", args=[take.pk])})
    return {"piece": take, "url": f"{address('account_login')}?{page}", "heard_at": ""}


def _link_to(take: Composition) -> str:
    """Return an address at which anybody hears the piece for a while; empty if it is gone already."""
    with suppress(NotAllowed):
        if not open_links(take):
            make_link(composition=take, days=HEARD_FOR_DAYS)
    token = next((link.token for link in open_links(take) if link.token), "")
    return address("shared", token) if token else ""


def _takes(piece: Composition) -> QuerySet[Composition]:
    first = _first_of(piece)
    takes = Composition.objects.filter(Q(pk=first) | Q(origin=first, variant__gt=0))
    return takes.select_related("instrument").order_by("variant")


def _first_of(piece: Composition) -> Any:
    return piece.origin_id if piece.variant else piece.pk
