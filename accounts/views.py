"""Pages about accounts that allauth does not have."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.mailbox import newest_mails


@require_safe
@never_cache
def dev_mailbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that development wrote to files. In production there is no such page."""
    if not settings.DEVELOPMENT_MAILBOX:
        raise Http404
    return render(request, "accounts/mailbox.html", {"mails": newest_mails(settings.MAIL_DIR)})
