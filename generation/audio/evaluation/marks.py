"""How often the inaudible marks are found after what may happen to a recording, and how often where there is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from generation.audio.evaluation.manipulations import Manipulation, all_manipulations
from generation.audio.evaluation.studio import Piece
from generation.audio.hearing import read_sound
from generation.audio.marks import copy, house
from generation.audio.preview import Tagging, write_preview
from generation.audio.synthesis import RATE

Sound = npt.NDArray[np.float32]
Row = tuple[str, str, float]
"""One trial: which of the ``KINDS``, after what, and the score; 1 or 0 where the question is yes or no."""

WHOLE, EXCERPT, COPY, UNMARKED, FOREIGN = "whole", "excerpt", "copy", "unmarked", "foreign"
SALE, TOGETHER = "sale", "together"
KINDS = (WHOLE, EXCERPT, COPY, UNMARKED, FOREIGN, SALE, TOGETHER)

SECRET, FOREIGN_SECRET = b"of the measurement", b"of another shop"
EXCERPT_SECONDS = 30
COPY_SECONDS = 10
UNMARKED_SECONDS = 20
EXCERPTS = 2
SALES = 10_000
BUYERS = 6
OTHER_BUYERS = 994
PREVIEW = "tagged preview"
PREVIEW_AGAIN = "tagged preview, then MP3 64"
UNTOUCHED = "nothing"
SOLD_AS = "MP3 128"
_SOURCES = Path(__file__).resolve().parent.parent


def try_all(
    pieces: Sequence[Piece],
    *,
    folder: Path,
    cache_dir: Path,
    excerpts: int,
    progress: Callable[[str, int, int], None],
) -> list[Row]:
    """Try the marks on all ``pieces``; what was tried before with the same code is read from ``folder``.

    ``excerpts`` is the number of unmarked excerpts over all pieces, rounded up to as many for each.
    """
    rows: list[Row] = []
    for number, piece in enumerate(pieces):
        each = -(-excerpts // len(pieces))
        kept = folder / f"{piece.path.stem}-{_source_digest()}-{each}.json"
        if not kept.is_file():
            made = list(_try(piece, number=number, excerpts=each, cache_dir=cache_dir))
            part = kept.with_suffix(".part")
            part.write_text(json.dumps(made))
            part.replace(kept)
        rows += [tuple(row) for row in json.loads(kept.read_text())]
        progress(f"{piece.instrument} {piece.seed}", number + 1, len(pieces))
    return rows


def _source_digest() -> str:
    files = [*(_SOURCES / "marks").glob("*.py"), Path(__file__), _SOURCES / "evaluation" / "manipulations.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:12]


def _try(piece: Piece, *, number: int, excerpts: int, cache_dir: Path) -> Iterator[Row]:
    draw = np.random.default_rng(number)
    mark = partial(house.embed, secret=SECRET, work=piece.identity)
    manipulations = all_manipulations(cache_dir=cache_dir)
    master = piece.mastered(mark)
    trace = partial(copy.whose, master=master, secret=SECRET, work=piece.identity)
    sold = _sold(piece, master, sale=0)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for what, manipulate in {UNTOUCHED: _untouched, **manipulations}.items():
            heard = manipulate(sold, folder)
            yield from _house(what, heard, draw=draw)
            for _ in range(EXCERPTS):
                excerpt = _excerpt(heard, seconds=COPY_SECONDS, draw=draw)
                yield COPY, what, trace(excerpt, sales=[_sale(0)]).scores[0]
        yield from _previewed(piece, folder=folder, cache_dir=cache_dir, draw=draw)
        yield from _traced(piece, master, manipulations, folder=folder, draw=draw, turn=number)
        copies = [_sold(piece, master, sale=buyer) for buyer in range(BUYERS)]
        mixed = np.asarray(np.mean(copies, axis=0, dtype=np.float32))
        for what, heard in ((UNTOUCHED, mixed), (SOLD_AS, manipulations[SOLD_AS](mixed, folder))):
            named = trace(heard, sales=[_sale(buyer) for buyer in range(BUYERS + OTHER_BUYERS)]).named
            yield TOGETHER, what, float(sorted(named) == sorted(map(_sale, range(BUYERS))))
    unmarked = piece.mastered()
    for _ in range(excerpts):
        excerpt = _excerpt(unmarked, seconds=UNMARKED_SECONDS, draw=draw)
        yield UNMARKED, UNTOUCHED, house.hear(excerpt, secret=SECRET).score
    for seconds in (EXCERPT_SECONDS, COPY_SECONDS):
        excerpt = _excerpt(sold, seconds=seconds, draw=draw)
        yield FOREIGN, UNTOUCHED, house.hear(excerpt, secret=FOREIGN_SECRET).score


def _house(what: str, heard: Sound, *, draw: np.random.Generator) -> Iterator[Row]:
    yield WHOLE, what, house.hear(heard, secret=SECRET).score
    for _ in range(EXCERPTS):
        excerpt = _excerpt(heard, seconds=EXCERPT_SECONDS, draw=draw)
        yield EXCERPT, what, house.hear(excerpt, secret=SECRET).score


def _previewed(piece: Piece, *, folder: Path, cache_dir: Path, draw: np.random.Generator) -> Iterator[Row]:
    path = folder / "preview.mp3"
    tagging = Tagging(secret=SECRET, identity=piece.identity, cache_dir=cache_dir)
    music = piece.unmastered(partial(house.embed, secret=SECRET, work=piece.identity))
    write_preview(music=music, path=path, tagging=tagging)
    heard = read_sound(path, timeout=60)[0]
    yield from _house(PREVIEW, heard, draw=draw)
    again = all_manipulations(cache_dir=cache_dir)["MP3 64"](heard, folder)
    yield from _house(PREVIEW_AGAIN, again, draw=draw)


def _traced(
    piece: Piece,
    master: Sound,
    manipulations: dict[str, Manipulation],
    *,
    folder: Path,
    draw: np.random.Generator,
    turn: int,
) -> Iterator[Row]:
    """Ask for ``SALES`` sales, of which another one each time is right, after one manipulation after another."""
    names = list(manipulations)
    for attempt in range(3):
        what = names[(3 * turn + attempt) % len(names)]
        sale = int(draw.integers(SALES))
        excerpt = _excerpt(_sold(piece, master, sale=sale), seconds=COPY_SECONDS + 4, draw=draw)
        verdict = copy.whose(
            manipulations[what](excerpt, folder)[-COPY_SECONDS * RATE :],
            master=master,
            secret=SECRET,
            work=piece.identity,
            sales=[_sale(each) for each in range(SALES)],
        )
        yield SALE, what, float(verdict.named == (_sale(sale),))


def _sold(piece: Piece, master: Sound, *, sale: int) -> Sound:
    return copy.embed(master, secret=SECRET, work=piece.identity, sale=_sale(sale))


def _sale(number: int) -> bytes:
    return f"sale {number}".encode()


def _untouched(sound: Sound, folder: Path) -> Sound:
    return sound


def _excerpt(sound: Sound, *, seconds: int, draw: np.random.Generator) -> Sound:
    first = int(draw.integers(max(1, len(sound) - seconds * RATE)))
    return sound[first : first + seconds * RATE]


def scores(rows: Iterable[Row], *, kind: str, what: str | None = None) -> list[float]:
    """The scores of all trials of a kind, after one manipulation or after all."""
    return [score for each, after, score in rows if each == kind and what in (None, after)]


def wilson(found: int, tried: int) -> tuple[float, float]:
    """Confidence interval of a rate at 95 %, after Wilson (1927)."""
    if not tried:
        return 0.0, 1.0
    z, rate = 1.96, found / tried
    centre = rate + z * z / (2 * tried)
    spread = z * float(np.sqrt(rate * (1 - rate) / tried + z * z / (4 * tried * tried)))
    scale = 1 + z * z / tried
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
