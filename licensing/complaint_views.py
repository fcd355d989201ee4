"""The page on which anybody says that something is wrong."""

from __future__ import annotations

from allauth.core.ratelimit import consume_or_429
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from licensing.complaints import file_complaint
from licensing.forms import ComplaintForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def complain(request: HttpRequest) -> HttpResponse:
    """Take a complaint, and say that its arrival is confirmed by e-mail."""
    if request.method != "POST":
        form = ComplaintForm(initial={"named": request.GET.get("about", "")[:200]})
        return render(request, "licensing/complain.html", {"form": form})
    form = ComplaintForm(request.POST)
    if not form.is_valid():
        return render(request, "licensing/complain.html", {"form": form}, status=422)
    refused: HttpResponse | None = consume_or_429(request, action="complain")
    if refused is not None:
        return refused
    complaint = file_complaint(**form.cleaned_data)
    text = _("Thank you. We have your complaint, number %(number)s, and confirm it by e-mail.")
    messages.success(request, text % {"number": str(complaint.pk)[:8]})
    return redirect("complain")
