"""The one way from a request to an owner's file: who may have it, the short link, and how the bytes are sent.

A download has two steps. The address on our pages checks the visitor and leads to a signed link that works for a
minute, in the same session. The link checks everything again, so that it is dead as soon as the right is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.http import content_disposition_header

from generation.streaming import serve_file
from licensing import extras
from licensing.archive import ARCHIVE, stream
from licensing.copyright_id import normalise
from licensing.models import Certificate, DeliveredFile, Extra
from licensing.services import folder_of, refuse_unless_in_force

LINK_LIVES_SECONDS = 60

CONTENT_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".mid": "audio/midi",
    ".musicxml": "application/vnd.recordare.musicxml+xml",
    ".pdf": "application/pdf",
    ".json": "application/json",
    ".zip": "application/zip",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}

Visitor = AbstractBaseUser | AnonymousUser

_signer = signing.TimestampSigner(salt="licensing.download-link")


class LinkExpired(Exception):
    """The link was this session's, but it is older than a minute."""


@dataclass(frozen=True, slots=True)
class OwnersFile:
    """A file that a visitor may have: where it lies, what it hashes to, and what it is called when it is saved."""

    path: Path
    sha256: str
    save_as: str


def file_for_owner(*, user: Visitor, copyright_id: str, name: str) -> OwnersFile:
    """Return one of the owner's files, or of their extras (``extras/loop.zip``): the only way to what was bought.

    A 404 for everybody who is not the holder; refused to the holder as ``refuse_unless_in_force`` says.
    """
    known = normalise(copyright_id) or ""
    own = {"certificate": known, "certificate__holder": user.pk}
    row: DeliveredFile | Extra | None
    if name.startswith("extras/"):
        kind = name.removeprefix("extras/").removesuffix(".zip")
        made = Extra.objects.filter(state=Extra.State.READY)
        row = made.select_related("certificate__right").filter(kind=kind, **own).first()
        path = extras.path_of(known, kind)
    else:
        row = DeliveredFile.objects.select_related("certificate__right").filter(name=name, **own).first()
        path = folder_of(known) / name
    if row is None:
        raise Http404
    refuse_unless_in_force(row.certificate)
    return OwnersFile(path=path, sha256=row.sha256, save_as=f"{known}-{path.name}")


def all_files_of(user: Visitor) -> Iterator[OwnersFile]:
    """Go through every file and extra of what a visitor owns, as ``file_for_owner`` gives them one by one.

    The archive of a certificate is left out: what is in it is here. ``save_as`` is a path, with a folder a certificate.
    """
    for certificate in Certificate.objects.filter(holder=user.pk, state=Certificate.State.CURRENT):
        names = [file.name for file in certificate.files.exclude(name=ARCHIVE).order_by("name")]
        made = certificate.extras.filter(state=Extra.State.READY).order_by("kind")
        for name in (*names, *(f"extras/{extra.kind}.zip" for extra in made)):
            with suppress(PermissionDenied):
                file = file_for_owner(user=user, copyright_id=certificate.pk, name=name)
                yield replace(file, save_as=f"{certificate.pk}/{name}")


def send_archive(files: Sequence[OwnersFile], *, name: str) -> HttpResponseBase:
    """Send files as one ZIP, packed while it is sent, so that neither memory nor disk holds it."""
    packed = stream(((f"{name}/{file.save_as}", file.path) for file in files), made=timezone.now())
    answer = StreamingHttpResponse(packed, content_type="application/zip")
    return _as_attachment(answer, save_as=f"{name}.zip")


def link_token(request: HttpRequest, *, copyright_id: str, name: str) -> str:
    """Sign that this session may fetch this file now."""
    return _signer.sign(_bound_to(request, copyright_id=copyright_id, name=name)).partition(":")[2]


def check_token(request: HttpRequest, *, token: str, copyright_id: str, name: str) -> None:
    """Raise ``Http404`` unless a token was signed for this session and file, ``LinkExpired`` if it is too old."""
    bound = _bound_to(request, copyright_id=copyright_id, name=name)
    try:
        _signer.unsign(f"{bound}:{token}", max_age=LINK_LIVES_SECONDS)
    except signing.SignatureExpired as error:
        raise LinkExpired from error
    except signing.BadSignature as error:
        raise Http404 from error


def send(request: HttpRequest, *, file: OwnersFile) -> HttpResponseBase:
    """Send a file as an attachment that nobody keeps on the way: by nginx where it is set up, in pieces otherwise."""
    kind = CONTENT_TYPES.get(file.path.suffix, "application/octet-stream")
    answer: HttpResponseBase
    if settings.ACCEL_LOCATION and file.path.is_file():
        # Made of our own folder and names; nginx answers Range, and 404 if the file has gone.
        inside = file.path.relative_to(default_storage.path("")).as_posix()
        answer = HttpResponse(
            content_type=kind, headers={"X-Accel-Redirect": settings.ACCEL_LOCATION + quote(inside)}
        )
    else:
        answer = serve_file(request, path=file.path, content_type=kind, etag=file.sha256)
    return _as_attachment(answer, save_as=file.save_as)


def _as_attachment(answer: HttpResponseBase, *, save_as: str) -> HttpResponseBase:
    """Have a browser save an answer under a name, and nobody keep it on the way."""
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=save_as) or ""
    answer["Cache-Control"] = "no-store, private"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _bound_to(request: HttpRequest, *, copyright_id: str, name: str) -> str:
    """Return what a link is for: file, user and session, as a MAC, so that the session's key stays on the server."""
    session = request.session.session_key or ""
    facts = "\n".join([str(request.user.pk), session, normalise(copyright_id) or "", name])
    return salted_hmac("licensing.download-link", facts, algorithm="sha256").hexdigest()
