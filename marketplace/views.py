"""The pages of the house itself, and what a monitor asks."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from accounts.services import makers_of
from accounts.views import PersonRequest
from generation import health
from generation.audio.voices import check_sound
from generation.models import Composition, Instrument
from generation.selectors import kept_among
from generation.services import shop_compositions
from licensing.terms import terms_sha256, terms_text, versions
from marketplace.metrics import exposition
from marketplace.personal_data import personal_data_of
from marketplace.status import LATE_AFTER, service_status

DISK_IS_LOW_BELOW = 500 * 1024 * 1024


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what the shop is and let three pieces be heard."""
    pieces = list(shop_compositions().filter(sale_state=Composition.SaleState.AVAILABLE)[:3])
    context = {
        "instruments": Instrument.objects.filter(is_active=True),
        "pieces": pieces,
        "kept": kept_among([piece.pk for piece in pieces], makers=makers_of(request)),
    }
    return render(request, "marketplace/home.html", context)


@require_safe
def how_it_works(request: HttpRequest) -> HttpResponse:
    """Explain the way of a piece from the order to the certificate."""
    return render(request, "marketplace/how_it_works.html")


@require_safe
def terms(request: HttpRequest, version: str = "") -> HttpResponse:
    """Show the licence terms in force, or those of an older version, to the letter."""
    known = versions()
    version = version or settings.TERMS_VERSION
    if version not in known:
        raise Http404
    context = {
        "terms_version": version,
        "current_version": settings.TERMS_VERSION,
        "versions": known[::-1],
        "terms": terms_text(version),
        "terms_sha256": terms_sha256(version),
    }
    return render(request, "marketplace/terms.html", context)


@require_safe
def imprint(request: HttpRequest) -> HttpResponse:
    """Say who runs the shop, from the settings."""
    return render(request, "marketplace/imprint.html", {"imprint": settings.IMPRINT})


@require_safe
@never_cache
def status(request: HttpRequest) -> HttpResponse:
    """Say in public what works right now and how long composing takes."""
    return render(request, "marketplace/status.html", {"service": service_status()})


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Say what is kept about a visitor."""
    return render(request, "marketplace/privacy.html")


@login_required
@never_cache
@require_safe
@reauthentication_required(allow_get=False)
def personal_data(request: PersonRequest) -> JsonResponse:
    """Give a person what is kept about them, once they have proved again that it is them."""
    answer = JsonResponse(
        personal_data_of(request.user), json_dumps_params={"ensure_ascii": False, "indent": 1}
    )
    answer["Content-Disposition"] = 'attachment; filename="soloscore-my-data.json"'
    return answer


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer as long as the process lives."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when a visitor can be served: database, queue and disk are fit. 503 names what is not.

    ``sound`` names what this machine lacks to render, which a machine that only serves pages may.
    """
    problems = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if late := _oldest_queued_minutes():
            problems.append(f"a composition has waited {late} minutes: is a worker running?")
        if not Instrument.objects.filter(is_active=True, composer_models__is_active=True).exists():
            problems.append("no instrument has a composer model: run manage.py sync_instruments")
    except DatabaseError as error:
        problems.append(f"database: {error}")
    free = shutil.disk_usage(_existing_parent(settings.PRIVATE_DIR)).free
    if free < DISK_IS_LOW_BELOW:
        problems.append(f"only {free // 2**20} MiB of disk left")
    return JsonResponse(
        {"status": "ok" if not problems else "not ready", "problems": problems, "sound": check_sound()},
        status=503 if problems else 200,
    )


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Tell a monitor that knows the token how requests and queues stand; nobody else finds anything here."""
    token = settings.METRICS_TOKEN
    if not token or not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        raise Http404
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


@require_safe
def staff_health(request: HttpRequest) -> HttpResponse:
    """Show what this machine has for sound, and how the queue stands. The admin wraps it and lets only staff in."""
    context = {
        **admin.site.each_context(request),
        "title": _("Health"),
        "machine": socket.gethostname(),
        "problems": check_sound(),
        "programs": health.programs(),
        "sounds": health.sounds(),
        "queue": health.queue(),
    }
    return render(request, "admin/health.html", context)


def _oldest_queued_minutes() -> int:
    """Minutes the oldest queued piece has waited beyond what is normal; 0 when none is late."""
    oldest = (
        Composition.objects.filter(state=Composition.State.QUEUED)
        .order_by("created_at")
        .values_list("created_at", flat=True)
        .first()
    )
    if oldest is None or timezone.now() - oldest < LATE_AFTER:
        return 0
    return int((timezone.now() - oldest).total_seconds() // 60)


def _existing_parent(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
