"""The library, the public register, and the owner's downloads."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from allauth.core.ratelimit import consume_or_429
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.services import makers_of
from generation.audio.errors import AudioError, NotAudio, TooShort
from licensing import downloads, extras, selectors, services, transfers
from licensing.archive import DRAWING
from licensing.chain import REPLACED
from licensing.copyright_id import normalise
from licensing.documents import signed_file
from licensing.errors import LicensingError, NoSuchExtra
from licensing.forms import TransferForm
from licensing.models import Certificate
from licensing.recognition import answer_for_public
from licensing.uploads import BYTES_AT_MOST, BorrowedFile, throw_rest_away

logger = logging.getLogger(__name__)

PIECES_PER_PAGE = 12
LONGEST_QUESTION = 80


@never_cache
@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """Show what the visitor composed, guests included, and what they own."""
    words = request.GET.get("q", "").strip()[:LONGEST_QUESTION]
    pieces = selectors.composed_for(makers_of(request), words=words)
    context = {
        "words": words,
        "pieces": Paginator(pieces, PIECES_PER_PAGE).get_page(request.GET.get("page")),
        "rights": selectors.rights_of(request.user, words=words),
        "replaced": selectors.replaced_certificates_of(request.user, words=words),
    }
    return render(request, "licensing/library.html", context)


@require_safe
@login_required
def library_archive(request: HttpRequest) -> HttpResponseBase:
    """Send everything the visitor owns in one archive, packed while it is sent."""
    files = list(downloads.all_files_of(request.user))
    if not files:
        messages.info(request, _("There is nothing to download yet: you own no piece whose files are ready."))
        return redirect("library")
    return downloads.send_archive(files, name=f"soloscore-{timezone.now():%Y-%m-%d}")


@csrf_exempt  # the receiver of an uploaded file is chosen before the form's token is read
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def certificate_lookup(request: HttpRequest) -> HttpResponse:
    """Ask for a Copyright ID and lead to its page, or for a recording and say what it is."""
    if request.method == "POST":
        return consume_or_429(request, action="recognise") or _receive(request)
    query = request.GET.get("id", "").strip()[:60]
    known = normalise(query) if query else None
    if known:
        return redirect("certificate", copyright_id=known)
    return _lookup_page(request, status=404 if query else 200, query=query, error=bool(query))


def _receive(request: HttpRequest) -> HttpResponse:
    receiver = BorrowedFile(request)
    request.upload_handlers = [receiver]
    try:
        return _answer_recording(request, receiver=receiver)
    finally:
        receiver.close()


@csrf_protect
def _answer_recording(request: HttpRequest, *, receiver: BorrowedFile) -> HttpResponse:
    upload = request.FILES.get("recording")
    if receiver.is_too_large:
        throw_rest_away(request)
        problem = _("This file is too large. Give a part of it, or an MP3 of it.")
        return _lookup_page(request, status=413, problem=problem)
    if not isinstance(upload, TemporaryUploadedFile):
        return _lookup_page(request, status=422, problem=_("Choose a file first."))
    path = Path(upload.temporary_file_path())
    try:
        answer = answer_for_public(path, makers=makers_of(request), user=request.user)
    except AudioError as error:
        status, problem = _refusal(error)
        return _lookup_page(request, status=status, problem=problem)
    return _lookup_page(request, answer=answer, file_name=upload.name)


def _refusal(error: AudioError) -> tuple[int, str]:
    """Say why a recording was not recognised, as a status and in words."""
    if isinstance(error, TooShort):
        return 422, _(
            "This recording is too short or too silent to be recognised. "
            "Give ten seconds of music, or all of a shorter piece."
        )
    if isinstance(error, NotAudio):
        return 422, _("This file cannot be read as audio: it is of another kind, empty or damaged.")
    logger.error("a recording could not be recognised: %s", error)
    return 503, _("Recordings cannot be recognised at the moment. Please try again later.")


def _lookup_page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    context["megabytes"] = BYTES_AT_MOST // 1_000_000
    return render(request, "licensing/certificate_lookup.html", context, status=status)


@never_cache
@require_safe
def certificate(request: HttpRequest, copyright_id: str) -> HttpResponse:
    """Show anybody what the register says of a Copyright ID."""
    known = normalise(copyright_id)
    if known and known != copyright_id:
        return redirect("certificate", copyright_id=known, permanent=True)
    record = services.certificate_for_public(copyright_id)
    own = record.certificate
    is_holder = own is not None and own.holder_id == request.user.pk
    offers = extras.offers_of(own) if own and is_holder and record.status not in REPLACED else []
    more_files = extras.files_of(own) if own else []
    sha256 = request.GET.get("sha256", "").strip().lower()[:80]
    context = {
        "certificate": own,
        "copyright_id": record.copyright_id,
        "status": record.status,
        "licensee_masked": record.licensee_masked,
        "document": record.document,
        "files": record.files,
        "more_files": more_files,
        "entries": own.entries.all() if own else [],
        "sha256": sha256,
        "known_as": _known_as(sha256, record=record, more_files=more_files),
        "is_holder": is_holder,
        "offers": offers,
        "waiting": any(offer.is_waiting for offer in offers),
    }
    return render(
        request, "licensing/certificate.html", context, status=404 if record.status == "unknown" else 200
    )


def _known_as(sha256: str, *, record: services.PublicRecord, more_files: list[dict[str, str]]) -> str:
    """Return under which name a file with this SHA-256 was delivered; empty if none was."""
    names = {file["sha256"]: file["name"] for file in more_files}
    names |= {file.sha256: file.name for file in record.files}
    return names.get(sha256, "")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: HttpRequest, copyright_id: str) -> HttpResponse:
    """Let the owner transfer the right to somebody else, once they have confirmed it."""
    own = services.own_certificate(user=request.user, copyright_id=copyright_id)
    form = TransferForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound and form.is_valid():
        wanted = form.cleaned_data
        try:
            new = transfers.transfer_right(
                user=request.user, copyright_id=own.pk, licensee=wanted["licensee"], email=wanted["email"]
            )
        except LicensingError as error:
            form.add_error(None, error.message)
            status = error.status
        else:
            messages.success(request, _transferred(request, new, named_an_account=bool(wanted["email"])))
            return redirect("certificate", copyright_id=new.pk)
    elif form.is_bound:
        status = 422
    context = {"certificate": own, "status": services.status_of(own), "form": form}
    return render(request, "licensing/transfer.html", context, status=status)


def _transferred(request: HttpRequest, new: Certificate, *, named_an_account: bool) -> str:
    if new.holder_id != request.user.pk:
        return _("The right was transferred, and its files are being made for the new owner's account.")
    if named_an_account:
        return _(
            "The right was transferred. There is no other account with that address, so the files stay with you."
        )
    return _("The right was transferred. The new files are being made; you keep them for the new owner.")


@never_cache
@require_safe
@login_required
def score(request: HttpRequest, copyright_id: str) -> HttpResponse:
    """Show the owner their engraved score, which follows the recording as it plays."""
    own = services.own_certificate(user=request.user, copyright_id=copyright_id)
    services.refuse_unless_in_force(own)
    if not own.files.filter(name=DRAWING).exists():
        raise Http404
    context = {
        "certificate": own,
        "composition": own.right.composition,
        "drawing": DRAWING,
        "sound": "master.mp3",
    }
    return render(request, "licensing/score.html", context)


@never_cache
@require_safe
@login_required
def certificate_json(request: HttpRequest, copyright_id: str) -> HttpResponse:
    """Give the holder, and staff, the signed document; it names the licensee, so nobody else gets it from us."""
    own = services.certificate_of_holder(user=request.user, copyright_id=copyright_id)
    if own.signed_at is None:
        raise Http404
    content = signed_file(document=own.document, signature=own.signature, key_id=own.key_id)
    answer = HttpResponse(content, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{own.pk}-certificate.json"'
    return answer


@require_safe
@login_required
def certificate_pdf(request: HttpRequest, copyright_id: str) -> HttpResponseBase:
    """Give the holder, and staff, the certificate to print, also once it is revoked."""
    own = services.certificate_of_holder(user=request.user, copyright_id=copyright_id)
    file = own.files.filter(name="certificate.pdf").first()
    if file is None:
        raise Http404
    path = services.folder_of(own.pk) / file.name
    return downloads.send(
        request, file=downloads.OwnersFile(path, sha256=file.sha256, save_as=f"{own.pk}-{file.name}")
    )


@never_cache
@require_safe
@login_required
def download(request: HttpRequest, copyright_id: str, name: str) -> HttpResponse:
    """Lead the owner to one of their files, or extras, by a link that works for a minute in this session."""
    downloads.file_for_owner(user=request.user, copyright_id=copyright_id, name=name)
    token = downloads.link_token(request, copyright_id=copyright_id, name=name)
    return redirect("download_link", copyright_id=copyright_id, token=token, name=name)


@require_safe
@login_required
def download_link(request: HttpRequest, copyright_id: str, token: str, name: str) -> HttpResponseBase:
    """Send the file a link is for. An old link leads its owner to a new one, so that a paused download goes on."""
    try:
        downloads.check_token(request, token=token, copyright_id=copyright_id, name=name)
    except downloads.LinkExpired:
        return redirect("download", copyright_id=copyright_id, name=name)
    file = downloads.file_for_owner(user=request.user, copyright_id=copyright_id, name=name)
    return downloads.send(request, file=file)


@require_POST
@login_required
def extra_request(request: HttpRequest, copyright_id: str) -> HttpResponse:
    """Have a cut or a loop made for the owner, and lead back to where its state is shown."""
    kind = request.POST.get("kind", "")[:20]
    try:
        extra = extras.request_extra(user=request.user, copyright_id=copyright_id, kind=kind)
    except NoSuchExtra as error:
        messages.error(request, error.message)
        return redirect("certificate", copyright_id=copyright_id)
    return redirect(reverse("certificate", args=[extra.certificate_id]) + "#extras")
