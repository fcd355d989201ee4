"""Having more made from a piece."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.services import makers_of
from generation import selectors, services
from generation.errors import GenerationError
from generation.forms import VersionForm
from generation.views import maker_beside


@require_POST
def composition_versions(request: HttpRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Order a variation, a longer version or a cut of a piece, and go to its page; a refusal is said on the piece's."""
    piece = selectors.composition_for_listener(
        composition_id=composition_id, makers=makers_of(request), user=request.user
    )
    form = VersionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose what is to be made from this piece."))
        return redirect("composition", composition_id=piece.pk)
    try:
        made = services.compose_kin(piece=piece, maker=maker_beside(request, piece), version=form.version())
    except GenerationError as error:
        messages.error(request, error.message)
        return redirect("composition", composition_id=piece.pk)
    return redirect("composition", composition_id=made.pk)
