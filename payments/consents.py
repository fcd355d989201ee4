"""What buyers declare: the words shown to them, and the log of who declared them, when, for which purchase."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from payments.models import Declaration, Purchase

Kind = Declaration.Kind

WORDING = {
    Kind.IMMEDIATE_DELIVERY: _("I want the files at once, before the withdrawal period of 14 days ends."),
    Kind.WITHDRAWAL_LOST: _("I know that I lose my right of withdrawal when the files are handed over."),
    Kind.WITHDRAWAL: _("I withdraw from the contract about this piece."),
}
"""The words of each declaration. Change them at will: what is logged is the text that was shown, with its hash."""


def declare(purchase: Purchase, kinds: Iterable[str]) -> None:
    """Log that the buyer declared these words now. The same words for the same purchase are kept once, the first time.

    Part of the caller's transaction. Nothing ever changes or deletes such a row.
    """
    rows = []
    for kind in kinds:
        text = str(WORDING[Kind(kind)])
        rows.append(
            Declaration(
                purchase=purchase,
                user_id=purchase.buyer_id,
                kind=kind,
                text=text,
                sha256=hashlib.sha256(text.encode()).hexdigest(),
                terms_version=purchase.terms_version,
            )
        )
    Declaration.objects.bulk_create(rows, ignore_conflicts=True)
