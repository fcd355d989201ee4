"""Work that a sale leaves behind: rows written with the sale, claimed by one worker at a time, tried until done."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial

from licensing.services import deliver
from payments.models import OutboxMessage, Purchase
from payments.moves import State, report
from payments.notices import NOTICES, send_notice
from payments.receipts import send_receipt
from payments.settle import let_go
from payments.withdrawal import carry_out, is_declared

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""How long a claimed message is left to its worker; if that worker dies, another one takes it afterwards."""

WORRY_AFTER = 6
AT_ONCE = 20

Kind = OutboxMessage.Kind


SLOW = frozenset({Kind.DELIVERY})
"""What takes a worker seconds; the rest never waits behind it, since another queue does it."""

QUICK = frozenset(Kind) - SLOW


def drain_outbox(*, kinds: Collection[Kind] = tuple(Kind)) -> int:
    """Do what is due of these kinds; return how much was done. Safe to run in any number of workers at once."""
    done = 0
    for message in OutboxMessage.due().filter(kind__in=kinds)[:AT_ONCE]:
        done += message.take(lease=LEASE) and _do(message)
    return done


def _do(message: OutboxMessage) -> bool:
    try:
        WORK[message.kind](message.purchase_id)
    except Exception as error:
        log.exception("outbox: %s of purchase %s failed", message.kind, message.purchase_id)
        _put_off(message, error)
        return False
    message.finish()
    return True


def _put_off(message: OutboxMessage, error: Exception) -> None:
    """Try again later, in growing pauses; never give up."""
    text = message.put_off(error)
    if message.attempts >= WORRY_AFTER:
        purchase = Purchase.objects.get(pk=message.purchase_id)
        report(purchase, kind=f"{message.kind}_stuck", detail=text)


def _deliver(purchase_id: uuid.UUID) -> None:
    """Build the files, unless the sale was undone before or the buyer has withdrawn."""
    purchase = Purchase.objects.get(pk=purchase_id)
    if purchase.state in {State.SOLD, State.DISPUTED} and not is_declared(purchase):
        deliver(purchase_id=purchase_id)


def _let_go(purchase_id: uuid.UUID) -> None:
    let_go(purchase_id=purchase_id)


WORK: dict[str, Callable[[uuid.UUID], None]] = {
    Kind.DELIVERY: _deliver,
    Kind.RECEIPT: send_receipt,
    Kind.LET_GO: _let_go,
    Kind.WITHDRAW: carry_out,
    **{kind: partial(send_notice, kind) for kind in NOTICES},
}
