"""Pieces to be measured: composed once, in one process or several, and kept for the next measurement."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from generation.composer.compose import NotOriginalError, Order, compose
from generation.composer.model import PRETRAINED, ComposerModel, load_model
from generation.composer.score import Note, Score

_COMPOSER = Path(__file__).resolve().parent.parent
_SOURCES = (_COMPOSER, _COMPOSER.parent / "originality")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A composed piece. ``seconds`` is its notated length, ``longest_run_corpus`` counts notes."""

    order: Order
    score: Score
    seconds: float
    longest_run_corpus: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of some orders: the pieces in the order asked for, and the orders no original piece was found for."""

    made: tuple[Made, ...]
    refused: tuple[Order, ...]


class Studio:
    """Composes with one model; with a ``cache`` folder, nothing is composed twice.

    Kept pieces belong to a model version and to the source of the composer: a change of either composes anew.
    """

    def __init__(
        self, model: ComposerModel, *, models: Path = PRETRAINED, cache: Path | None = None, jobs: int = 1
    ) -> None:
        self.model = model
        self._models = models
        self._jobs = jobs
        self._store = cache / f"pieces-{model.version}-{source_digest()}.jsonl" if cache else None
        self._kept = dict(_read(self._store)) if self._store and self._store.is_file() else {}

    def compose_all(self, orders: Sequence[Order], *, progress: Progress | None = None) -> Batch:
        """Compose the orders that are not kept yet; ``progress(done, total)`` is called after each of those."""
        missing = list({_key(order): order for order in orders if _key(order) not in self._kept}.values())
        for done, (order, made) in enumerate(self._composed(missing), start=1):
            self._keep(order, made)
            if progress:
                progress(done, len(missing))
        found = [(order, self._kept[_key(order)]) for order in orders]
        return Batch(
            made=tuple(piece for _, piece in found if piece),
            refused=tuple(order for order, piece in found if piece is None),
        )

    def _composed(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Made | None]]:
        if self._jobs == 1 or len(orders) < 2:
            for order in orders:
                yield order, make(order, model=self.model)
            return
        with ProcessPoolExecutor(
            max_workers=self._jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_open,
            initargs=(self.model.instrument, self._models),
        ) as pool:
            yield from zip(orders, pool.map(_make, orders), strict=True)

    def _keep(self, order: Order, made: Made | None) -> None:
        self._kept[_key(order)] = made
        if self._store:
            self._store.parent.mkdir(parents=True, exist_ok=True)
            with self._store.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"order": order.parameters(), "made": _plain(made)}) + "\n")


def make(order: Order, *, model: ComposerModel) -> Made | None:
    """Compose one order; None if every candidate came too near to a known piece."""
    try:
        composed = compose(order, model=model)
    except NotOriginalError:
        return None
    run = int(composed.originality["longest_run_corpus"] or 0)
    return Made(order, composed.score, composed.seconds, run)


def source_digest() -> str:
    """A digest of the program text that decides what is composed."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in _SOURCES for path in folder.glob("*.[cp]*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


_opened: dict[str, ComposerModel] = {}


def _open(instrument: str, models: Path) -> None:
    _opened["model"] = load_model(instrument, models)


def _make(order: Order) -> Made | None:
    return make(order, model=_opened["model"])


def _key(order: Order) -> str:
    return json.dumps(order.parameters(), sort_keys=True)


def _plain(made: Made | None) -> dict[str, Any] | None:
    if made is None:
        return None
    score = asdict(made.score)
    score["notes"] = [(note.onset, note.pitch, note.duration, note.part) for note in made.score.notes]
    return {"score": score, "seconds": made.seconds, "longest_run_corpus": made.longest_run_corpus}


def _read(store: Path) -> Iterator[tuple[str, Made | None]]:
    """Pieces of earlier measurements; a line that was cut off when its writer was stopped is passed over."""
    for line in store.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        order = Order(**row["order"])
        if row["made"] is None:
            yield _key(order), None
            continue
        fields = row["made"].pop("score")
        fields["notes"] = tuple(Note(*note) for note in fields["notes"])
        fields["metre"] = tuple(fields["metre"])
        yield _key(order), Made(order, Score(**fields), **row["made"])
