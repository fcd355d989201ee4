"""What to offer whoever misses a piece: the nearest different ones, and an order for one more like it."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, F, IntegerField, Q, Value, When
from django.db.models.functions import Abs, Floor
from django.http import QueryDict

from generation.kin import kin_of
from generation.models import Composition
from generation.shop import in_shop, pieces_in_order

SIMILAR_AT_MOST = 3
TEMPO_STEP, LENGTH_STEP = 10.0, 5.0
"""Quarter notes a minute and seconds that are as good as the same."""


def similar_to(piece: Composition) -> list[Composition]:
    """Return the free pieces of the same instrument that come nearest, and are no kin: the nearest first.

    Near is the same mood, then the same mode, then the tempo, then the length.
    """
    free = in_shop().filter(sale_state=Composition.SaleState.AVAILABLE, instrument=piece.instrument_id)
    kin = list(kin_of(piece).values_list("pk", flat=True))
    nearest = free.exclude(pk__in=[piece.pk, *kin]).order_by(
        _unlike(mood=piece.mood),
        _unlike(mode=piece.mode),
        Floor(Abs(F("bpm") - Value(piece.bpm or 0.0)) / Value(TEMPO_STEP)),
        Floor(Abs(F("seconds") - Value(piece.seconds or 0.0)) / Value(LENGTH_STEP)),
        "-listed_from",
        "pk",
    )
    return pieces_in_order(list(nearest.values_list("pk", flat=True)[:SIMILAR_AT_MOST]))


def query_of_more_like(piece: Composition) -> str:
    """Give an order of what a piece was wished to be, and where nothing was wished, of what it became.

    Its seed is never among it: with the same wishes it would be the same piece.
    """
    query = QueryDict(mutable=True)
    wishes: dict[str, Any] = {
        "instrument": piece.instrument_id,
        "seconds": piece.ordered_seconds,
        "mood": piece.mood,
        "tonic": piece.wished_tonic,
        "mode": piece.wished_mode or piece.mode,
        "bpm": piece.wished_bpm or (round(piece.bpm) if piece.bpm else None),
        "density": piece.density,
        "register": piece.register,
    }
    for name, value in wishes.items():
        if value:
            query[name] = str(value)
    return query.urlencode()


def _unlike(**same: Any) -> Case:
    return Case(When(Q(**same), then=0), default=1, output_field=IntegerField())
