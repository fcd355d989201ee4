"""The plan of a piece before its first note: key, metre, tempo, exact length, and what its bars return to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from generation.composer.context import Frame
from generation.composer.order import MOOD_MEANINGS, InvalidOrderError, Order
from generation.composer.players import PLAYERS, Player
from generation.composer.sampling import Stream
from generation.composer.score import PHRASE_BARS, STEPS_PER_QUARTER, Note, Score
from generation.composer.styles import LAST_BARS, Styles
from generation.composer.traits import EXACT, TRAITS, bar_plan

_TEMPO_COST = {"wished": 25.0, "drawn": 4.0}
_ODD_BARS_COST = {0: 0.0, 2: 0.25, 1: 0.6, 3: 0.6}
_FEWEST_BARS = 2
_SHORT_BAR = 2 * STEPS_PER_QUARTER
_LONGEST = 512
_NEAR_BARS = 4
_NEAR_TEMPO = 0.05
"""By how much a wished tempo may be missed where another metre would keep it."""


@dataclass(frozen=True, slots=True)
class PiecePlan:
    """Everything fixed before the first note. ``bars`` bars at ``bpm`` last exactly the ordered seconds.

    ``kept`` are notes of another piece that this one begins with, ``kept_bars`` how many bars they fill.
    """

    instrument: str
    frame: Frame
    player: Player
    bpm: float
    tonic: str
    kept: tuple[Note, ...] = ()
    kept_bars: int = 0

    @property
    def bars(self) -> int:
        """Number of full bars."""
        return self.frame.bars

    @property
    def ending_bars(self) -> int:
        """Bars that the last chord fills: two where bars are short or the music is slow, so that it rests."""
        slow = self.frame.plan[-1, 2 + TRAITS.index("density")] == 1
        short = self.frame.steps_per_bar < _SHORT_BAR
        return 2 if (slow or short) and self.bars - self.kept_bars > PHRASE_BARS else 1

    @property
    def last_chord(self) -> int:
        """Grid step at which the last chord begins."""
        return (self.bars - self.ending_bars) * self.frame.steps_per_bar

    @property
    def form(self) -> str:
        """Phrases of four bars as letters: one that copies at least half of an earlier one has its letter."""
        letters: list[str] = []
        for start in range(0, self.bars, PHRASE_BARS):
            sources = [
                (bar - int(self.frame.plan[bar, 1])) // PHRASE_BARS
                for bar in range(start, min(start + PHRASE_BARS, self.bars))
                if self.frame.plan[bar, 0] == EXACT and self.frame.plan[bar, 1] > bar - start
            ]
            again = max(set(sources), key=lambda source: (sources.count(source), -source)) if sources else -1
            if again >= 0 and sources.count(again) * 2 >= PHRASE_BARS:
                letters.append(letters[again])
            else:
                letters.append(chr(ord("A") + min(25, len(set(letters)))))
        return "".join(letters)


@dataclass(frozen=True, slots=True)
class Source:
    """A piece to go on from: its first ``bars`` bars are kept. The order's length, and nothing else of it, counts."""

    score: Score
    bars: int


def variation(score: Score, *, from_bar: int) -> Source:
    """The same plan with new notes from a bar (counted from 1) on. Raises ``InvalidOrderError`` for a bar outside."""
    if score.bars < 3:
        raise InvalidOrderError("from_bar", f"A piece of {score.bars} bars has none that could be varied.")
    if not 2 <= from_bar <= score.bars - 1:
        message = f"from_bar is {from_bar!r}; choose a bar from 2 to {score.bars - 1}."
        raise InvalidOrderError("from_bar", message)
    return Source(score, from_bar - 1)


def extension(score: Score) -> Source:
    """The whole piece but its ending, to be gone on with."""
    return Source(score, max(1, score.bars - 2))


def cut(score: Score, *, seconds: float) -> Source:
    """As much of the piece as leaves room for an ending of its own within ``seconds``, at about the same tempo."""
    bar = score.seconds_at(score.steps_per_bar)
    return Source(score, max(1, round(seconds / bar) - 2))


def plan(order: Order, *, styles: Styles, stream: Stream, source: Source | None = None) -> PiecePlan:
    """Draw the plan of an order. Raises ``InvalidOrderError`` for an instrument nobody has described."""
    player = PLAYERS.get(order.instrument)
    if player is None:
        message = f"instrument is {order.instrument!r}; choose one of {', '.join(PLAYERS)}."
        raise InvalidOrderError("instrument", message)
    if source:
        return _plan_on(order, source=source, player=player, styles=styles, stream=stream)
    wishes = order.wishes()
    mood = MOOD_MEANINGS.get(order.mood or "")
    options = styles.nearest(mode=order.wished_mode, wishes=wishes)
    if order.bpm:
        options = [one for one in options if _keeps_tempo(order, metre=styles.metre(one))] or options
    style = stream.choice(options)
    mode, metre = order.wished_mode or styles.mode(style), styles.metre(style)
    tonic = stream.choice(player.keys[mode])
    bpm = _tempo(order, usual=mood.bpm if mood else player.bpm, metre=metre, stream=stream)
    cost = _TEMPO_COST["wished" if order.bpm else "drawn"]
    bars = _bars(order.seconds * bpm / 60.0, metre=metre, tempo_cost=cost)
    told = styles.plan(style, bars=bars, wishes=wishes)
    frame = Frame(player.weights_from or order.instrument, metre, bars, 0, mode, 1, told)
    return PiecePlan(order.instrument, frame, player, _exact_bpm(frame, order=order), order.tonic or tonic)


def _plan_on(order: Order, *, source: Source, player: Player, styles: Styles, stream: Stream) -> PiecePlan:
    """The source's own plan as far as it goes, and beyond it that of a style in its metre and mode."""
    score = source.score
    if math.isclose(order.seconds, score.seconds):
        bars = score.bars
    else:
        bars = _bars(order.seconds * score.bpm / 60.0, metre=score.metre, tempo_cost=_TEMPO_COST["wished"])
    options = styles.nearest(mode=score.mode, wishes={})
    style = stream.choice([one for one in options if styles.metre(one) == score.metre] or options)
    told = styles.plan(style, bars=bars, wishes={})
    own = bar_plan(score, edges=styles.edges)[: bars - LAST_BARS]
    told[: len(own)] = own
    frame = Frame(player.weights_from or order.instrument, score.metre, bars, 0, score.mode, 1, told)
    kept_bars = min(source.bars, bars - 1)
    kept = tuple(note for note in score.notes if note.onset < kept_bars * frame.steps_per_bar)
    exact = _exact_bpm(frame, order=order)
    return PiecePlan(order.instrument, frame, player, exact, score.tonic, kept, kept_bars)


def _exact_bpm(frame: Frame, *, order: Order) -> float:
    """The tempo at which the bars last what was ordered."""
    return frame.bars * frame.steps_per_bar / STEPS_PER_QUARTER * 60.0 / order.seconds


def _tempo(order: Order, *, usual: tuple[int, int], metre: tuple[int, int], stream: Stream) -> float:
    """Quarters a minute: as wished, or drawn from the usual range, which is counted in halves where the metre is."""
    low, high = usual
    drawn = float(low + stream.below(high - low + 1))
    return order.bpm or (drawn * 1.5 if metre[1] == 2 else drawn)


def _keeps_tempo(order: Order, *, metre: tuple[int, int]) -> bool:
    """Whether whole bars of this metre come near enough to the wished tempo."""
    quarters = order.seconds * (order.bpm or 0.0) / 60.0
    bars = _bars(quarters, metre=metre, tempo_cost=_TEMPO_COST["wished"])
    return abs(bars * metre[0] * 4 / metre[1] / quarters - 1.0) <= _NEAR_TEMPO


def _bars(quarters: float, *, metre: tuple[int, int], tempo_cost: float) -> int:
    """Number of bars: near the wished tempo, in whole phrases where that is possible."""
    bar = metre[0] * 4 / metre[1]
    middle = round(quarters / bar)
    span = range(
        max(_FEWEST_BARS, middle - _NEAR_BARS), min(_LONGEST, max(_FEWEST_BARS, middle + _NEAR_BARS)) + 1
    )

    def cost(bars: int) -> tuple[float, int]:
        return round(abs(math.log(bars * bar / quarters)) * tempo_cost + _ODD_BARS_COST[bars % 4], 9), bars

    return min(span, key=cost)
