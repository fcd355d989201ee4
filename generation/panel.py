"""The listening panel: pairs of pieces without names, drawn by chance, and what listeners prefer."""

from __future__ import annotations

import math
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Maker
from generation.errors import GenerationError, NotAllowed
from generation.models import Comparison, Composition, Rating
from generation.shop import in_shop

TRIES = 8
Z = 1.959964
"""Standard deviations of a confidence of 95 %."""


class NoPair(GenerationError):
    """There are no two pieces to compare that this listener has not compared."""

    code = "no_pair"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            _("You have heard every pair we can offer now. Come back when there are new pieces.")
        )


def draw_pair(*, maker: Maker) -> Comparison:
    """Draw two free pieces of one instrument, of different networks if there are such, in an order drawn by chance.

    A pair that was drawn before and never answered may come again, in its order. Raises ``NoPair``.
    """
    for _try in range(TRIES):
        first = _any_of(in_shop().filter(sale_state=Composition.SaleState.AVAILABLE))
        if first is None:
            break
        second = _partner_of(first)
        if second is None:
            continue
        one, other = sorted((first.pk, second.pk))
        pair, _made = Comparison.objects.get_or_create(
            maker=maker, one_id=one, other_id=other, defaults={"one_is_a": bool(secrets.randbelow(2))}
        )
        if not pair.preferred:
            return pair
    raise NoPair


def answer_pair(
    *,
    pair_id: uuid.UUID,
    makers: Collection[uuid.UUID],
    preferred: str,
    stars_a: int | None,
    stars_b: int | None,
) -> None:
    """Keep what a listener says of a pair, once and for all, by one statement. Raises ``NotAllowed``."""
    if preferred not in Comparison.Preferred.values:
        raise NotAllowed(_("Say which of the two you prefer, or that there is no difference."))
    if any(stars is not None and stars not in Rating.Stars.values for stars in (stars_a, stars_b)):
        raise NotAllowed(_("Stars go from 1 (discordant) to 5 (melodious). They may be left out."))
    open_pair = Comparison.objects.filter(pk=pair_id, maker__in=makers, preferred="")
    if not open_pair.update(
        preferred=preferred, stars_a=stars_a, stars_b=stars_b, answered_at=timezone.now()
    ):
        raise NotAllowed(_("You have answered this pair already."))


def pair_of(*, pair_id: uuid.UUID, makers: Collection[uuid.UUID]) -> Comparison | None:
    """Return a pair that was drawn for this listener, with its pieces; None for anything else."""
    pairs = Comparison.objects.select_related("one__instrument", "other__instrument")
    return pairs.filter(pk=pair_id, maker__in=makers).first()


def pieces_of(pair: Comparison) -> tuple[Composition, Composition]:
    """Return the pieces of a pair as they are heard: A, then B."""
    return (pair.one, pair.other) if pair.one_is_a else (pair.other, pair.one)


@dataclass(frozen=True, slots=True)
class Heard:
    """As much of a piece as a player needs, under the name of its side: nothing tells which piece it is."""

    pk: str
    title: str
    seconds: float | None
    ordered_seconds: int
    card_wave: str


def heard(pair: Comparison) -> list[Heard]:
    """Return the pieces of a pair without their names, A before B."""
    sides = zip(("a", "b"), (_("Piece A"), _("Piece B")), pieces_of(pair), strict=True)
    return [
        Heard(side, name, piece.seconds, piece.ordered_seconds, piece.card_wave)
        for side, name, piece in sides
    ]


def can_be_heard(pair: Comparison) -> bool:
    """Whether both pieces are still free and listed: a piece that is taken is heard by nobody else."""
    now = timezone.now()
    return all(
        piece.sale_state == Composition.SaleState.AVAILABLE and piece.is_listed(now=now)
        for piece in (pair.one, pair.other)
    )


def answered_by(makers: Collection[uuid.UUID]) -> int:
    """Return how many pairs somebody has answered."""
    return Comparison.objects.filter(maker__in=makers).exclude(preferred="").count()


@dataclass(frozen=True, slots=True)
class Share:
    """How often something was preferred, and the Wilson interval of 95 % around it. No difference counts half."""

    name: str
    wins: float
    count: int

    @property
    def share(self) -> float:
        """The share of the pairs, 0 to 1; a half where there are none."""
        return self.wins / self.count if self.count else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds within which the share lies with 95 % confidence."""
        return wilson(self.wins, self.count)


def wilson(wins: float, count: int) -> tuple[float, float]:
    """Return the Wilson interval of 95 % for a share (Wilson 1927); everything is possible of nothing."""
    if not count:
        return 0.0, 1.0
    share, square = wins / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def results() -> list[Share]:
    """Return how often each network was preferred to another of its instrument, and how often the first heard."""
    rows = (
        Comparison.objects.exclude(preferred="")
        .order_by()
        .values_list(
            "preferred", "one_is_a", "one__model_id", "other__model_id",
            "one__instrument__name", "one__model__version", "other__model__version",
        )
    )  # fmt: skip
    won: dict[str, list[float]] = {}
    first: list[float] = []
    for preferred, one_is_a, one_model, other_model, instrument, one, other in rows.iterator():
        of_a = {"a": 1.0, "b": 0.0, "neither": 0.5}[preferred]
        first.append(of_a)
        if one_model == other_model:
            continue
        of_one = of_a if one_is_a else 1 - of_a
        won.setdefault(f"{instrument} {one}", []).append(of_one)
        won.setdefault(f"{instrument} {other}", []).append(1 - of_one)
    shares = [Share(name, sum(each), len(each)) for name, each in sorted(won.items())]
    return [*shares, Share(_("The one heard first, of all pairs"), sum(first), len(first))]


def _partner_of(piece: Composition) -> Composition | None:
    family = piece.origin_id or piece.pk
    others = (
        in_shop()
        .filter(sale_state=Composition.SaleState.AVAILABLE, instrument=piece.instrument_id)
        .exclude(Q(pk=piece.pk) | Q(pk=family) | Q(origin__isnull=False, origin=family))
    )
    return _any_of(others.exclude(model=piece.model_id)) or _any_of(others)


def _any_of(pieces: QuerySet[Composition]) -> Composition | None:
    """Draw a piece: the next key after one drawn at random, which needs no count and no sorting."""
    ordered = pieces.only("pk", "instrument_id", "model_id", "origin_id").order_by("pk")
    return ordered.filter(pk__gte=uuid.uuid4()).first() or ordered.first()
