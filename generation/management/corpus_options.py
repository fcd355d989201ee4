"""Reading a corpus for the commands that compare with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generation.composer.corpus import Piece
    from generation.composer.score import Score

ENSEMBLES_FIRST = (
    "piano", "harpsichord", "organ", "guitar", "string_quartet", "choir", "voice_piano", "violin", "viola", "cello",
    "flute", "melody",
)  # fmt: skip
"""Folders of the corpus; those that are single voices of others come last, so that the whole piece is named."""


def read_folders(
    corpus: Path,
    *,
    folders: Sequence[str],
    cache: Path | None,
    say: Callable[[str], None],
) -> list[Piece]:
    """Pieces of some folders of a corpus, folder by folder. Raises ``CorpusError``."""
    from generation.composer.corpus import read_corpus, read_manifest

    pieces: list[Piece] = []
    for folder in folders:
        entries = read_manifest(corpus, instruments=[folder])
        pieces += read_corpus(corpus, entries=entries, cache=cache)
        say(f"read {folder}: {len(entries)} pieces")
    return pieces


def without_single_voices(pieces: Sequence[Piece]) -> list[Piece]:
    """Leave out files that are one voice of a piece which is there with all its parts."""
    whole = {_score_of(piece) for piece in pieces if _has_parts(piece)}
    return [piece for piece in pieces if _has_parts(piece) or _score_of(piece) not in whole]


def _has_parts(piece: Piece) -> bool:
    return any(note.part for score in piece.sections for note in score.notes)


def _score_of(piece: Piece) -> str:
    """The file that a piece was made from; what stands behind it in brackets is the voice."""
    return re.sub(r"\s*\([^()]*\)$", "", piece.entry.source)


def sections_by_name(pieces: Sequence[Piece]) -> dict[str, list[Score]]:
    """Sections by composer and title; files of one name are one piece."""
    named: dict[str, list[Score]] = {}
    for piece in pieces:
        named.setdefault(f"{piece.entry.composer}: {piece.entry.title}", []).extend(piece.sections)
    return named


def family_name(composer: str) -> str:
    """Last word of a composer's name: the sources spell the rest in many ways."""
    plain = re.sub(r"\(.*?\)|\d", " ", composer.casefold())
    words = [word for word in re.split(r"[^\w]+", plain) if len(word) > 1]
    return words[-1] if words else composer.casefold()
