"""How much a model recites: pieces drawn without the originality mask, compared with the scores it learned from.

A network that is trained too long copies before its held-out loss says so; the yardstick is how often real pieces
share a run with other people's (Yin et al., SN Computer Science 3:340, 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from generation.composer.decode import decode_batch
from generation.composer.measures import EXCERPT_BARS, excerpts
from generation.composer.order import Order
from generation.composer.plan import plan
from generation.composer.runtime import Core, quantised
from generation.composer.sampling import Stream
from generation.composer.score import Score
from generation.composer.styles import Styles
from generation.originality.report import CORPUS_LIMIT
from generation.originality.runs import Hashes, longest_run, shingles

PIECES = 24
SECONDS = 40.0
TOLERANCE = 0.1
"""By how much the share of reciting pieces may exceed that of real pieces."""


@dataclass(frozen=True, slots=True)
class Recital:
    """Judges the weights of one instrument against the training shingles ``known``; ``human`` is the yardstick."""

    instrument: str
    styles: Styles
    known: Hashes
    human: float

    @classmethod
    def of(cls, instrument: str, *, styles: Styles, known: Hashes, held_out: Sequence[Score]) -> Recital:
        """A judge whose yardstick are excerpts of the held-out scores."""
        real = [part for score in held_out for part in excerpts(score, bars=EXCERPT_BARS)]
        return cls(instrument, styles, known, _share(real, known=known))

    def share(self, weights: Mapping[str, NDArray[Any]]) -> float:
        """Share (0 … 1) of pieces drawn freely from these weights that share a forbidden run with the corpus."""
        core = Core(quantised(weights))
        made = []
        for seed in range(PIECES // 8):
            order = Order(instrument=self.instrument, seconds=SECONDS, seed=seed)
            drawn = plan(order, styles=self.styles, stream=Stream("recital", seed))
            streams = [Stream("recital", seed, number) for number in range(8)]
            batch = decode_batch(drawn, core=core, streams=streams, temperature=1.0)
            made += [one.score for one in batch]
        return _share(made, known=self.known)

    def is_reciting(self, share: float) -> bool:
        """Whether a share is beyond what real music does."""
        return share > self.human + TOLERANCE


def _share(scores: Sequence[Score], *, known: Hashes) -> float:
    near = [longest_run(shingles(score.notes), known=known) >= CORPUS_LIMIT for score in scores]
    return sum(near) / max(1, len(near))
