"""What the commands share that learn from a model's own candidates: their options, works and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from generation.management.base import add_corpus, existing_folder

if TYPE_CHECKING:
    from generation.composer.corpus import Piece
    from generation.composer.critic import Critic
    from generation.composer.decode import Candidate
    from generation.composer.model import ComposerModel


def add_lessons(parser: CommandParser, *, orders: int, rounds: int) -> None:
    """Add the options that name model and corpus, and how much is drawn."""
    parser.add_argument("--instrument", required=True)
    add_corpus(parser)
    parser.add_argument(
        "--models", required=True, type=existing_folder, metavar="DIR", help="folder of models"
    )
    parser.add_argument("--folder", metavar="NAME", help="part of the corpus (default: the instrument's)")
    parser.add_argument(
        "--orders",
        type=int,
        default=orders,
        help=f"orders of which candidates are drawn in each round (default {orders})",
    )
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the parsed corpus here")


def check_lessons(options: dict[str, Any]) -> None:
    """Refuse numbers of which nothing can be learned, with a ``CommandError``."""
    for name in ("orders", "rounds"):
        if options[name] < 1:
            raise CommandError(f"--{name} is {options[name]}; choose 1 or more.")


def training_works(options: dict[str, Any]) -> list[Piece]:
    """Read the works the model may learn from. Raises ``CorpusError``."""
    from generation.composer.corpus import read_corpus, read_manifest

    entries = read_manifest(options["corpus"], instruments=[options["folder"] or options["instrument"]])
    pieces = read_corpus(options["corpus"], entries=entries, cache=options["cache"])
    return [piece for piece in pieces if not piece.entry.held_out]


def seeds_of_rounds(options: dict[str, Any], *, first: int) -> Iterator[range]:
    """Yield the seeds of each round, all different."""
    for number in range(options["rounds"]):
        start = first + number * options["orders"]
        yield range(start, start + options["orders"])


def candidates_of(
    model: ComposerModel, *, seeds: range, critic: Critic | None, name: str, count: int | None = None
) -> Iterator[list[Candidate]]:
    """Yield the candidates of each order without wishes, as the critic lets them through, or as they are drawn.

    ``name`` makes the critic's random numbers the command's own; ``count`` candidates are drawn, or as many as always.
    """
    from generation.composer.compose import CANDIDATES, Order, all_candidates
    from generation.composer.decode import Selection
    from generation.composer.sampling import Stream

    for seed in seeds:
        order = Order(instrument=model.instrument, seconds=60, seed=seed)
        choice = Selection(critic, Stream(name, seed)) if critic is not None else None
        yield all_candidates(order, model=model, selection=choice, count=count or CANDIDATES)
