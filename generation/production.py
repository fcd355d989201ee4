"""Everything that is made of a composed score before it is sold. The worker and ``manage.py compose`` both call it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings

from generation import storage
from generation.audio.marks import house
from generation.audio.provenance import Signer
from generation.audio.render import Rendering, render
from generation.composer.score import Score
from generation.composer.write import write_midi, write_musicxml


def write_score_files(score: Score, *, folder: Path) -> float:
    """Write what is printed, played and kept of a score; return the seconds it took."""
    began = time.perf_counter()
    write_midi(score, folder / storage.SCORE_MIDI)
    write_musicxml(score, folder / storage.SCORE_XML)
    storage.write_score(score, folder / storage.SCORE_JSON)
    return round(time.perf_counter() - began, 3)


def produce(
    score: Score,
    *,
    folder: Path,
    seed: int,
    work: bytes,
    signer: Signer | None = None,
    on_opening: Callable[[], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Rendering:
    """Write score files, performance, master and preview of ``score`` into ``folder``, with the shop's secrets.

    ``work`` names the piece to the house mark. The score files are written while the synthesizer works, and their time
    is among the rendering's. For the rest and for the errors see ``render``.
    """
    written: dict[str, float] = {}
    rendering = render(
        score,
        directory=folder,
        seed=seed,
        preview_secret=settings.PREVIEW_SECRET.encode(),
        cache_dir=Path(settings.SOUND_CACHE_DIR),
        mark=partial(house.embed, secret=settings.MARK_SECRET.encode(), work=work),
        signer=signer,
        on_opening=on_opening,
        meanwhile=lambda: written.update(score_files=write_score_files(score, folder=folder)),
        progress=progress,
    )
    rendering.timings.update(written)
    return rendering
