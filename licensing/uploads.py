"""A file that a visitor lends us: streamed to disk, never more than so much of it, and gone after the request."""

from __future__ import annotations

from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler

BYTES_AT_MOST = 60_000_000


class BorrowedFile(TemporaryFileUploadHandler):
    """Writes what is uploaded to the disk and stops at 60 MB, all files of the request together.

    The rest of a larger upload is read and thrown away, so that the visitor gets an answer instead of a broken
    connection; ``is_too_large`` says that it was so.
    """

    is_too_large = False
    _bytes = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._bytes += len(raw_data)
        if self._bytes > BYTES_AT_MOST:
            self.is_too_large = True
            raise StopUpload(connection_reset=False)
        super().receive_data_chunk(raw_data, start)

    def close(self) -> None:
        """Delete the file that was being written; Django deletes those that were complete."""
        if hasattr(self, "file"):
            self.file.close()
