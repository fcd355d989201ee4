"""The open shop: what is asked of it, in words, filters and an order, and one page of the answer.

Every list and every count is answered from the shop's indexes alone (``generation.models``); the wide rows are read
for the pieces of one page only. So a page costs the same number of queries however many pieces there are.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from generation.models import Composition, Instrument
from generation.search_words import Key, is_form_of, names, read, tonics_called
from generation.selectors import listed_now, seen_by_everybody

SaleState = Composition.SaleState

PIECES_PER_PAGE = 12
COUNTED_UP_TO = 10_000
"""Beyond this many pieces the shop says "more than": counting further would cost more than it tells."""

PAGES_AT_MOST = 99_999
SEARCH_WORDS_AT_MOST = 6

BUYABLE, FREE, ALL = "", "available", "all"
STATES: dict[str, list[str]] = {
    BUYABLE: [SaleState.AVAILABLE, SaleState.ON_HOLD],
    FREE: [SaleState.AVAILABLE],
    "on_hold": [SaleState.ON_HOLD],
    "sold": [SaleState.SOLD],
    "retired": [SaleState.RETIRED],
    ALL: list(SaleState.values),
}

NEWEST = "newest"
SORTS: dict[str, list[str]] = {
    NEWEST: ["-listed_from", "pk"],
    "best": ["-stars_mean", "-listed_from", "pk"],
    "shortest": ["seconds", "-listed_from", "pk"],
    "longest": ["-seconds", "listed_from", "-pk"],
    "slowest": ["bpm", "-listed_from", "pk"],
    "fastest": ["-bpm", "listed_from", "-pk"],
    "price": ["price_minor", "-listed_from", "pk"],
}
"""Each is an index read forwards or backwards."""

TEMPI: dict[str, tuple[float | None, float | None]] = {
    "very-slow": (None, 60),
    "slow": (60, 76),
    "walking": (76, 100),
    "moderate": (100, 120),
    "lively": (120, 156),
    "fast": (156, None),
}
"""Quarter notes a minute: from the first, below the second. The bounds are those of the Italian terms."""

LENGTHS: dict[str, tuple[float | None, float | None]] = {
    "10": (None, 10.5),
    "20": (10.5, 20.5),
    "45": (20.5, 45.5),
    "75": (45.5, 75.5),
    "longer": (75.5, None),
}
"""Seconds, likewise; half a second more than what is shown, since pieces end on a note."""

UNREAD = (
    "peaks",
    "roll",
    "originality",
    "timings",
    "failure",
    "error",
    "claim",
    "heartbeat_at",
    "fingerprint",
    "master_sha256",
    "title_sought",
)
"""Columns that no card shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody looks for. Empty values narrow nothing."""

    words: Sequence[str] = ()
    instrument: str = ""
    mood: str = ""
    mode: str = ""
    tonic: str = ""
    tempo: str = ""
    length: str = ""
    state: str = BUYABLE
    sort: str = NEWEST


@dataclass(frozen=True, slots=True)
class ShopPage:
    """One page of pieces, and how many there are: exactly, or more than ``COUNTED_UP_TO``."""

    pieces: list[Composition]
    number: int
    total: int
    has_next: bool
    is_beyond: bool = False
    """Whether a page was asked for that does not exist; this is the last one that does, or the first."""

    def __iter__(self) -> Iterator[Composition]:
        return iter(self.pieces)

    @property
    def is_counted(self) -> bool:
        """Whether ``total`` is exact."""
        return self.total <= COUNTED_UP_TO

    @property
    def previous_number(self) -> int:
        """The number of the page before."""
        return self.number - 1

    @property
    def next_number(self) -> int:
        """The number of the page after."""
        return self.number + 1

    @property
    def last_number(self) -> int:
        """The number of the last page, where the total is exact."""
        return max(1, -(-self.total // PIECES_PER_PAGE))


def in_shop() -> QuerySet[Composition]:
    """Return every piece that was ever listed, whatever became of it, in no order."""
    return Composition.objects.filter(listed_now()).order_by()


def shop_page(wish: Wish, *, number: int, instruments: Iterable[Instrument]) -> ShopPage:
    """Return one page of what fits. A page that does not exist gives the last one, or the first of very many."""
    found = in_shop().filter(narrowed(wish, instruments=instruments))
    total = found.values("pk")[: COUNTED_UP_TO + 1].count()
    asked = number
    if total <= COUNTED_UP_TO:
        number = min(number, max(1, -(-total // PIECES_PER_PAGE)))
    pieces = _pieces(found, sort=wish.sort, number=number) if total else []
    if not pieces and number > 1:
        number = 1
        pieces = _pieces(found, sort=wish.sort, number=number)
    return ShopPage(
        pieces=pieces[:PIECES_PER_PAGE],
        number=number,
        total=total,
        has_next=len(pieces) > PIECES_PER_PAGE,
        is_beyond=number != asked,
    )


def pieces_in_order(ids: Sequence[uuid.UUID]) -> list[Composition]:
    """Read the pieces of a page, with what their cards show, in the order of their keys as given."""
    rows = _cards().in_bulk(ids)
    return [rows[key] for key in ids if key in rows]


def narrowed(wish: Wish, *, instruments: Iterable[Instrument]) -> Q:
    """Return the condition a piece meets that fits a wish."""
    condition = Q(sale_state__in=STATES[wish.state])
    for column in ("mood", "mode", "tonic"):
        if getattr(wish, column):
            condition &= Q(**{column: getattr(wish, column)})
    if wish.instrument:
        condition &= Q(instrument_id=wish.instrument)
    condition &= _between("bpm", TEMPI.get(wish.tempo)) & _between("seconds", LENGTHS.get(wish.length))
    if wish.words:
        named = list(instruments)
        for word in read(wish.words[:SEARCH_WORDS_AT_MOST]):
            condition &= _means(word, instruments=named)
    return condition


def states_of(ids: Sequence[uuid.UUID]) -> list[Composition]:
    """Return as much of the pieces named as says what a buyer may do; those nobody else may see are left out."""
    rows = Composition.objects.filter(seen_by_everybody(), pk__in=list(ids)).order_by("pk")
    return list(rows.only("pk", "sale_state", "held_until"))


def _cards() -> QuerySet[Composition]:
    return Composition.objects.select_related("instrument").defer(*UNREAD)


def _pieces(found: QuerySet[Composition], *, sort: str, number: int) -> list[Composition]:
    """Return the pieces of a page and one more, which says whether there is a next page.

    The keys come from an index alone, skipped pages included; only then are the rows read.
    """
    first = (number - 1) * PIECES_PER_PAGE
    keys = found.order_by(*SORTS[sort]).values("pk")[first : first + PIECES_PER_PAGE + 1]
    return list(_cards().filter(pk__in=keys).order_by(*SORTS[sort]))


def _between(column: str, bounds: tuple[float | None, float | None] | None) -> Q:
    low, high = bounds or (None, None)
    limits: dict[str, Any] = {}
    if low is not None:
        limits[f"{column}__gte"] = low
    if high is not None:
        limits[f"{column}__lt"] = high
    return Q(**limits)


def _means(word: str | Key, *, instruments: Sequence[Instrument]) -> Q:
    """Return what a word looked for may mean: part of a title, an instrument, a mood, a mode or a key."""
    if isinstance(word, Key):
        return Q(tonic__in=word.tonics) & (Q(mode=word.mode) if word.mode else Q())
    lower = word.lower()
    condition = Q(title_sought__contains=lower)
    if tonics := tonics_called(word):
        condition |= Q(tonic__in=tonics)
    named = [each.slug for each in instruments if names(word, each.slug, each.name, str(each))]
    if named:
        condition |= Q(instrument_id__in=named)
    for column, choices in (("mood", Composition.Mood), ("mode", Composition.Mode)):
        chosen = [value for value, label in choices.choices if is_form_of(word, value, str(label))]
        if chosen:
            condition |= Q(**{column: chosen[0]})
    if lower in TEMPI:
        condition |= _between("bpm", TEMPI[lower])
    return condition
