"""More from a piece: what can be made of it, the check that pages and API share, and what it is called.

A variation keeps the bars before one bar and has new notes from there on, a longer version goes on where the piece
would end, a cut has as much of it as leaves room for an ending of its own. Light, as ``orders`` is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from generation.composer.score import PHRASE_BARS
from generation.errors import InvalidOrder
from generation.models import Composition
from generation.orders import SECONDS_MAX, SECONDS_MIN, OrderFields, between, one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Composition.Kind

KINDS = (Kind.VARIATION, Kind.EXTENSION, Kind.CUT)
KIND_CHOICES = [(kind.value, kind.label) for kind in KINDS]
LONGER = (15, 30, 60, 90, 120, 180)
CUTS = (60, 30, 15)
"""Lengths in seconds that the page offers; programs may name any other from 5 to 180."""

PHRASES_AT_MOST = 12
"""Where there are more, the page offers every second or third; programs may name any bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What is to be made from a piece: a variation ``from_bar`` on, or a longer version or a cut of ``seconds``."""

    kind: str
    from_bar: int | None = None
    seconds: int | None = None

    def order(self, piece: Composition) -> OrderFields:
        """Return the order of this version: the wishes of its piece, with a length and a seed of its own."""
        return replace(OrderFields.of(piece), seconds=self.seconds or piece.ordered_seconds, seed=None)


@dataclass(frozen=True, slots=True)
class PhraseStart:
    """Where a phrase begins: the bar, counted from 1, and its time in seconds."""

    bar: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page of a piece offers to make from it."""

    phrases: Sequence[PhraseStart]
    longer: Sequence[int]
    cuts: Sequence[int]


def bars_of(piece: Composition) -> int:
    """Return how many full bars a finished piece has."""
    return round((piece.seconds or 0.0) / _bar_seconds(piece))


def offer_of(piece: Composition) -> Offer:
    """Return what can be made from a finished piece; one of a single phrase is varied from its middle."""
    bars, bar = bars_of(piece), _bar_seconds(piece)
    apart = PHRASE_BARS * max(1, math.ceil(bars / PHRASE_BARS / PHRASES_AT_MOST))
    starts = [*range(apart + 1, bars, apart)] or ([bars // 2 + 1] if bars > 2 else [])
    length = piece.ordered_seconds
    return Offer(
        phrases=[PhraseStart(start, (start - 1) * bar) for start in starts],
        longer=[seconds for seconds in LONGER if seconds > length],
        cuts=[seconds for seconds in CUTS if seconds < length],
    )


def check_version(version: Version, *, piece: Composition) -> None:
    """Raise ``InvalidOrder`` naming every field at fault. The piece is finished."""
    if version.kind not in KINDS:
        raise InvalidOrder({"kind": one_of(version.kind, [str(kind) for kind in KINDS])})
    problems: dict[str, str] = {}
    if version.kind == Kind.VARIATION:
        last = bars_of(piece) - 1
        if last < 2:
            problems["from_bar"] = _("This piece is too short to be varied.")
        elif version.from_bar is None or not 2 <= version.from_bar <= last:
            problems["from_bar"] = between(_said(version.from_bar), 2, last)
        if version.seconds is not None:
            problems["seconds"] = _("A variation is as long as its piece: leave the length out.")
    else:
        length = piece.ordered_seconds
        is_cut = version.kind == Kind.CUT
        low, high = (SECONDS_MIN, length - 1) if is_cut else (length + 1, SECONDS_MAX)
        if low > high:
            problems["seconds"] = (
                _("This piece is as short as a piece may be.")
                if is_cut
                else _("This piece is as long as a piece may be.")
            )
        elif version.seconds is None or not low <= version.seconds <= high:
            problems["seconds"] = between(_said(version.seconds), low, high)
        if version.from_bar is not None:
            problems["from_bar"] = _("Only a variation begins at a bar: leave it out.")
    if problems:
        raise InvalidOrder(problems)


def version_label(piece: Composition) -> str:
    """Say what a piece is within its family, in few words; empty for an original."""
    if piece.kind == Kind.VARIATION:
        return _("Variation from bar %(bar)s") % {"bar": piece.from_bar}
    return {Kind.EXTENSION: _("Longer version"), Kind.CUT: _("Cut with its own ending")}.get(
        Kind(piece.kind), ""
    )


def _bar_seconds(piece: Composition) -> float:
    beats, unit = (int(number) for number in piece.metre.split("/"))
    return beats * 4 / unit * 60.0 / (piece.bpm or 0.0)


def _said(value: int | None) -> object:
    return "–" if value is None else value
