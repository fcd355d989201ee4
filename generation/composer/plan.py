"""The plan of a piece before its first note: key, metre, tempo, exact length and form."""

from __future__ import annotations

import math
from dataclasses import dataclass

from generation.composer.context import Frame, Wish
from generation.composer.order import DENSITIES, MOOD_MEANINGS, InvalidOrderError, Order
from generation.composer.players import PLAYERS, Player
from generation.composer.sampling import Stream
from generation.composer.score import STEPS_PER_QUARTER, Mode

FORMS = {
    1: ("A",),
    2: ("AA", "AB"),
    3: ("ABA", "AAB", "ABC"),
    4: ("AABA", "AABC", "ABAC", "ABCA"),
    5: ("ABACA", "AABCA"),
    6: ("AABBCA", "ABACDA", "ABCABD"),
    8: ("AABACDAB", "ABACABCD", "AABCADAE"),
}
"""Orders of phrases by their number: a letter that returns is replayed, with a new ending."""

_LONG_PHRASE_FROM = 32
_TEMPO_COST = {"wished": 25.0, "drawn": 4.0}
_ODD_BARS_COST = {0: 0.0, 2: 0.25, 1: 0.6, 3: 0.6}
_FEWEST_BARS = 2
_CADENCE_BARS = 2
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Phrase:
    """``bars`` bars from bar ``start``; the first ``replayed`` of them repeat those from bar ``source``."""

    start: int
    bars: int
    source: int = 0
    replayed: int = 0


@dataclass(frozen=True, slots=True)
class PiecePlan:
    """Everything fixed before the first note. ``bars`` bars at ``bpm`` last exactly the ordered seconds."""

    frame: Frame
    player: Player
    bpm: float
    tonic: str
    phrases: tuple[Phrase, ...]

    @property
    def bars(self) -> int:
        """Number of full bars."""
        return self.frame.bars


def plan(order: Order, *, stream: Stream) -> PiecePlan:
    """Draw the plan of an order. Raises ``InvalidOrderError`` for an instrument nobody has described."""
    player = PLAYERS.get(order.instrument)
    if player is None:
        known = ", ".join(PLAYERS)
        message = f"instrument is {order.instrument!r}; choose one of {known}."
        raise InvalidOrderError("instrument", message)
    mood = MOOD_MEANINGS.get(order.mood or "")
    mode: Mode = stream.choice(("major", "minor"), weights=(2, 1))
    mode = order.mode or (mood.mode if mood else mode)
    tonic = stream.choice(player.keys[mode])
    bpm = _tempo(order, usual=mood.bpm if mood else player.bpm, stream=stream)
    cost = _TEMPO_COST["wished" if order.bpm else "drawn"]
    metre, bars = _length(order.seconds * bpm / 60.0, tempo_cost=cost, player=player, stream=stream)
    density: Wish = mood.density if mood else stream.choice((0, 1, 2, 3))
    if order.density:
        density = DENSITIES[order.density]
    register: Wish = mood.register if mood else stream.choice((0, 0, 2, 3))
    frame = Frame(
        instrument=order.instrument,
        metre=metre,
        bars=bars,
        pickup=0,
        mode=mode,
        density=density,
        register=register,
    )
    exact = bars * frame.steps_per_bar / STEPS_PER_QUARTER * 60.0 / order.seconds
    return PiecePlan(frame, player, exact, order.tonic or tonic, _phrases(bars, stream=stream))


def _tempo(order: Order, *, usual: tuple[int, int], stream: Stream) -> float:
    low, high = usual
    drawn = low + stream.below(high - low + 1)
    return order.bpm or float(drawn)


def _length(
    quarters: float, *, tempo_cost: float, player: Player, stream: Stream
) -> tuple[tuple[int, int], int]:
    """Metre and number of bars: near the wished tempo, in whole phrases where that is possible."""
    wished = stream.choice(tuple(player.metres), weights=tuple(player.metres.values()))
    best: tuple[float, tuple[int, int], int] = (math.inf, wished, _FEWEST_BARS)
    for metre in (wished, *(other for other in player.metres if other != wished)):
        bar = metre[0] * 4 / metre[1]
        middle = round(quarters / bar)
        for bars in range(max(_FEWEST_BARS, middle - 3), min(_LONGEST, max(_FEWEST_BARS, middle + 3)) + 1):
            bend = abs(math.log(bars * bar / quarters))
            cost = bend * tempo_cost + _ODD_BARS_COST[bars % 4] + (0.0 if metre == wished else 0.5)
            best = min(best, (round(cost, 9), metre, bars))
    return best[1], best[2]


def _phrases(bars: int, *, stream: Stream) -> tuple[Phrase, ...]:
    """Phrases of 8 bars in long pieces and 4 in short ones; what is left over lengthens the last."""
    size = 8 if bars >= _LONG_PHRASE_FROM and stream.below(2) else 4
    count = max(1, bars // size)
    letters = _letters(count, stream=stream)
    first: dict[str, int] = {}
    phrases = []
    for index, letter in enumerate(letters):
        start = index * size
        length = bars - start if index == count - 1 else size
        if letter in first:
            fresh = max(1 + stream.below(size // 2), _CADENCE_BARS if index == count - 1 else 1)
            phrases.append(Phrase(start, length, source=first[letter], replayed=size - fresh))
        else:
            first[letter] = start
            phrases.append(Phrase(start, length))
    return tuple(phrases)


def _letters(count: int, *, stream: Stream) -> str:
    """A form of ``count`` phrases, put together from known forms; later parts get letters of their own."""
    letters = ""
    while len(letters) < count:
        left = count - len(letters)
        size = max(known for known in FORMS if known <= left)
        form = stream.choice(FORMS[size])
        shift = 0 if not letters or stream.below(2) else 3
        letters += "".join(chr(ord(letter) + shift) for letter in form)
    return letters
