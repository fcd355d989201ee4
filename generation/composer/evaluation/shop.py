"""Pieces as the shop makes them: one too near to a piece on record is composed again, with another seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from generation.composer.compose import SEEDS_TO_TRY, Order
from generation.composer.evaluation.pieces import Made, Progress, Studio
from generation.originality.index import MemoryIndex
from generation.originality.report import check
from generation.originality.runs import lines_on_record

SEEDS_APART = 10_000_000
"""Between the seeds that are tried for one order: more than an evaluation has orders."""


@dataclass(frozen=True, slots=True)
class Sample:
    """``made`` would be on offer, ``drawn`` came of the orders' own seeds; ``refused`` orders gave nothing original."""

    made: tuple[Made, ...]
    drawn: tuple[Made, ...]
    refused: tuple[Order, ...]

    @property
    def drawn_again(self) -> int:
        """Pieces that are not of their order's own seed."""
        return len(set(self.made) - set(self.drawn))


def as_sold(
    studio: Studio, order_of: Callable[[int], Order], *, pieces: int, progress: Progress | None = None
) -> Sample:
    """Compose orders one after the other for an empty register, in which every piece is put on record.

    In the place of an order that is refused comes the next one, until there are ``pieces`` or twice as many orders
    were tried.
    """
    studio.compose_all([order_of(number) for number in range(pieces)], progress=progress)
    record = MemoryIndex()
    made: list[Made] = []
    refused: list[Order] = []
    tried = [order_of(number) for number in range(2 * pieces)]
    while len(made) < pieces and len(made) + len(refused) < len(tried):
        order = tried[len(made) + len(refused)]
        found = _original(studio, order, record=record)
        if found is None:
            refused.append(order)
        else:
            record.add(f"piece {len(made)}", lines_on_record(found.score.notes))
            made.append(found)
    drawn = studio.compose_all(tried[: len(made) + len(refused)]).made
    return Sample(tuple(made), drawn, tuple(refused))


def _original(studio: Studio, order: Order, *, record: MemoryIndex) -> Made | None:
    for number in range(SEEDS_TO_TRY):
        asked = replace(order, seed=order.seed + number * SEEDS_APART)
        for piece in studio.compose_all([asked]).made:
            if check(piece.score.notes, works=record).may_be_offered:
                return piece
    return None
