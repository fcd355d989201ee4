"""Every write of what listeners say about pieces: ratings and favourites."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.db import transaction
from django.db.models import Avg, Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Maker
from generation.errors import InvalidRating, NotAllowed
from generation.models import Composition, Favourite, Rating
from generation.selectors import can_listen


def rate_composition(*, composition: Composition, maker: Maker, stars: int) -> None:
    """Keep what a listener thinks of a piece, and with it the piece's mean; an earlier rating of theirs is replaced.

    Raises ``InvalidRating`` unless ``stars`` is 1 to 5, and ``NotAllowed`` if this listener may not hear the piece.
    """
    if stars not in Rating.Stars.values:
        raise InvalidRating
    if not can_listen(composition, makers=[maker.pk], user=maker.user):
        raise NotAllowed(_("Only somebody who may hear a piece can rate it."))
    with transaction.atomic():
        # Whoever rates the same piece waits here, so that no mean misses a rating.
        Composition.objects.select_for_update(of=("self",)).only("pk").get(pk=composition.pk)
        Rating.objects.bulk_create(
            [Rating(composition=composition, maker=maker, stars=stars)],
            update_conflicts=True,
            unique_fields=["composition", "maker"],
            update_fields=["stars", "rated_at"],
        )
        _count_the_stars(composition.pk)


def note_heard(composition: Composition) -> None:
    """Keep when a piece was heard first. Whose ear it was is not kept; a piece costs one write in its life."""
    if composition.heard_at is None:
        Composition.objects.filter(pk=composition.pk, heard_at=None).update(heard_at=timezone.now())


def keep_favourite(*, composition: Composition, maker: Maker) -> None:
    """Keep a piece among somebody's favourites, by one statement; keeping it again changes nothing."""
    Favourite.objects.bulk_create([Favourite(composition=composition, maker=maker)], ignore_conflicts=True)


def drop_favourite(*, composition: Composition, makers: Collection[uuid.UUID]) -> None:
    """Take a piece out of somebody's favourites, as whichever of their makers it was kept."""
    Favourite.objects.filter(composition=composition, maker__in=makers).delete()


def _count_the_stars(composition_id: uuid.UUID) -> None:
    """Write count and mean of a piece's ratings into its row, whose lock the caller holds."""
    ratings = Rating.objects.filter(composition=OuterRef("pk")).order_by().values("composition")
    enough = ratings.annotate(count=Count("pk"), mean=Avg("stars")).filter(count__gte=Composition.RATED_FROM)
    Composition.objects.filter(pk=composition_id).update(
        stars_count=Coalesce(Subquery(ratings.annotate(count=Count("pk")).values("count")), 0),
        stars_mean=Coalesce(Subquery(enough.values("mean")), 0.0),
    )
