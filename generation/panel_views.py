"""Pages of the listening panel."""

from __future__ import annotations

import uuid

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.services import maker_for, makers_of
from generation import panel
from generation.errors import GenerationError
from generation.models import Comparison, Rating
from generation.streaming import serve_preview

CHART_WIDTH = 400


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def listen(request: HttpRequest) -> HttpResponse:
    """Say what the panel is, and draw a pair for whoever wants one."""
    if request.method == "POST":
        return _next_pair(request)
    context = {"answered": panel.answered_by(makers_of(request))}
    return render(request, "generation/listen.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def pair(request: HttpRequest, pair_id: uuid.UUID) -> HttpResponse:
    """Let two pieces be heard without their names, and take the answer."""
    makers = makers_of(request)
    drawn = _pair(request, pair_id)
    if request.method == "POST":
        try:
            panel.answer_pair(
                pair_id=drawn.pk,
                makers=makers,
                preferred=request.POST.get("preferred", ""),
                stars_a=_stars(request.POST.get("stars_a", "")),
                stars_b=_stars(request.POST.get("stars_b", "")),
            )
        except GenerationError as error:
            messages.error(request, error.message)
            return redirect("listen_pair", pair_id=drawn.pk)
        messages.success(request, _("Thank you. Here is the next pair."))
        return _next_pair(request)
    context = {
        "pair": drawn,
        "can_be_heard": panel.can_be_heard(drawn),
        "sides": panel.heard(drawn),
        "stars": Rating.Stars.choices,
    }
    return render(request, "generation/listen_pair.html", context)


@require_safe
@never_cache
def pair_preview(request: HttpRequest, pair_id: uuid.UUID, side: str) -> HttpResponseBase:
    """Stream one piece of a pair under an address that does not tell which it is."""
    drawn = _pair(request, pair_id)
    if side not in {"a", "b"} or not panel.can_be_heard(drawn):
        raise Http404
    piece = panel.pieces_of(drawn)[side == "b"]
    return serve_preview(request, piece=piece)


@require_safe
def staff_panel(request: HttpRequest) -> HttpResponse:
    """Show what the panel prefers. The admin wraps it and lets only staff in."""
    bars = []
    for row in panel.results():
        low, high = row.interval
        bars.append(
            {
                "row": row,
                "percent": 100 * row.share,
                "low": 100 * low,
                "high": 100 * high,
                "x": round(CHART_WIDTH * row.share, 1),
                "x_low": round(CHART_WIDTH * low, 1),
                "x_high": round(CHART_WIDTH * high, 1),
            }
        )
    context = {
        **admin.site.each_context(request),
        "title": _("Listening panel"),
        "bars": bars,
        "width": CHART_WIDTH,
    }
    return render(request, "admin/panel.html", context)


def _next_pair(request: HttpRequest) -> HttpResponse:
    try:
        drawn = panel.draw_pair(maker=maker_for(request))
    except panel.NoPair as error:
        messages.info(request, error.message)
        return redirect("listen")
    return redirect("listen_pair", pair_id=drawn.pk)


def _pair(request: HttpRequest, pair_id: uuid.UUID) -> Comparison:
    drawn = panel.pair_of(pair_id=pair_id, makers=makers_of(request))
    if drawn is None:
        raise Http404
    return drawn


def _stars(text: str) -> int | None:
    """Read a number of stars; 0, which nobody can give, for what is none."""
    if not text:
        return None
    return int(text) if len(text) == 1 and text.isascii() and text.isdecimal() else 0
