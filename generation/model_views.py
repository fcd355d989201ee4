"""The open books: which network composes for which instrument, and every score it was trained on."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation import ledger, selectors
from generation.models import ComposerModel
from generation.storage import sha256_of
from generation.streaming import serve_file

SCORES_PER_PAGE = 50
LONGEST_QUESTION = 80


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """List the networks in use."""
    return render(request, "generation/models.html", {"models": selectors.models_in_use()})


@require_safe
def model_card(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the card of the network that composes for an instrument."""
    model = _model_of(slug)
    return render(request, "generation/model_card.html", {"model": model, "card": model.card})


@require_safe
def model_card_json(request: HttpRequest, slug: str) -> JsonResponse:
    """Give a network's card as it stands beside its weights."""
    return JsonResponse(_model_of(slug).card, json_dumps_params={"ensure_ascii": False, "indent": 1})


@require_safe
def corpus(request: HttpRequest) -> HttpResponse:
    """Show what the networks were trained on, score by score."""
    found = ledger.entries()
    words = request.GET.get("q", "")[:LONGEST_QUESTION]
    shown = ledger.matching(found, words=words)
    context = {
        "totals": ledger.totals(found),
        "words": words,
        "page": Paginator(shown, SCORES_PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "generation/corpus.html", context)


@require_safe
def corpus_json(request: HttpRequest) -> HttpResponseBase:
    """Give the whole ledger, the file whose SHA-256 stands on every certificate."""
    path = ledger.LEDGER_FILE
    return serve_file(request, path=path, content_type="application/json", etag=sha256_of(path))


def _model_of(slug: str) -> ComposerModel:
    return get_object_or_404(selectors.models_in_use(), instrument=slug)
