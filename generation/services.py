"""Every write about compositions: ordering, cancelling, retrying, listing, and what a purchase changes."""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Maker
from accounts.services import HOUSE_CLIENT, partner_of_maker
from generation import selectors, storage
from generation.audio.storage import remove_left_overs
from generation.bell import ring
from generation.errors import (
    GenerationError,
    InvalidOrder,
    InvalidTitle,
    NoComposer,
    NotAllowed,
    QueueFull,
    SeedBurned,
    TooManyCompositions,
)
from generation.failures import failure, sentence
from generation.kin import SOLD_ONCE, is_burned, is_spent, lock_family
from generation.listeners import rate_composition
from generation.models import Composition, Instrument
from generation.orders import OrderFields, check_order, draw_seed, one_of
from generation.selectors import can_listen, composition_for_listener, offered_instruments, shop_compositions
from generation.states import WAITING_OR_WORKING, WORKING, State, move
from generation.telling import tell_of_failure
from generation.titles import title_to_keep
from generation.versions import Version, check_version

__all__ = [
    "GenerationError", "InvalidOrder", "InvalidTitle", "NoComposer", "NotAllowed", "OrderFields", "QueueFull",
    "TooManyCompositions", "Version", "cancel_composition", "compose_kin", "composition_for_listener",
    "delete_composition", "keep_private", "rate_composition", "rename_composition", "request_composition",
    "retry_composition", "ring", "set_sale_state", "shop_compositions", "sweep_compositions", "withdraw_composition",
]  # fmt: skip

logger = logging.getLogger(__name__)

TITLE_AT_MOST = 80

RING_AGAIN_AFTER = timedelta(seconds=10)
RINGS_PER_SWEEP = 10
"""Only the head of the queue is rung again, with messages that expire: a long queue must not flood the broker."""


def request_composition(*, maker: Maker, order: OrderFields, variants: int = 1) -> Composition:
    """Put an order into the queue and ring the worker's bell once it is committed.

    With two ``variants`` a second piece of the same order is composed once the first one, which is returned, is
    finished; until then it is in nobody's way.

    Raises ``InvalidOrder``, among them ``SeedBurned``, ``NoComposer``, ``TooManyCompositions`` or ``QueueFull``; then
    nothing was written. The maker's limits are exact, the length of the whole queue may be overrun by a few when many
    order at once.
    """
    order = order.with_spelled_tonic()
    check_order(order)
    partner = partner_of_maker(maker)
    if is_burned(order, sandbox=partner is not None and partner.is_sandbox):
        raise SeedBurned(order.seed)
    instrument = _instrument_of(order)
    _check_queue()
    with transaction.atomic():
        return _queue(maker=maker, instrument=instrument, order=order, origin=None, variants=variants)


def compose_kin(*, piece: Composition, maker: Maker, version: Version) -> Composition:
    """Put a variation, cut or extension of ``piece`` into the queue, tied to its family: sold with it, gone with it.

    Raises ``NotAllowed`` if the piece is not free, one of its family was sold or the maker may not hear it, and what
    ``request_composition`` raises. A sale that is under way is waited for.
    """
    if not can_listen(piece, makers=[maker.pk], user=maker.user):
        raise NotAllowed(_("Only somebody who may hear a piece can have more made from it."))
    check_version(version, piece=piece)
    order = version.order(piece)
    instrument = _instrument_of(order)
    _check_queue()
    with transaction.atomic():
        first = lock_family(piece)
        if is_spent(first) or Composition.objects.filter(SOLD_ONCE, pk=first.pk).exists():
            raise NotAllowed(sentence(failure("family_sold")))
        # The worker asks again: whoever withdraws the piece does not wait for its family.
        if not Composition.objects.filter(pk=piece.pk, sale_state=Composition.SaleState.AVAILABLE).exists():
            raise NotAllowed(_("This piece is not free at the moment; no more is made from it."))
        return _queue(
            maker=maker,
            instrument=instrument,
            order=order,
            origin=first,
            kind=version.kind,
            parent=piece,
            from_bar=version.from_bar,
        )


def _queue(
    *,
    maker: Maker,
    instrument: Instrument,
    order: OrderFields,
    origin: Composition | None,
    variants: int = 1,
    **made_from: Any,
) -> Composition:
    """Write the rows of an order: the one place where a piece begins. ``origin`` is the first of a family, and is said.

    ``made_from`` are kind, parent and bar of a version. Part of the caller's transaction. Raises
    ``TooManyCompositions``, and ``NotAllowed`` across the sandbox's fence.
    """
    Maker.objects.select_for_update().get(pk=maker.pk)
    partner = partner_of_maker(maker)
    sandbox = partner is not None and partner.is_sandbox
    if origin is not None and origin.is_sandbox != sandbox:
        # Otherwise a trial would lay hands on the notes of a real piece.
        raise NotAllowed(_("Between the sandbox and the shop no piece is made from another."))
    _check_limits(
        maker, a_day=partner.compositions_per_day if partner else settings.COMPOSITIONS_PER_MAKER_PER_DAY
    )
    fields: dict[str, Any] = {
        "maker": maker,
        "instrument": instrument,
        "ordered_seconds": order.seconds,
        "seed": draw_seed() if order.seed is None else order.seed,
        "seed_is_fixed": order.seed is not None,
        "mood": order.mood,
        "wished_tonic": order.tonic,
        "wished_mode": order.mode,
        "wished_bpm": order.bpm,
        "density": order.density,
        "register": order.register,
        "temperature": order.temperature,
        "price_minor": instrument.price_minor,
        "currency": instrument.currency,
        "is_sandbox": sandbox,
        "is_private": sandbox,
    }
    composition = Composition.objects.create(**fields, **made_from, origin=origin)
    for variant in range(1, variants):
        Composition.objects.create(**fields, origin=composition, variant=variant)
    ring(composition.pk)
    return composition


def cancel_composition(*, composition: Composition) -> bool:
    """Stop a piece that is waiting or in work, and those of its order that wait for it. False if it is too late.

    Its worker notices and deletes its files.
    """
    with transaction.atomic():
        now = timezone.now()
        for variant in composition.derived.filter(variant__gt=0, state=State.QUEUED):
            move(composition_id=variant.pk, to=State.CANCELLED, finished_at=now)
        return move(composition_id=composition.pk, to=State.CANCELLED, finished_at=now)


def retry_composition(*, composition: Composition) -> None:
    """Queue a failed or cancelled piece anew, as if it had never been tried. Raises ``NotAllowed``, ``SeedBurned``."""
    if is_spent(composition):
        if composition.parent_id:
            raise NotAllowed(sentence(failure("family_sold")))
        raise SeedBurned(composition.seed)
    with transaction.atomic():
        moved = move(
            composition_id=composition.pk,
            to=State.QUEUED,
            only_if={"state__in": [State.FAILED, State.CANCELLED]},
            attempts=0,
            progress=0,
            notes=None,
            started_at=None,
            finished_at=None,
        )
        if not moved:
            raise NotAllowed(_("Only a failed or cancelled piece can be composed again."))
        ring(composition.pk)


def keep_private(*, composition: Composition, private: bool) -> bool:
    """Keep a piece out of the shop, or let it join. Sold, retired and sandbox pieces stay (False)."""
    movable = [Composition.SaleState.AVAILABLE, Composition.SaleState.ON_HOLD]
    rows = Composition.objects.filter(pk=composition.pk, sale_state__in=movable, is_sandbox=False)
    return rows.update(is_private=private) == 1


def rename_composition(*, composition: Composition, title: str) -> None:
    """Give a finished piece that nobody holds another name. Raises ``InvalidTitle``, ``NotAllowed``."""
    name = " ".join(title.split())
    if not name or len(name) > TITLE_AT_MOST or not name.isprintable():
        raise InvalidTitle(title)
    free = Composition.objects.filter(
        pk=composition.pk, state=State.READY, sale_state=Composition.SaleState.AVAILABLE
    )
    if not free.update(title=title_to_keep(composition, name=name)):
        raise NotAllowed(_("Only a finished piece that nobody holds or owns can get another name."))


def delete_composition(*, composition: Composition) -> bool:
    """Take a piece out of its maker's library, and say whether it is gone altogether.

    What was never in the shop is cancelled or retired, and its files are deleted; its notes stay on record, so that
    nobody else is sold the same. What others may find in the shop stays there. Raises ``NotAllowed`` for a piece that
    somebody is paying for.
    """
    cancel_composition(composition=composition)
    now = timezone.now()
    with transaction.atomic():
        rows = Composition.objects.filter(pk=composition.pk)
        if not rows.exclude(sale_state=Composition.SaleState.ON_HOLD).update(removed_at=now):
            raise NotAllowed(_("Somebody is paying for this piece right now. Try again in an hour."))
        unseen = rows.filter(state=State.READY, sale_state=Composition.SaleState.AVAILABLE)
        is_gone = unseen.filter(Q(is_private=True) | Q(listed_from=None) | Q(listed_from__gt=now)).update(
            sale_state=Composition.SaleState.RETIRED, retired_because=Composition.Retired.DELETED
        )
        if is_gone:
            folder = storage.folder_of(composition.pk)
            transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True), robust=True)
    return bool(is_gone)


def withdraw_composition(*, composition: Composition) -> None:
    """Retire a piece that nobody holds: it leaves the shop and is never sold. Raises ``NotAllowed`` otherwise."""
    if not set_sale_state(
        composition_id=composition.pk,
        to=Composition.SaleState.RETIRED,
        expected={Composition.SaleState.AVAILABLE},
        because=Composition.Retired.WITHDRAWN,
    ):
        raise NotAllowed(_("Only a finished piece that nobody holds or owns can be withdrawn."))


def set_sale_state(
    *,
    composition_id: uuid.UUID,
    to: str,
    expected: Collection[str],
    held_until: datetime | None = None,
    because: str = "",
) -> bool:
    """Move a finished piece to another sale state if it is in an expected one, by one UPDATE.

    ``because`` is one of ``Composition.Retired``, for a piece that is retired.
    """
    rows = Composition.objects.filter(pk=composition_id, state=State.READY, sale_state__in=list(expected))
    return rows.update(sale_state=to, held_until=held_until, retired_because=because) == 1


def sweep_compositions() -> dict[str, int]:
    """Put right what was lost on the way: lapsed workers, unheard bells, left-over files. Safe at any time."""
    now = timezone.now()
    return {
        "lapsed": _requeue_lapsed(now),
        "rung": _ring_waiting(now),
        "folders": _remove_dead_folders(),
        "parts": remove_left_overs(
            Path(settings.SOUND_CACHE_DIR), older_than=2 * settings.CELERY_TASK_TIME_LIMIT
        ),
    }


def _requeue_lapsed(now: datetime) -> int:
    limit = now - settings.HEARTBEAT_LAPSES_AFTER
    lapsed = Composition.objects.filter(state__in=WORKING, heartbeat_at__lt=limit)
    count = 0
    for composition_id, attempts in lapsed.values_list("pk", "attempts"):
        still = {"state__in": WORKING, "heartbeat_at__lt": limit, "attempts": attempts}
        with transaction.atomic():
            if attempts >= Composition.MAX_ATTEMPTS:
                silence = failure("fell_silent", count=attempts)
                moved = move(
                    composition_id=composition_id,
                    to=State.FAILED,
                    only_if=still,
                    failure=silence,
                    finished_at=now,
                )
                if moved:
                    tell_of_failure(Composition.objects.get(pk=composition_id), failure=silence)
                    # A worker may have died between the rename and its commit.
                    shutil.rmtree(storage.folder_of(composition_id), ignore_errors=True)
            else:
                moved = move(
                    composition_id=composition_id, to=State.QUEUED, only_if=still, progress=0, notes=None
                )
                if moved:
                    ring(composition_id)
        if moved:
            logger.warning("composition %s: its worker fell silent in attempt %s", composition_id, attempts)
            count += 1
    return count


def _ring_waiting(now: datetime) -> int:
    """Ring again for the oldest pieces that wait; the messages expire, since the next sweep would ring anyway."""
    waiting = (
        Composition.objects.filter(state=State.QUEUED)
        .exclude(selectors.WAITS_FOR_ANOTHER)
        .annotate(queued_at=Coalesce(F("heartbeat_at"), F("created_at")))
        .filter(queued_at__lt=now - RING_AGAIN_AFTER)
        .order_by("created_at")
        .values_list("pk", flat=True)[:RINGS_PER_SWEEP]
    )
    ids = list(waiting)
    for composition_id in ids:
        ring(composition_id, expires=RING_AGAIN_AFTER.seconds)
    return len(ids)


def _remove_dead_folders() -> int:
    """Delete work folders whose claim no longer holds its row. A live claim is committed before its folder is made."""
    count = 0
    for path, composition_id, claim in storage.work_folders():
        if not Composition.objects.filter(pk=composition_id, claim=claim, state__in=WORKING).exists():
            shutil.rmtree(path, ignore_errors=True)
            count += 1
    return count


def _instrument_of(order: OrderFields) -> Instrument:
    """Return the ordered instrument. Raises ``InvalidOrder`` for an unknown one, ``NoComposer`` without a model."""
    offered = offered_instruments()
    instrument = Instrument.objects.filter(slug=order.instrument, is_active=True).first()
    if instrument is None:
        known = list(offered.values_list("slug", flat=True))
        raise InvalidOrder({"instrument": one_of(order.instrument, known)})
    if not offered.filter(pk=instrument.pk).exists():
        raise NoComposer(str(instrument))
    return instrument


def _check_queue() -> None:
    """Raise ``QueueFull`` if as many orders wait as may."""
    waiting = Composition.objects.filter(state=State.QUEUED, variant=0)
    if waiting.count() >= settings.COMPOSITIONS_QUEUED_AT_MOST:
        raise QueueFull


def _check_limits(maker: Maker, *, a_day: int) -> None:
    """Raise ``TooManyCompositions`` if the maker, whose row the caller has locked, may not order another piece now."""
    if maker.client_id == HOUSE_CLIENT:
        return
    own = Composition.objects.filter(maker=maker, variant=0)
    if own.filter(state__in=WAITING_OR_WORKING).count() >= settings.COMPOSITIONS_IN_WORK_PER_MAKER:
        message = _("You have %(count)s pieces in work. Wait for one to finish, or cancel one.")
        raise TooManyCompositions(
            message % {"count": settings.COMPOSITIONS_IN_WORK_PER_MAKER}, retry_after=10
        )
    day = own.filter(created_at__gt=timezone.now() - timedelta(days=1))
    if day.count() >= a_day:
        oldest = day.order_by("created_at").values_list("created_at", flat=True)[0]
        wait = oldest + timedelta(days=1) - timezone.now()
        message = _(
            "You have ordered %(count)s pieces within a day, as many as one visitor may. Come back tomorrow."
        )
        raise TooManyCompositions(
            message % {"count": a_day},
            retry_after=max(1, int(wait.total_seconds())),
        )
