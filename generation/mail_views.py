"""Asking for the e-mail that says that an order is ready."""

from __future__ import annotations

import uuid

from allauth.core.ratelimit import consume_or_429
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.languages import language_here
from accounts.models import User
from generation import ready_mails
from generation.errors import NotAllowed
from generation.forms import ReadyMailForm
from generation.models import Composition
from generation.views import own_piece


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def composition_mail(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Ask for the mail about one's own order, or take that back. A guest is asked for an address, on a page of its own:
    the waiting page changes by itself and would throw away what is being typed.
    """
    piece = own_piece(request, composition_id)
    if request.POST.get("stop"):
        ready_mails.take_back(piece=piece)
        messages.success(request, _("No mail is sent."))
        return redirect("composition", composition_id=piece.pk)
    user = request.user if isinstance(request.user, User) else None
    form = ReadyMailForm(request.POST or None)
    if user is None and not form.is_valid():
        if not piece.is_working:
            return redirect("composition", composition_id=piece.pk)
        status = 422 if request.method == "POST" else 200
        return render(
            request, "generation/ready_mail.html", {"composition": piece, "form": form}, status=status
        )
    if request.method != "POST":
        return redirect("composition", composition_id=piece.pk)
    return _ask(request, piece=piece, user=user, email="" if user else form.cleaned_data["email"])


def _ask(request: HttpRequest, *, piece: Composition, user: User | None, email: str) -> HttpResponse:
    refusal: HttpResponse | None = consume_or_429(
        request, action="ready_mail", key=(user.email if user else email).lower()
    )
    if refusal is not None:
        return refusal
    try:
        ready_mails.ask_for_mail(piece=piece, user=user, email=email, language=language_here())
    except NotAllowed as error:
        messages.info(request, error.message)
    else:
        messages.success(request, _("We write to you as soon as it is ready. You may close this page."))
    return redirect("composition", composition_id=piece.pk)
