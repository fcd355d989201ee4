"""Options that make a piece from an earlier one: the piece is read back from the folder that ``compose`` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser

from generation.composer import stored
from generation.composer.score import Score
from generation.errors import InvalidOrder
from generation.management.base import existing_folder

if TYPE_CHECKING:
    from generation.composer.plan import Source

WAYS = ("vary", "extend", "cut")
KEPT = ("tonic", "mode", "bpm")
"""Wishes that an earlier piece has settled."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An earlier piece, the way to go on from it, and the length of what comes of it."""

    score: Score
    way: str
    seconds: int
    from_bar: int


def add_options(parser: CommandParser) -> None:
    """Add the three ways, of which one may be chosen, and what they need."""
    ways = parser.add_mutually_exclusive_group()
    for way, text in (
        ("--vary", "the piece in DIR with new notes from a bar on"),
        ("--extend", "the piece in DIR gone on with to more --seconds"),
        ("--cut", "the piece in DIR in fewer --seconds, such as 15, 30 or 60, with an ending of its own"),
    ):
        ways.add_argument(way, type=existing_folder, metavar="DIR", help=text)
    parser.add_argument("--from-bar", type=int, metavar="N", help="first new bar of --vary, counted from 1")


def piece_of(options: dict[str, Any]) -> Piece | None:
    """Read the earlier piece that the options name, if they do. Raises ``InvalidOrder``."""
    way = next((way for way in WAYS if options[way]), None)
    if options["from_bar"] is not None and way != "vary":
        raise InvalidOrder({"from_bar": "only --vary starts at a bar."})
    if way is None:
        return None
    score = _read(options[way], way=way)
    problems = {
        name: f"a piece made from another keeps its {word}; leave the option out."
        for name, word in zip(KEPT, ("key", "mode", "tempo"), strict=True)
        if options[name]
    }
    if options["instrument"] not in (None, score.instrument):
        problems["instrument"] = (
            f"the piece in {options[way]} is for {score.instrument}, not for {options['instrument']}."
        )
    if way == "vary" and options["from_bar"] is None:
        problems["from_bar"] = "say from which bar on the notes should be new."
    seconds = round(score.seconds)
    problems |= _length_problem(options["seconds"], way=way, earlier=seconds)
    if problems:
        raise InvalidOrder(problems)
    wished = seconds if options["seconds"] is None else options["seconds"]
    return Piece(score, way, wished, options["from_bar"] or 0)


def source_of(piece: Piece) -> Source:
    """What the composer begins with. Raises ``InvalidOrderError`` for a bar that the piece has not."""
    from generation.composer.plan import cut, extension, variation

    if piece.way == "vary":
        return variation(piece.score, from_bar=piece.from_bar)
    return extension(piece.score) if piece.way == "extend" else cut(piece.score, seconds=piece.seconds)


def _read(folder: Path, *, way: str) -> Score:
    path = folder / stored.FILE_NAME
    try:
        return stored.from_json(path.read_bytes())
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); name the output folder of an earlier compose."
        raise InvalidOrder({way: message}) from error
    except stored.DamagedScoreError as error:
        raise InvalidOrder({way: f"{path} is damaged: {error}."}) from error


def _length_problem(wished: int | None, *, way: str, earlier: int) -> dict[str, str]:
    if way == "vary":
        fits = wished in (None, earlier)
        text = f"a variation lasts as long as its piece, {earlier} seconds; leave the option out."
    elif way == "extend":
        fits = wished is not None and wished > earlier
        text = f"name a length of more than the {earlier} seconds of the piece."
    else:
        fits = wished is not None and wished < earlier
        text = f"name a length of less than the {earlier} seconds of the piece."
    return {} if fits else {"seconds": text}
