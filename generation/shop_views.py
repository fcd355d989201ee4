"""Pages of the open shop and of favourites, and what a page of the shop asks to stay true."""

from __future__ import annotations

import uuid

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.services import maker_for, makers_of
from generation import listeners, selectors
from generation.models import Composition, Instrument
from generation.shop import COUNTED_UP_TO, PIECES_PER_PAGE, pieces_in_order, shop_page, states_of
from generation.shop_form import ShopForm
from generation.views import not_modified_or

STATES_AT_MOST = 60
"""How many pieces may be asked about at once: more than any page of ours shows."""


@require_safe
@cache_control(private=True, max_age=0)
def shop(request: HttpRequest) -> HttpResponse:
    """Show what everybody may buy, or what is gone, as it is looked for."""
    instruments = list(Instrument.objects.filter(is_active=True))
    form = ShopForm(request.GET, instruments=instruments)
    page = shop_page(form.wish(), number=form.page_number() or 1, instruments=instruments)
    problems = form.problems()
    if page.is_beyond:
        problems.append(
            _("There is no page %(asked)s. This is page %(number)s.")
            % {"asked": form.page_number(), "number": page.number}
        )
    context = {
        "page": page,
        "counted_up_to": COUNTED_UP_TO,
        "filters": form.cleared(),
        "problems": problems,
        "kept": selectors.kept_among([piece.pk for piece in page], makers=makers_of(request)),
    }
    return render(request, "generation/shop.html", context)


@require_safe
def shop_states(request: HttpRequest) -> HttpResponseBase:
    """Say of the pieces named in ``ids`` what a buyer may do, as JSON; an unchanged answer is a 304.

    What is no key, and what nobody else may see, is left out.
    """
    states = {str(piece.pk): _state_of(piece) for piece in states_of(_keys(request.GET.get("ids", "")))}
    return not_modified_or(request, JsonResponse({"states": states}))


@require_safe
@never_cache
def favourites(request: HttpRequest) -> HttpResponse:
    """Show the pieces that a visitor keeps."""
    makers = makers_of(request)
    keys = selectors.favourites_of(makers).values_list("pk", flat=True)
    page = Paginator(keys, PIECES_PER_PAGE).get_page(request.GET.get("page"))
    pieces = pieces_in_order(list(page.object_list))
    context = {"page": page, "pieces": pieces, "kept": {piece.pk for piece in pieces}}
    return render(request, "generation/favourites.html", context)


@require_POST
def composition_favourite(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Keep a piece among one's favourites, or drop it, and go back to where the heart was."""
    makers = makers_of(request)
    piece = selectors.composition_for_listener(
        composition_id=composition_id, makers=makers, user=request.user
    )
    keep = bool(request.POST.get("keep"))
    if keep:
        listeners.keep_favourite(composition=piece, maker=maker_for(request))
    else:
        listeners.drop_favourite(composition=piece, makers=makers)
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"kept": keep})
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("composition", args=[piece.pk])
    return redirect(f"{back}#piece-{piece.pk}")


def _state_of(piece: Composition) -> dict[str, str]:
    badge = render_to_string("includes/state_badge.html", {"piece": piece, "show_available": True})
    return {"state": piece.sale_state, "badge": badge.strip()}


def _keys(text: str) -> list[uuid.UUID]:
    keys = []
    for part in text.split(",")[:STATES_AT_MOST]:
        try:
            keys.append(uuid.UUID(part))
        except ValueError:
            continue
    return keys
