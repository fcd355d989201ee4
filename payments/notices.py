"""The e-mails about what happens to a purchase: the words of each, and how they are sent.

At least once: a worker that dies after sending sends again. An account that was deleted gets none.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.addresses import address
from accounts.languages import language_of
from accounts.mails import send_mail
from accounts.services import has_mailbox
from generation.pricing import price_label
from generation.titles import title_of
from payments.models import Declaration, OutboxMessage, Purchase

Kind = OutboxMessage.Kind


@dataclass(frozen=True, slots=True)
class Notice:
    """What one e-mail says, the same in its plain part and in its HTML part."""

    heading: str
    paragraphs: tuple[str, ...]


def send_notice(kind: str, purchase_id: uuid.UUID) -> None:
    """Send the buyer of a purchase the e-mail of a kind."""
    purchase = Purchase.objects.select_related("buyer", "composition__instrument").get(pk=purchase_id)
    send(
        purchase,
        template="payments/email/notice",
        context=lambda: {
            "notice": NOTICES[kind](purchase),
            "purchase": purchase,
            "url": purchase_url(purchase),
        },
    )


def send(
    purchase: Purchase,
    *,
    template: str,
    context: Callable[[], dict[str, Any]],
    attachments: tuple[tuple[str, str, str], ...] = (),
) -> None:
    """Send the buyer, in their language, what ``send_mail`` makes of the rest, unless it has no mailbox."""
    if not has_mailbox(purchase.buyer):
        return
    send_mail(
        purchase.buyer.email,
        language=language_of(purchase.buyer),
        template=template,
        context=context,
        attachments=attachments,
    )


def purchase_url(purchase: Purchase) -> str:
    """Return the full address of a purchase's page."""
    return address("purchase", str(purchase.pk))


def _name(purchase: Purchase) -> str:
    return title_of(purchase.composition)


def _paid(purchase: Purchase) -> str:
    return price_label(purchase.paid_minor, purchase.currency)


def _hold_lost(purchase: Purchase) -> Notice:
    return Notice(
        heading=_("Your hold on %(name)s has ended") % {"name": _name(purchase)},
        paragraphs=(
            _(
                "Somebody else bought another version of this piece, or one that is much like it, before your payment "
                "came through. Its buyer owns it alone, so yours can no longer be sold."
            ),
            _("You were charged nothing. If your bank shows a reserved amount, it disappears by itself."),
        ),
    )


def _withdrawn(purchase: Purchase) -> Notice:
    declared = Declaration.objects.get(purchase=purchase, kind=Declaration.Kind.WITHDRAWAL)
    return Notice(
        heading=_("We received your withdrawal about %(name)s") % {"name": _name(purchase)},
        paragraphs=(
            _("You declared on %(when)s UTC: “%(text)s”")
            % {"when": date_format(declared.declared_at, "DATETIME_FORMAT"), "text": declared.text},
            _("Name: %(licensee)s. Purchase: %(id)s.") % {"licensee": purchase.licensee, "id": purchase.pk},
            _(
                "We send %(amount)s back the way it was paid. The right ends and the piece is never sold again."
            )
            % {"amount": _paid(purchase)},
        ),
    )


def _refunded(purchase: Purchase) -> Notice:
    return Notice(
        heading=_("Your money for %(name)s is on its way back") % {"name": _name(purchase)},
        paragraphs=(
            _("We sent %(amount)s back the way it was paid; a bank may take some days.")
            % {"amount": _paid(purchase)},
            _(
                "The licence has ended: the certificate is revoked, the files can no longer be downloaded and may no "
                "longer be used. The piece is never sold to anybody else."
            ),
        ),
    )


def _disputed(purchase: Purchase) -> Notice:
    return Notice(
        heading=_("Your right in %(name)s is suspended") % {"name": _name(purchase)},
        paragraphs=(
            _("The payment is disputed at the bank. Until that is decided, downloads are paused."),
            _("If you did not mean to dispute it, ask your bank to withdraw the dispute."),
        ),
    )


def _restored(purchase: Purchase) -> Notice:
    return Notice(
        heading=_("Your right in %(name)s is in force again") % {"name": _name(purchase)},
        paragraphs=(_("The dispute about the payment is over. You can download your files as before."),),
    )


def _lost(purchase: Purchase) -> Notice:
    return Notice(
        heading=_("Your right in %(name)s has ended") % {"name": _name(purchase)},
        paragraphs=(
            _(
                "The bank decided the dispute about the payment in the card holder's favour: the money went back."
            ),
            _(
                "The certificate is revoked, and the files may no longer be used. The piece is never sold again."
            ),
        ),
    )


def _revoked(purchase: Purchase) -> Notice:
    return Notice(
        heading=_("Your right in %(name)s was revoked") % {"name": _name(purchase)},
        paragraphs=(
            _(
                "The certificate is revoked, and the files may no longer be used. The piece is never sold again."
            ),
            _("Answer this mail if you think that this is a mistake."),
        ),
    )


NOTICES: dict[str, Callable[[Purchase], Notice]] = {
    Kind.MAIL_HOLD_LOST: _hold_lost,
    Kind.MAIL_WITHDRAWN: _withdrawn,
    Kind.MAIL_REFUNDED: _refunded,
    Kind.MAIL_DISPUTED: _disputed,
    Kind.MAIL_RESTORED: _restored,
    Kind.MAIL_LOST: _lost,
    Kind.MAIL_REVOKED: _revoked,
}
