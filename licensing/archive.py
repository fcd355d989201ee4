"""One archive of all the files in a folder."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

ARCHIVE = "everything.zip"
"""What the archive of a delivery is called, among the files that are in it."""

DRAWING = "score-drawing.json"
"""The pages of the score and when each note sounds, for the page that follows the music."""

STORED = {".wav", ".flac", ".mp3", ".pdf", ".zip"}
"""Kept in the archive as they are: packing them again takes half a second and saves three per cent."""


CHUNK_BYTES = 256 * 1024


def pack(folder: Path, *, archive: Path, name: str, made: datetime) -> None:
    """Write ``archive`` with every file of ``folder`` in it, in a folder called ``name`` and dated ``made``.

    ``archive`` may lie in ``folder``, if it is not there yet. Equal files and arguments give equal bytes.
    """
    paths = sorted(folder.iterdir())
    with zipfile.ZipFile(archive, "w") as packed:
        for path in paths:
            entry = _entry(f"{name}/{path.name}", made=made)
            with path.open("rb") as source, packed.open(entry, "w") as target:
                shutil.copyfileobj(source, target)


def stream(files: Iterable[tuple[str, Path]], *, made: datetime) -> Iterator[bytes]:
    """Give a ZIP of ``files``, names and paths, piece by piece: it is never whole in memory or on disk."""
    written = _Written()
    with zipfile.ZipFile(written, "w") as packed:
        for name, path in files:
            entry = _entry(name, made=made)
            # Its size is not known to the header that is sent before it, so that header leaves room for a large one.
            with path.open("rb") as source, packed.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(CHUNK_BYTES):
                    target.write(chunk)
                    yield written.taken()
    yield written.taken()


def _entry(name: str, *, made: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=made.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_STORED if PurePosixPath(name).suffix in STORED else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


class _Written(io.RawIOBase):
    """Keeps what is written until it is taken; it cannot be sought, so that ``zipfile`` writes straight on."""

    def __init__(self) -> None:
        super().__init__()
        self._content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self._content += data
        return len(data)

    def taken(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content
