"""Every write about complaints: filing, the moves of the staff, and the mails that go with them.

The mails are sent by a worker: an event whose ``mailed_at`` is empty is the job, and the bell may be lost.
"""

from __future__ import annotations

import logging
import re
import uuid

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.mails import send_mail
from generation.models import Composition
from licensing.complaint_models import Complaint, ComplaintEvent
from licensing.copyright_id import normalise
from licensing.errors import LicensingError
from licensing.models import Certificate

logger = logging.getLogger(__name__)

State = Complaint.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.NEW: frozenset({State.IN_WORK, State.ANSWERED, State.REJECTED, State.UPHELD}),
    State.IN_WORK: frozenset({State.ANSWERED, State.REJECTED, State.UPHELD}),
    State.ANSWERED: frozenset({State.IN_WORK}),
    State.REJECTED: frozenset({State.IN_WORK}),
    State.UPHELD: frozenset(),
}
"""Where each state may lead. What was answered or rejected may be taken up again, what was upheld is final."""

MUST_TELL = frozenset({State.ANSWERED, State.REJECTED, State.UPHELD})
"""States into which a complaint goes only with words to the complainant."""

IS_MAILED = Q(from_state="") | ~Q(text="")
"""Events the complainant hears of: that the complaint arrived, and whatever has words for them."""

AT_ONCE = 20
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class NotMovable(LicensingError):
    """A complaint that stands otherwise by now, or words that are missing."""

    code = "complaint_not_movable"
    status = 409


def file_complaint(*, about: str, named: str, name: str, email: str, text: str) -> Complaint:
    """Keep a complaint, find what it names if that is known here, and confirm it by e-mail."""
    certificate = Certificate.objects.select_related("right").filter(pk=normalise(named) or "").first()
    piece = certificate.right.composition_id if certificate else _piece_named(named)
    with transaction.atomic():
        complaint = Complaint.objects.create(
            about=about,
            named=named,
            composition_id=piece,
            certificate=certificate,
            name=name,
            email=email,
            text=text,
            language=translation.get_language() or "en",
        )
        ComplaintEvent.objects.create(complaint=complaint, to_state=State.NEW)
        transaction.on_commit(_ring, robust=True)
    return complaint


def move_complaint(
    *, complaint: Complaint, to: str, staff: AbstractBaseUser | AnonymousUser, text: str = ""
) -> ComplaintEvent:
    """Move a complaint by one conditional UPDATE, write its history, and mail ``text`` to who complained.

    Raises ``NotMovable`` where the table does not allow the move, and for a decision without words.
    """
    if to in MUST_TELL and not text.strip():
        raise NotMovable(_("Say what the complainant is told; it is mailed to them."))
    with transaction.atomic():
        rows = Complaint.objects.select_for_update().filter(pk=complaint.pk)
        before = rows.get().state
        if to not in TRANSITIONS[before]:
            raise NotMovable(
                _("This complaint is %(state)s; it cannot become %(to)s.")
                % {"state": State(before).label, "to": State(to).label}
            )
        rows.update(state=to, changed_at=timezone.now())
        event = ComplaintEvent.objects.create(
            complaint=complaint, from_state=before, to_state=to, staff_id=staff.pk, text=text.strip()
        )
        if text.strip():
            transaction.on_commit(_ring, robust=True)
    complaint.refresh_from_db()
    return event


def mail_complainants() -> int:
    """Send the mails that are due, and return how many left. Safe in any number of workers at once."""
    due = ComplaintEvent.objects.filter(IS_MAILED, mailed_at=None).select_related("complaint")
    return sum(_mail(event) for event in due[:AT_ONCE])


def _ring() -> None:
    """Wake a worker now. A dead broker is logged, not felt: the schedule rings again."""
    from licensing.tasks import mail_complainants as task

    task.apply_async(retry=False, expires=60)


def _mail(event: ComplaintEvent) -> bool:
    """Send the mail of an event in the complainant's language. False, and a line in the log, if it does not leave."""
    rows = ComplaintEvent.objects.filter(pk=event.pk)
    # Who writes the time sends; of two workers only one does.
    if not rows.filter(mailed_at=None).update(mailed_at=timezone.now()):
        return False
    complaint = event.complaint
    context = {"complaint": complaint, "event": event, "number": str(complaint.pk)[:8]}
    try:
        send_mail(
            complaint.email,
            language=complaint.language,
            template="licensing/email/complaint",
            context=lambda: context,
        )
    except OSError:
        logger.exception("complaint %s: its e-mail must be tried again", complaint.pk)
        rows.update(mailed_at=None)
        return False
    return True


def _piece_named(named: str) -> uuid.UUID | None:
    """Return the piece whose key stands in what somebody wrote, such as its address."""
    found = _UUID.search(named)
    if found is None:
        return None
    return Composition.objects.filter(pk=uuid.UUID(found.group())).values_list("pk", flat=True).first()
