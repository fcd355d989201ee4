"""Reads that pages, API and other apps share, among them the one way to a composition for a listener."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from accounts.staff.access import may
from generation.models import IN_SHOP, ComposerModel, Composition, Favourite, Instrument, Rating
from generation.states import WAITING_OR_WORKING, State

SaleState = Composition.SaleState

Visitor = AbstractBaseUser | AnonymousUser | None

WAITS_FOR_ANOTHER = Q(variant__gt=0, origin__state__in=WAITING_OR_WORKING)
"""Further pieces of an order, which are composed when its first one is finished."""

HEARD_MEANWHILE = 2
FAMILY_AT_MOST = 12
"""Members of a family beside the piece that is looked at."""

USUAL_SECONDS = 10
"""What a piece is assumed to take until some have been measured."""


def listed_now() -> Q:
    """The condition of a piece that everybody may find, whatever became of it."""
    return IN_SHOP & Q(listed_from__lte=timezone.now())


def seen_by_everybody() -> Q:
    """The condition of a piece that is no secret: it is taken, or it is listed."""
    return Q(sale_state__in=[SaleState.ON_HOLD, SaleState.SOLD, SaleState.RETIRED]) | listed_now()


def offered_instruments() -> QuerySet[Instrument]:
    """Return the instruments that are offered and have a composer in use."""
    return Instrument.objects.filter(is_active=True, composer_models__is_active=True)


def models_in_use() -> QuerySet[ComposerModel]:
    """Return the network in use of each offered instrument, in the order of the shop."""
    return (
        ComposerModel.objects.filter(is_active=True, instrument__is_active=True)
        .select_related("instrument")
        .order_by("instrument__position", "instrument")
    )


def shop_compositions() -> QuerySet[Composition]:
    """Return what everybody may find in the shop, sold pieces included, newest first."""
    shown = [SaleState.AVAILABLE, SaleState.ON_HOLD, SaleState.SOLD]
    return (
        Composition.objects.filter(listed_now(), sale_state__in=shown)
        .select_related("instrument")
        .defer("peaks", "roll")
        .order_by("-listed_from", "pk")
    )


def composition_for_listener(
    *, composition_id: uuid.UUID, makers: Collection[uuid.UUID], user: Visitor
) -> Composition:
    """Return a composition that this visitor may see; anything else is a 404, as if it did not exist.

    It is seen by its maker, staff whose role sees pieces, the holder of its right and, once listed, by everybody. A
    piece that is on hold, sold or retired may be seen, but not heard, by whoever has its address: that it is taken is
    no secret.
    """
    composition = Composition.objects.select_related("instrument", "maker").filter(pk=composition_id).first()
    if composition is None:
        raise Http404
    taken = composition.sale_state != Composition.SaleState.AVAILABLE
    if (
        taken
        or composition.is_listed(now=timezone.now())
        or _is_insider(composition, makers=makers, user=user)
    ):
        return composition
    raise Http404


def heard_meanwhile(composition: Composition) -> QuerySet[Composition]:
    """Return a few pieces for sale of the same instrument, to be heard while a piece is in work."""
    free = shop_compositions().filter(sale_state=Composition.SaleState.AVAILABLE)
    return free.filter(instrument=composition.instrument_id)[:HEARD_MEANWHILE]


def family_of(composition: Composition, *, makers: Collection[uuid.UUID]) -> list[Composition]:
    """Return the pieces of a family that are listed or a visitor's own, and this one; nothing if there is no other.

    The takes of the order come first, then what was made from them, oldest first. Of many the latest are given.
    """
    first = composition.origin_id or composition.pk
    seen = listed_now() | Q(maker__in=makers)
    came_to_nothing = ~Q(kind=Composition.Kind.ORIGINAL) & Q(state__in=[State.FAILED, State.CANCELLED])
    others = Composition.objects.filter(Q(pk=first) | Q(origin=first), seen, removed_at=None)
    others = others.exclude(came_to_nothing).exclude(pk=composition.pk).select_related("instrument")
    latest = list(others.order_by("-created_at", "-variant")[:FAMILY_AT_MOST])
    return sorted([composition, *latest], key=lambda one: (one.created_at, one.variant)) if latest else []


def can_listen(composition: Composition, *, makers: Collection[uuid.UUID], user: Visitor) -> bool:
    """Say whether this visitor may hear the preview of a piece they may see."""
    if composition.state != Composition.State.READY:
        return False
    if _is_insider(composition, makers=makers, user=user):
        return True
    available = composition.sale_state == Composition.SaleState.AVAILABLE
    return available and composition.is_listed(now=timezone.now())


def can_buy(composition: Composition, *, makers: Collection[uuid.UUID]) -> bool:
    """Say whether a buy button makes sense: the piece is free, and listed or the visitor's own."""
    return (
        composition.state == Composition.State.READY
        and composition.sale_state == Composition.SaleState.AVAILABLE
        and (composition.maker_id in makers or composition.is_listed(now=timezone.now()))
    )


def rating_of(composition: Composition, *, makers: Collection[uuid.UUID]) -> Rating | None:
    """Return what a visitor thought of a piece, as whichever of their makers they said it; the latest if several."""
    ratings = Rating.objects.filter(composition=composition, maker__in=makers)
    return ratings.select_related("maker__user").first()


def favourites_of(makers: Collection[uuid.UUID]) -> QuerySet[Composition]:
    """Return the pieces that somebody keeps and may still see, the last kept first."""
    seen = seen_by_everybody() | Q(maker__in=makers)
    kept = Composition.objects.filter(seen, favourites__maker__in=makers)
    return kept.annotate(kept_at=Max("favourites__kept_at")).order_by("-kept_at", "pk")


def kept_among(ids: Collection[uuid.UUID], *, makers: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of these pieces somebody keeps."""
    if not makers:
        return set()
    kept = Favourite.objects.filter(maker__in=makers, composition__in=ids).order_by()
    return set(kept.values_list("composition", flat=True))


def ratings_by_model() -> dict[str, tuple[int, ...]]:
    """Return how many listeners gave 1, 2, 3, 4 and 5 to the pieces of each model version that was rated."""
    rows = Rating.objects.order_by().values_list("composition__model__version", "stars").annotate(Count("pk"))
    counts: dict[str, dict[int, int]] = {}
    for version, stars, count in rows:
        counts.setdefault(version, {})[stars] = count
    return {
        version: tuple(found.get(stars, 0) for stars in Rating.Stars.values)
        for version, found in sorted(counts.items())
    }


def queue_place(composition: Composition) -> int | None:
    """Return the place of a waiting piece in the queue, 1 for the next; None once it is no longer waiting."""
    if composition.state != Composition.State.QUEUED:
        return None
    queued = Composition.objects.filter(state=Composition.State.QUEUED).exclude(WAITS_FOR_ANOTHER)
    ahead = Q(created_at__lt=composition.created_at) | Q(
        created_at=composition.created_at, pk__lt=composition.pk
    )
    return queued.filter(ahead).count() + 1


def usual_seconds() -> float:
    """Return what a piece takes in work: the mean of the latest ten, or a guess where none has been made."""
    ready = Composition.objects.filter(state=Composition.State.READY)
    latest = ready.order_by("-finished_at").values_list("started_at", "finished_at")[:10]
    took = [(finished - started).total_seconds() for started, finished in latest if started and finished]
    return sum(took) / len(took) if took else USUAL_SECONDS


def estimated_seconds(composition: Composition) -> int:
    """Estimate how long a waiting or working piece still takes, from how long the latest ten took."""
    place = queue_place(composition) or 1
    left = timedelta(seconds=usual_seconds() * place * (100 - composition.progress) / 100)
    return max(1, round(left.total_seconds()))


def _is_insider(composition: Composition, *, makers: Collection[uuid.UUID], user: Visitor) -> bool:
    if composition.maker_id in makers:
        return True
    if user is None or not user.is_authenticated:
        return False
    # The right stands above this app; it is asked for by name and not imported. Without that app there is none.
    return (
        may(user, "generation.view_composition")
        or Composition.objects.filter(
            pk=composition.pk, right__holder=user.pk, right__state__in=["in_force", "suspended"]
        ).exists()
    )
