"""The training corpus: a folder of MIDI or MusicXML files with a ``manifest.csv``, read once and kept in a cache.

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
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generation.composer.events import decode, encode, key_shift
from generation.composer.midi import RawMidi, UnreadableMidiError, read_raw_midi
from generation.composer.musicxml import LARGEST_BYTES, MOST_NOTES, read_raw_musicxml
from generation.composer.score import Score
from generation.composer.sections import SMALLEST_SECTION, sections_of

MANIFEST = "manifest.csv"
COLUMNS = ("path", "instrument", "title", "composer", "composer_death_year", "license", "source", "sha256")
FREE_LICENCES = frozenset({"Public Domain", "CC0-1.0", "CC0 1.0"})
MIDI_ENDINGS = frozenset({".mid", ".midi"})
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
        """What all files of one work share, in whatever folder: the collection's folder of an opus or cycle."""
        parts = re.sub(r"\s*\([^()]*\)$", "", self.source).split("/")
        if "ftp" in self.source:
            depth = 4
        elif "Hauptstimme" in self.source or ("OpenScore/Lieder" in self.source and parts[-3] != "_"):
            depth = -2
        else:
            depth = -1
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
    skipped: Callable[[Entry, str], None] | None = None,
) -> list[Piece]:
    """Parse the files of some manifest lines, each once: ``cache`` keeps what was parsed under the file's hash.

    A file that is missing, altered, damaged, too large or without enough notes is left out, and
    ``skipped(entry, reason)`` is told. ``progress(done, total)`` is called after each file. Raises
    ``CorpusError`` if nothing is left.
    """
    pieces = []
    for done, entry in enumerate(entries, start=1):
        try:
            sections = tuple(_sections(corpus, entry=entry, cache=cache))
        except UnreadableMidiError as error:
            if skipped:
                skipped(entry, str(error))
        else:
            pieces.append(Piece(entry, sections))
        if progress:
            progress(done, len(entries))
    if not pieces:
        raise CorpusError(
            f"None of the {len(entries)} files of {corpus} can be used; see the reason of each above."
        )
    return pieces


def _sections(corpus: Path, *, entry: Entry, cache: Path | None) -> list[Score]:
    """The sections of one file, each checked to come back from its events unchanged."""
    sections = sections_of(_raw(corpus, entry=entry, cache=cache), instrument=entry.instrument)
    if not sections:
        raise UnreadableMidiError(
            f"{corpus / entry.path} has no section of {SMALLEST_SECTION} notes in one metre and key."
        )
    for score in sections:
        shift = key_shift(tonic=score.tonic, mode=score.mode)
        if decode(encode(score.notes, shift=shift), shift=shift) != score.notes:
            raise UnreadableMidiError(f"{corpus / entry.path} does not come back from its events unchanged.")
    return sections


def _raw(corpus: Path, *, entry: Entry, cache: Path | None) -> RawMidi:
    kept = cache / f"{entry.sha256}.npz" if cache else None
    path = corpus / entry.path
    _check_file(path, expected=entry.sha256)
    if kept and kept.is_file():
        with np.load(kept) as stored:
            return RawMidi(
                int(stored["ticks"]),
                *(
                    [tuple(row) for row in stored[name].tolist()]
                    for name in ("notes", "metres", "keys", "tempos")
                ),
            )
    raw = read_raw_midi(path) if path.suffix.lower() in MIDI_ENDINGS else read_raw_musicxml(path)
    if len(raw.notes) > MOST_NOTES:
        raise UnreadableMidiError(
            f"{path} has {len(raw.notes)} notes, more than the {MOST_NOTES} of one piece."
        )
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_name(f".{kept.stem}.{os.getpid()}.npz")
        np.savez_compressed(
            partial, ticks=np.array(raw.ticks_per_quarter), notes=np.array(raw.notes, np.int32).reshape(-1, 4),
            metres=np.array(raw.metres, np.int32).reshape(-1, 3), keys=np.array(raw.keys, np.int32).reshape(-1, 3),
            tempos=np.array(raw.tempos, np.float64).reshape(-1, 2),
        )  # fmt: skip
        partial.replace(kept)
    return raw


def _check_file(path: Path, *, expected: str) -> None:
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise UnreadableMidiError(f"{path} has {size} bytes, more than the {LARGEST_BYTES} of one piece.")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UnreadableMidiError(f"{path} cannot be read ({error.strerror}).") from error
    if found != expected:
        raise UnreadableMidiError(
            f"{path} is not the file of the manifest (sha256 {found[:12]}…, expected {expected[:12]}…); restore it, "
            "or correct the manifest if the change is meant."
        )
