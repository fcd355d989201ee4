"""Serving a private file in pieces, as audio players ask for it (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

from generation import storage
from generation.models import Composition

CHUNK_BYTES = 64 * 1024
_ONE_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def serve_file(request: HttpRequest, *, path: Path, content_type: str, etag: str) -> HttpResponseBase:
    """Answer with a file, or the part of it that ``Range`` asks for.

    200 whole, 206 a part, 304 unchanged, 416 a part beyond the end, 404 without the file. Several ranges at once are
    answered with the whole file, as the RFC permits. ``etag`` is the bare tag, a hash of the content.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise Http404 from error
    tag = quote_etag(etag)
    unchanged = get_conditional_response(request, etag=tag)
    if unchanged is not None:
        return _labelled(unchanged, etag=tag)
    part = _part_asked_for(request, size=size, etag=tag)
    if part is None:
        answer = _body(request, path=path, start=0, length=size)
    elif not part:
        answer = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    else:
        answer = _body(request, path=path, start=part.start, length=len(part))
        answer.status_code = 206
        answer["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    answer["Content-Type"] = content_type
    return _labelled(answer, etag=tag)


def serve_preview(request: HttpRequest, *, piece: Composition) -> HttpResponseBase:
    """Answer with the tagged preview of a finished piece. Whether this visitor may hear it, the caller knows."""
    path = storage.preview_path(piece)
    return serve_file(request, path=path, content_type="audio/mpeg", etag=piece.preview_sha256)


def _part_asked_for(request: HttpRequest, *, size: int, etag: str) -> range | None:
    """Return the bytes asked for; None for the whole file, an empty range for one that cannot be had."""
    match = _ONE_RANGE.match(request.headers.get("Range", ""))
    if match is None or request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return None
    # A number of more digits than any file has bytes is cut: it means "beyond the end" all the same.
    first, last = (int(digits[:18]) if digits else None for digits in match.groups())
    if first is None:
        return range(max(0, size - last), size) if last is not None else None
    if last is not None and last < first:
        return None
    return range(first, min(size, size if last is None else last + 1))


def _body(request: HttpRequest, *, path: Path, start: int, length: int) -> HttpResponseBase:
    answer: HttpResponseBase
    if request.method == "HEAD":
        answer = HttpResponse()
    else:
        answer = StreamingHttpResponse(_chunks(path, start=start, length=length))
    answer["Content-Length"] = str(length)
    return answer


def _chunks(path: Path, *, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while length > 0:
            chunk = file.read(min(CHUNK_BYTES, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk


def _labelled(answer: HttpResponseBase, *, etag: str) -> HttpResponseBase:
    answer["ETag"] = etag
    answer["Accept-Ranges"] = "bytes"
    answer["Cache-Control"] = "private, max-age=0, must-revalidate"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
