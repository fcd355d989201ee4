"""A certificate in the place of another one, for the same right: transferred by its owner, or corrected by staff.

Only the row of the right is locked; the conditional UPDATE of the old certificate and the partial unique constraint on
the current one stand behind it. Files and e-mails are left to the worker, as a row that is tried until it is done.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import address
from accounts.languages import language_of
from accounts.mails import send_mail
from accounts.models import User
from accounts.services import user_with_address
from licensing import chain
from licensing.documents import replacing_facts
from licensing.errors import AlreadyReplaced, NotReplaceable
from licensing.issuing import End, issue
from licensing.models import Certificate, ExclusiveRight, Replacement
from licensing.services import deliver_certificate, own_certificate, status_of

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=6)
"""A worker is stopped after five minutes; what it had claimed is free again after this."""

AT_ONCE = 20


def transfer_right(
    *, user: AbstractBaseUser | AnonymousUser, copyright_id: str, licensee: str, email: str = ""
) -> Certificate:
    """Transfer the holder's right to a new licensee, and return the certificate that replaces theirs.

    The right moves to the account that has verified ``email``; where there is none, the holder keeps it on behalf of
    the licensee. Asking again for the same licensee returns the same certificate. Raises ``Http404`` for anybody but
    the holder, ``AlreadyReplaced``, and ``NotReplaceable`` while the right is not in force or its files are not there.
    """
    asked = own_certificate(user=user, copyright_id=copyright_id)
    with transaction.atomic():
        right, old = _locked(asked)
        if old.state != Certificate.State.CURRENT:
            return _same_again(old, kind=chain.TRANSFERRED, licensee=licensee)
        _refuse_unless_replaceable(old)
        holder = (user_with_address(email) if email else None) or right.holder
        end = End(old, chain.TRANSFERRED, reason=f"transferred by its holder, account {right.holder_id}")
        return _replace(right, end=end, licensee=licensee, holder=holder, now=timezone.now())


def supersede_certificate(
    *, copyright_id: str, licensee: str, reason: str, staff: AbstractBaseUser | AnonymousUser
) -> Certificate:
    """Correct the licensee's name by a certificate that supersedes the old one, and return it. For staff.

    Asking again for the same name returns the same certificate. Raises ``AlreadyReplaced`` and ``NotReplaceable``.
    """
    asked = Certificate.objects.get(pk=copyright_id)
    with transaction.atomic():
        right, old = _locked(asked)
        if old.state != Certificate.State.CURRENT:
            return _same_again(old, kind=chain.SUPERSEDED, licensee=licensee)
        _refuse_unless_replaceable(old)
        if licensee == old.facts["licensee"]:
            raise NotReplaceable(_("The certificate has this name already."))
        end = End(old, chain.SUPERSEDED, reason=f"{reason} (account {staff.pk})")
        return _replace(right, end=end, licensee=licensee, holder=right.holder, now=timezone.now())


def finish_replacements() -> int:
    """Build files and tell people where that is due, and return how often. Safe in any number of workers at once."""
    return sum(job.take(lease=LEASE) and _finish(job) for job in Replacement.due()[:AT_ONCE])


def _locked(certificate: Certificate) -> tuple[ExclusiveRight, Certificate]:
    right = ExclusiveRight.objects.select_for_update(of=["self"]).select_related("holder")
    locked = right.get(pk=certificate.right_id)
    return locked, Certificate.objects.select_related("right", "successor").get(pk=certificate.pk)


def _same_again(old: Certificate, *, kind: str, licensee: str) -> Certificate:
    """Return what a request that was sent twice has already brought about."""
    successor = old.successor
    if successor is None or old.state != kind or successor.facts["licensee"] != licensee:
        raise AlreadyReplaced
    return successor


def _refuse_unless_replaceable(certificate: Certificate) -> None:
    if status_of(certificate) != "valid":
        raise NotReplaceable(_("The right is not in force, so its certificate cannot be replaced."))
    if certificate.signed_at is None:
        raise NotReplaceable(
            _("The files of this certificate are still being made. Please try again in a minute.")
        )


def _replace(right: ExclusiveRight, *, end: End, licensee: str, holder: User, now: datetime) -> Certificate:
    old = end.certificate
    right.licensee, right.holder = licensee, holder
    right.save(update_fields=["licensee", "holder"])
    new = issue(
        right,
        facts=lambda copyright_id: replacing_facts(
            old.facts, copyright_id=copyright_id, licensee=licensee, kind=end.kind, now=now
        ),
        is_test=old.is_test,
        now=now,
        ends=end,
    )
    Replacement.objects.create(certificate=new, not_before=now)
    transaction.on_commit(_ring, robust=True)
    logger.info("certificate %s was %s: now %s", old.pk, end.kind, new.pk)
    return new


def _ring() -> None:
    """Wake a worker now. A dead broker is logged, not felt: the schedule rings again."""
    # The task's module imports what builds.
    from licensing.tasks import finish_replacements as task

    task.apply_async(retry=False, expires=60)


def _finish(job: Replacement) -> bool:
    certificate = Certificate.objects.select_related(
        "right__composition__instrument", "holder", "predecessor__holder"
    ).get(pk=job.certificate_id)
    try:
        if certificate.signed_at is None:
            deliver_certificate(certificate)
        _tell(certificate)
    except Exception as error:
        logger.exception("certificate %s: its files or e-mails must be tried again", certificate.pk)
        job.put_off(error)
        return False
    job.finish()
    return True


def _tell(certificate: Certificate) -> None:
    """Write to whom the old certificate was issued and, if that is somebody else, to who holds the right now."""
    old = certificate.predecessor
    for person in {old.holder, certificate.holder}:
        context: dict[str, Any] = {
            "old": old,
            "new": certificate,
            "title": certificate.facts["composition"]["title"],
            "is_holder": person == certificate.holder,
            "has_moved": old.holder_id != certificate.holder_id,
            "url": address("certificate", certificate.pk),
        }
        send_mail(
            person.email,
            language=language_of(person),
            template="licensing/email/replaced",
            context=partial(dict, context),
        )
