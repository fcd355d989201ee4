"""Making and revoking share links, and the page they lead to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from generation import sharing
from generation.errors import GenerationError
from generation.models import ShareLink
from generation.streaming import serve_preview
from generation.views import own_piece

View = Callable[..., HttpResponseBase]


def unlisted(view: View) -> View:
    """Keep a page out of search engines, caches and the Referer of what it links to."""

    @wraps(view)
    def wrapped(request: HttpRequest, **options: str) -> HttpResponseBase:
        answer = view(request, **options)
        answer["X-Robots-Tag"] = "noindex, nofollow"
        answer["Referrer-Policy"] = "no-referrer"
        return answer

    return wrapped


@require_POST
def composition_share(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Make a link to a piece of one's own."""
    piece = own_piece(request, composition_id)
    days = request.POST.get("days", "")
    try:
        number = int(days) if days.isascii() and days.isdecimal() and len(days) < 4 else 0
        sharing.make_link(composition=piece, days=number)
    except GenerationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The link is made. Whoever has it can hear the preview."))
    return redirect(reverse("composition", args=[piece.pk]) + "#sharing")


@require_POST
def composition_unshare(request: HttpRequest, composition_id: uuid.UUID, link_id: uuid.UUID) -> HttpResponse:
    """Revoke a link to a piece of one's own."""
    piece = own_piece(request, composition_id)
    if sharing.revoke_link(composition=piece, link_id=link_id):
        messages.success(request, _("The link is revoked. It leads nowhere now."))
    else:
        messages.info(request, _("This link had stopped already."))
    return redirect(reverse("composition", args=[piece.pk]) + "#sharing")


@require_safe
@never_cache
@unlisted
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """Let whoever has the link hear the preview, or say kindly why there is nothing to hear any more."""
    link = _link(token)
    can_listen = sharing.leads_to_music(link)
    context = {"link": link, "piece": link.composition, "token": token, "can_listen": can_listen}
    return render(request, "generation/shared.html", context, status=200 if can_listen else 410)


@require_safe
@unlisted
def shared_preview(request: HttpRequest, token: str) -> HttpResponseBase:
    """Stream the preview of a shared piece."""
    link = _link(token)
    if not sharing.leads_to_music(link):
        raise Http404
    piece = link.composition
    return serve_preview(request, piece=piece)


def _link(token: str) -> ShareLink:
    link = sharing.link_of(token)
    if link is None:
        raise Http404
    return link
