"""A file that a visitor lends us: streamed to disk, never more than so much of it, and gone after the request."""

from __future__ import annotations

from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest

BYTES_AT_MOST = 60_000_000
THROWN_AWAY_AT_MOST = 1_000_000_000
CHUNK_BYTES = 1 << 16


class BorrowedFile(TemporaryFileUploadHandler):
    """Writes what is uploaded to the disk and stops at 60 MB, all files of the request together.

    ``is_too_large`` says that it was so; then ``throw_rest_away`` is to be called before the answer.
    """

    is_too_large = False
    _bytes = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._bytes += len(raw_data)
        if self._bytes > BYTES_AT_MOST:
            self.is_too_large = True
            # Django would read the rest by lines, and keep in memory whatever has no end of line.
            raise StopUpload(connection_reset=True)
        super().receive_data_chunk(raw_data, start)

    def close(self) -> None:
        """Delete the file that was being written; Django deletes those that were complete."""
        if hasattr(self, "file"):
            self.file.close()


def throw_rest_away(request: HttpRequest) -> None:
    """Read a body to its end, or a gigabyte of it: whoever still sends gets a broken connection, no answer."""
    left = THROWN_AWAY_AT_MOST
    while left > 0 and (data := request.read(CHUNK_BYTES)):
        left -= len(data)
