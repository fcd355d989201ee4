"""Pages of ordering, waiting, listening and browsing."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Maker
from accounts.services import maker_for, makers_of
from generation import links, ready_mails, selectors, services, sharing, storage
from generation.errors import GenerationError, InvalidOrder, InvalidRating
from generation.forms import ComposeForm, RatingForm
from generation.listeners import note_heard
from generation.models import Composition
from generation.pricing import price_label
from generation.similar import query_of_more_like, similar_to
from generation.streaming import serve_file, serve_preview
from generation.versions import offer_of

VARIANTS = 2
"""Pieces a visitor gets for one order: comparing is easier than judging."""


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def compose(request: HttpRequest) -> HttpResponse:
    """Take an order; what cannot be composed is said at the field, what cannot be taken now above the form."""
    if request.method != "POST":
        return _compose_page(request, form=ComposeForm(initial=request.GET.dict()))
    form = ComposeForm(request.POST)
    if not form.is_valid():
        return _compose_page(request, form=form, status=422)
    try:
        composition = services.request_composition(
            maker=maker_for(request), order=form.order(), variants=VARIANTS
        )
    except InvalidOrder as error:
        for field, problem in error.problems.items():
            form.add_error(field if field in form.fields else None, problem)
        return _compose_page(request, form=form, status=422)
    except GenerationError as error:
        form.add_error(None, error.message)
        return _compose_page(request, form=form, status=error.status)
    return redirect("composition", composition_id=composition.pk)


@require_safe
@never_cache
def composition(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Show one piece: its progress, its failure, or the piece to listen to."""
    makers = makers_of(request)
    piece = _piece(request, composition_id)
    can_listen = selectors.can_listen(piece, makers=makers, user=request.user)
    rating = selectors.rating_of(piece, makers=makers) if can_listen else None
    context: dict[str, Any] = {
        "composition": piece,
        "status": status_of(piece, can_listen=can_listen),
        "can_listen": can_listen,
        "is_mine": piece.maker_id in makers,
        "family": selectors.family_of(piece, makers=makers),
        "can_buy": selectors.can_buy(piece, makers=makers),
        "meanwhile": selectors.heard_meanwhile(piece) if piece.is_working else (),
        "mail_is_asked": piece.is_working and ready_mails.is_asked(piece),
        "can_rename": piece.maker_id in makers and selectors.can_buy(piece, makers=makers),
        "rating": rating,
        "rating_form": RatingForm(initial={"stars": rating.stars} if rating else None),
        "price": price_label(piece.price_minor, piece.currency),
        "peaks_json_id": "composition-peaks",
        "roll_json_id": "composition-roll",
    }
    if piece.state == Composition.State.READY:
        context |= _around(piece, makers=makers)
    return render(request, "generation/composition.html", context)


@require_safe
def composition_status(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponseBase:
    """Say how far a piece is, as JSON; an unchanged answer is a 304."""
    piece = _piece(request, composition_id)
    can_listen = selectors.can_listen(piece, makers=makers_of(request), user=request.user)
    return not_modified_or(request, JsonResponse(status_of(piece, can_listen=can_listen)))


@require_POST
def composition_cancel(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Stop composing a piece of one's own."""
    piece = own_piece(request, composition_id)
    if not services.cancel_composition(composition=piece):
        messages.info(request, _("It is too late to cancel: this piece is no longer in work."))
    return redirect("composition", composition_id=piece.pk)


@require_POST
def composition_visibility(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Keep a piece of one's own out of the shop, or let it join."""
    piece = own_piece(request, composition_id)
    private = bool(request.POST.get("private"))
    if not services.keep_private(composition=piece, private=private):
        messages.info(request, _("This piece has left the shop already."))
    elif private:
        messages.success(request, _("This piece stays out of the shop."))
    else:
        messages.success(request, _("This piece will be in the shop."))
    return redirect("composition", composition_id=piece.pk)


@require_POST
def composition_title(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Give a piece of one's own another name."""
    piece = own_piece(request, composition_id)
    try:
        services.rename_composition(composition=piece, title=request.POST.get("title", ""))
    except GenerationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The piece has its new name."))
    return redirect("composition", composition_id=piece.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def composition_delete(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Ask whether a piece of one's own is to be deleted, and do it."""
    piece = own_piece(request, composition_id)
    if request.method != "POST":
        is_in_shop = piece.is_listed(now=timezone.now())
        return render(request, "generation/delete.html", {"composition": piece, "is_in_shop": is_in_shop})
    try:
        is_gone = services.delete_composition(composition=piece)
    except GenerationError as error:
        messages.error(request, error.message)
        return redirect("composition", composition_id=piece.pk)
    if is_gone:
        messages.success(request, _("The piece is deleted. Nobody will ever be sold it."))
    else:
        messages.success(request, _("The piece is out of your library."))
    return redirect("library")


@require_POST
def composition_rating(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Take what a listener thinks of a piece they may hear."""
    makers = makers_of(request)
    piece = _piece(request, composition_id)
    if not selectors.can_listen(piece, makers=makers, user=request.user):
        raise Http404
    form = RatingForm(request.POST)
    try:
        if not form.is_valid():
            raise InvalidRating
        services.rate_composition(
            composition=piece, maker=_rating_maker(request, piece), stars=form.cleaned_data["stars"]
        )
    except GenerationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Thank you. Your rating is kept; rate again to change it."))
    return redirect("composition", composition_id=piece.pk)


@require_safe
def composition_preview(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponseBase:
    """Stream the watermarked preview to whoever may hear it: by session, or by a partner's signed link."""
    token = request.GET.get("token", "")
    if token:
        piece = _piece_of_link(composition_id, token=token)
    else:
        piece = _piece(request, composition_id)
        if not selectors.can_listen(piece, makers=makers_of(request), user=request.user):
            raise Http404
    note_heard(piece)
    return serve_preview(request, piece=piece)


@require_safe
def composition_opening(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponseBase:
    """Stream the opening of a piece in work to whoever may see it; there is none before the worker has come so far."""
    piece = _piece(request, composition_id)
    path = storage.opening_path(piece)
    if path is None:
        raise Http404
    # A claim renders one opening, so it stands for the content; it is nobody else's business.
    etag = hashlib.sha256(f"opening {piece.claim}".encode()).hexdigest()
    return serve_file(request, path=path, content_type="audio/mpeg", etag=etag)


def status_of(piece: Composition, *, can_listen: bool) -> dict[str, Any]:
    """Describe how far a piece is, for the waiting page and for programs."""
    return {
        "id": str(piece.pk),
        "state": piece.state,
        "state_label": piece.get_state_display(),
        "percent": piece.progress,
        "queue_place": selectors.queue_place(piece),
        "notes": piece.notes,
        "drawing": {"roll": piece.roll, "bpm": piece.bpm, "seconds": piece.ordered_seconds}
        if piece.state == Composition.State.RENDERING and piece.roll
        else None,
        "error": piece.reason,
        "url": reverse("composition", args=[piece.pk]),
        "opening_url": reverse("composition_opening", args=[piece.pk])
        if storage.opening_path(piece)
        else None,
        "preview_url": reverse("composition_preview", args=[piece.pk]) if can_listen else None,
        "is_working": piece.is_working,
    }


def not_modified_or(request: HttpRequest, answer: HttpResponse) -> HttpResponseBase:
    """Give an answer its ETag, or a 304 if the client has it already."""
    tag = quote_etag(hashlib.sha256(answer.content).hexdigest()[:32])
    answer["ETag"] = tag
    patch_cache_control(answer, private=True, no_cache=True)
    return get_conditional_response(request, etag=tag, response=answer) or answer


def _compose_page(request: HttpRequest, *, form: ComposeForm, status: int = 200) -> HttpResponse:
    instruments = list(selectors.offered_instruments())
    problem = (
        ""
        if instruments
        else _("No composer is installed here yet: run “python manage.py sync_instruments”.")
    )
    context = {"form": form, "instruments": instruments, "composer_problem": problem}
    return render(request, "generation/compose.html", context, status=status)


def _around(piece: Composition, *, makers: Collection[uuid.UUID]) -> dict[str, Any]:
    """Return what stands around a finished piece: the nearest others, what the visitor keeps, and their links to it."""
    similar = similar_to(piece)
    keys = [piece.pk, *(each.pk for each in similar)]
    can_share = piece.maker_id in makers and piece.sale_state not in sharing.GONE
    return {
        "similar": similar,
        "more_like_query": query_of_more_like(piece),
        "kept": selectors.kept_among(keys, makers=makers),
        "offer": offer_of(piece) if selectors.can_buy(piece, makers=makers) else None,
        "can_share": can_share,
        "share_links": sharing.open_links(piece) if can_share else [],
    }


def _piece(request: HttpRequest, composition_id: uuid.UUID) -> Composition:
    return selectors.composition_for_listener(
        composition_id=composition_id, makers=makers_of(request), user=request.user
    )


def own_piece(request: HttpRequest, composition_id: uuid.UUID) -> Composition:
    """Return a piece that the visitor made; anything else is a 404."""
    piece = Composition.objects.filter(pk=composition_id, maker__in=makers_of(request)).first()
    if piece is None:
        raise Http404
    return piece


def maker_beside(request: HttpRequest, piece: Composition) -> Maker:
    """Return who goes on from a piece: of a visitor with several makers the one that made it, if one of them did."""
    return piece.maker if piece.maker_id in makers_of(request) else maker_for(request)


def _rating_maker(request: HttpRequest, piece: Composition) -> Maker:
    """Return who rates: a visitor with several makers speaks as the one that has rated or composed the piece."""
    rating = selectors.rating_of(piece, makers=makers_of(request))
    return rating.maker if rating else maker_beside(request, piece)


def _piece_of_link(composition_id: uuid.UUID, *, token: str) -> Composition:
    if not links.opens_preview(token, composition_id=composition_id):
        raise Http404
    piece = Composition.objects.filter(pk=composition_id, state=Composition.State.READY).first()
    if piece is None:
        raise Http404
    return piece
