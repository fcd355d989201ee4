"""The training corpus: a folder of MIDI files with a ``manifest.csv``, read once and kept in a cache.

The manifest has the columns path, instrument, title, composer, composer_death_year, license, source and
sha256. Every file is checked against its hash, and every licence against the permitted ones, before
anything is learned.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generation.composer.midi import UnreadableMidiError, read_raw_midi
from generation.composer.score import TONICS, Note, Score
from generation.composer.sections import sections_of

MANIFEST = "manifest.csv"
COLUMNS = ("path", "instrument", "title", "composer", "composer_death_year", "license", "source", "sha256")
FREE_LICENCES = frozenset({"Public Domain", "CC0-1.0", "CC0 1.0"})
READER_VERSION = 1
"""Part of the cache's name: raise it when the sections of a file change."""

HELD_OUT = 0.1
"""Share of the works kept for validation."""


class CorpusError(ValueError):
    """The corpus cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the manifest."""

    path: str
    instrument: str
    title: str
    composer: str
    license: str
    source: str
    sha256: str

    @property
    def work(self) -> str:
        """What files of one work share: the collection's folder for the work (an opus, a cycle, a quartet)."""
        parts = re.sub(r"\s*\([^()]*\)$", "", self.source).split("/")
        depth = 4 if "ftp" in self.source else -1
        return "/".join(parts[:depth]).casefold()

    @property
    def held_out(self) -> bool:
        """Whether the work belongs to the validation part; the same on every machine."""
        digest = hashlib.sha256(self.work.encode()).digest()
        return int.from_bytes(digest[:4], "big") < HELD_OUT * 2**32


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of the corpus, cut into sections of one metre and one key."""

    entry: Entry
    sections: tuple[Score, ...]


def read_manifest(
    corpus: Path, *, instruments: Collection[str], allow_licences: Collection[str] = ()
) -> list[Entry]:
    """Lines of the manifest for some instruments, in the order of their paths.

    Raises ``CorpusError`` if the manifest is missing or lacks a column, if no line is left, or if a licence is
    neither public domain nor CC0 nor named in ``allow_licences``.
    """
    manifest = corpus / MANIFEST
    if not manifest.is_file():
        columns = ", ".join(COLUMNS)
        raise CorpusError(
            f"{manifest} is missing: a corpus is a folder with a manifest.csv (columns {columns})."
        )
    with manifest.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise CorpusError(f"{manifest} lacks the column(s) {', '.join(missing)}.")
        names = [column for column in COLUMNS if column != "composer_death_year"]
        entries = [
            Entry(**{name: row[name] for name in names}) for row in reader if row["instrument"] in instruments
        ]
    if not entries:
        raise CorpusError(f"{manifest} lists no piece for {', '.join(sorted(instruments))}.")
    permitted = FREE_LICENCES | set(allow_licences)
    for entry in entries:
        if entry.license not in permitted:
            raise CorpusError(
                f"{entry.path} has the licence {entry.license!r}, which is neither public domain nor CC0; "
                f"remove it from {manifest} or permit it with --allow-licence {entry.license!r}."
            )
    return sorted(entries, key=lambda entry: entry.path)


def read_corpus(
    corpus: Path,
    *,
    entries: Sequence[Entry],
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Piece]:
    """Parse the files of some manifest lines, or take them from the ``cache`` folder.

    Raises ``CorpusError`` at the first missing, altered or corrupted file; nothing is written then.
    ``progress(done, total)`` is called after each file.
    """
    for entry in entries:
        _check_file(corpus, entry=entry)
    cached = cache / f"{_digest(entries)}.npz" if cache else None
    if cached and cached.is_file():
        return _load_cache(cached, entries=entries)
    pieces = []
    for done, entry in enumerate(entries, start=1):
        try:
            raw = read_raw_midi(corpus / entry.path)
        except UnreadableMidiError as error:
            raise CorpusError(f"The corpus cannot be used: {error}") from error
        pieces.append(Piece(entry, tuple(sections_of(raw, instrument=entry.instrument))))
        if progress:
            progress(done, len(entries))
    if cached:
        _save_cache(cached, pieces=pieces)
    return pieces


def _check_file(corpus: Path, *, entry: Entry) -> None:
    path = corpus / entry.path
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        message = f"{path} of the manifest cannot be read ({error.strerror}); restore it or remove its line."
        raise CorpusError(message) from error
    if found != entry.sha256:
        raise CorpusError(
            f"{path} is not the file of the manifest (sha256 {found[:12]}…, expected {entry.sha256[:12]}…); "
            "restore the file, or correct the manifest if the change is meant."
        )


def _digest(entries: Sequence[Entry]) -> str:
    text = repr((READER_VERSION, [asdict(entry) for entry in entries]))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_HEADER = ("piece", "notes", "beats", "unit", "bars", "pickup", "tonic", "minor")


def _save_cache(path: Path, *, pieces: Sequence[Piece]) -> None:
    sections = [(index, score) for index, piece in enumerate(pieces) for score in piece.sections]
    header = [
        (index, len(s.notes), *s.metre, s.bars, s.pickup, TONICS.index(s.tonic), s.mode == "minor")
        for index, s in sections
    ]
    notes = [(note.onset, note.pitch, note.duration) for _, score in sections for note in score.notes]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(
        partial,
        header=np.array(header, np.int32).reshape(-1, len(_HEADER)),
        notes=np.array(notes, np.int32).reshape(-1, 3),
    )
    partial.replace(path)


def _load_cache(path: Path, *, entries: Sequence[Entry]) -> list[Piece]:
    with np.load(path) as stored:
        header: NDArray[np.int32] = stored["header"]
        notes: NDArray[np.int32] = stored["notes"]
    sections: list[list[Score]] = [[] for _ in entries]
    first = 0
    for piece, count, beats, unit, bars, pickup, tonic, minor in header.tolist():
        rows = notes[first : first + count].tolist()
        first += count
        sections[piece].append(
            Score(
                instrument=entries[piece].instrument,
                notes=tuple(Note(*row) for row in rows),
                metre=(beats, unit),
                bars=bars,
                bpm=120.0,
                tonic=TONICS[tonic],
                mode="minor" if minor else "major",
                pickup=pickup,
            )
        )
    return [Piece(entry, tuple(scores)) for entry, scores in zip(entries, sections, strict=True)]
