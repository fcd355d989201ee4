"""Choosing while composing: which of the candidates goes on, by how real it sounds to the network itself.

Real music and the network's own differ in what the network's hidden states are on the mean, and in how much they change
from a note to the next and to the one after that. A logistic regression on these means gives the odds that some bars
are real; every ``SEGMENT_BARS`` bars the candidates are drawn anew by what their odds have gained, so that the better
ones are gone on with several times and the worse ones dropped. (Importance weights from a classifier: Azadi et al.,
arXiv 1810.06758; drawing anew along the way: sequential Monte Carlo steering, Lew et al., arXiv 2306.03081.) Not by
likelihood: the likeliest music is the dullest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.composer.kernel import INT16, INT64, address, library
from generation.composer.runtime import HIDDEN_BITS, Hidden
from generation.composer.sampling import Stream

SEGMENT_BARS = 4
SEGMENTS = 4
"""Segments that are judged together; a longer piece is judged in blocks of so many."""

MOMENTS = 3
"""Numbers heard of each hidden unit. Music that turns to and fro is where it was two notes ago; a scale is not."""

CRITIC_BITS = 12
"""Weights and biases are whole multiples of 2**-12, so that equal music has equal odds on every machine."""

Sums = NDArray[np.int64]
Odds = NDArray[np.float64]

_BEYOND = 8.0
"""Log-odds of a block beyond which a candidate is as good, or as hopeless, as any other."""

_MILLION = 1_000_000


class Ear:
    """Listens to the hidden states of some candidates, note by note."""

    def __init__(self, *, segments: int, candidates: int, units: int) -> None:
        self.heard = Heard(
            np.zeros((segments, candidates, MOMENTS * units), np.int64),
            np.zeros((segments, candidates), np.int64),
        )
        self._before = np.zeros((2, candidates, units), np.int16)

    def listen(
        self, summed: Hidden, *, candidates: NDArray[np.intp], segments: NDArray[np.intp] | int
    ) -> None:
        """Hear one note more of some candidates, in the segment that each of them is in."""
        rows, units = summed.shape
        within = np.full(rows, segments, np.int64)
        library().listen(
            address(summed, INT16), address(candidates, INT64), address(within, INT64),
            address(self._before, INT16), address(self.heard.sums, INT64), address(self.heard.counts, INT64),
            rows, self._before.shape[1], units,
        )  # fmt: skip

    def go_on_with(self, chosen: NDArray[np.intp]) -> None:
        """Put what was heard of the chosen candidates in the places of all."""
        for table in (self.heard.sums, self.heard.counts):
            table[:] = table[:, chosen]
        self._before[:] = self._before[:, chosen]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the network's hidden states were, segment by segment.

    ``sums`` (segments, …, MOMENTS * units) are sums over the notes of a segment, in units of 2**-8: of the hidden
    states, of the sizes of their changes since the note before, and since the one before that; ``counts`` (segments,
    …) how many notes those were.
    """

    sums: Sums
    counts: Sums

    def first(self, segments: int) -> Heard:
        """The beginning."""
        return Heard(self.sums[:segments], self.counts[:segments])

    def of(self, candidate: int) -> Heard:
        """One of several candidates."""
        return Heard(self.sums[:, candidate], self.counts[:, candidate])

    def mean(self) -> Odds:
        """Means (…, MOMENTS * units) over all segments."""
        found: Odds = self.sums.sum(axis=0) / np.maximum(1, self.counts.sum(axis=0))[..., None]
        return found * 2.0**-HIDDEN_BITS


@dataclass(frozen=True, slots=True)
class Critic:
    """A logistic regression for each number of segments: ``weights`` (SEGMENTS, MOMENTS * units), ``bias``."""

    weights: NDArray[np.int32]
    bias: NDArray[np.int32]

    @classmethod
    def deaf(cls, units: int) -> Critic:
        """A critic to whom all music is alike."""
        return cls(np.zeros((SEGMENTS, MOMENTS * units), np.int32), np.zeros(SEGMENTS, np.int32))

    def log_odds(self, heard: Heard) -> Odds:
        """How much likelier real than generated each candidate is, as a natural logarithm, summed over blocks."""
        total: Odds = np.zeros(heard.counts.shape[1:])
        for first in range(0, len(heard.counts), SEGMENTS):
            sums, counts = (part[first : first + SEGMENTS] for part in (heard.sums, heard.counts))
            length = len(counts) - 1
            products = sums.sum(axis=0) @ self.weights[length].astype(np.int64)
            means = products / np.maximum(1, counts.sum(axis=0)) * 2.0**-HIDDEN_BITS
            total += np.clip((means + self.bias[length]) * 2.0**-CRITIC_BITS, -_BEYOND, _BEYOND)
        return np.round(total, 4)


def drawn_anew(gained: Odds, *, stream: Stream) -> list[int]:
    """Which candidate each place goes on with, proportionally to the odds gained: systematic resampling.

    One random number places as many equally spaced marks as there are candidates on a line that they share
    (Kitagawa, J. Comput. Graph. Stat. 5:1, 1996). Who is drawn keeps its own place.
    """
    shares = [1 + int(_MILLION * math.exp(odds)) for odds in (gained - gained.max()).tolist()]
    count, total = len(shares), sum(shares)
    offset = stream.below(total)
    places = [-1] * count
    again: list[int] = []
    mark, passed = 0, 0
    for candidate, share in enumerate(shares):
        passed += share
        while mark < count and offset + mark * total < passed * count:
            if places[candidate] < 0:
                places[candidate] = candidate
            else:
                again.append(candidate)
            mark += 1
    return [candidate if candidate >= 0 else again.pop() for candidate in places]


def distance(one: Heard, other: Heard) -> float:
    """How unlike two pieces are: the squared distance of their mean hidden states."""
    found = float(((one.mean() - other.mean()) ** 2).sum())
    return round(found, 6)
