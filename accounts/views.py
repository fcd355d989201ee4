"""Pages about accounts that allauth does not have."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.i18n import set_language

from accounts.deletion import AccountInUse, forget_user
from accounts.languages import language_of, remember_language
from accounts.mailbox import newest_mails
from accounts.models import User


class PersonRequest(HttpRequest):
    """A request behind ``login_required``."""

    user: User


@require_safe
@never_cache
def dev_mailbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that development wrote to files. In production there is no such page."""
    if not settings.DEVELOPMENT_MAILBOX:
        raise Http404
    return render(request, "accounts/mailbox.html", {"mails": newest_mails(settings.MAIL_DIR)})


@require_safe
@never_cache
@csp_replace({"default-src": [NONE], "style-src": [UNSAFE_INLINE], "img-src": [SELF], "sandbox": True})
def dev_mail(request: HttpRequest, place: int) -> HttpResponse:
    """Show the HTML part of a mail in that place of the mailbox, as a mail program would, and harmless."""
    mails = newest_mails(settings.MAIL_DIR) if settings.DEVELOPMENT_MAILBOX else []
    if place >= len(mails) or not mails[place].html:
        raise Http404
    return HttpResponse(mails[place].html)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponseBase:
    """Change the language of the pages in this browser and, for somebody who is logged in, of the e-mails to them."""
    answer = set_language(request)
    chosen = answer.cookies.get(settings.LANGUAGE_COOKIE_NAME)
    if chosen and isinstance(request.user, User):
        remember_language(user=request.user, language=chosen.value)
    return answer


@login_required
@never_cache
@require_safe
def account_language(request: PersonRequest) -> HttpResponse:
    """Show in which language we write to a person, with the choice of another."""
    return render(request, "accounts/language.html", {"written_in": language_of(request.user)})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)
def account_delete(request: PersonRequest) -> HttpResponse:
    """Say what is deleted and what stays, and delete the account once its owner says that they are sure."""
    user = request.user
    status = 200
    if request.method == "POST":
        try:
            if request.POST.get("sure"):
                forget_user(user=user)
                logout(request)
                messages.success(request, _("Your account is deleted."))
                return redirect("home")
            messages.error(request, _("Tick the box if you are sure."))
            status = 422
        except AccountInUse as error:
            messages.error(request, error.message)
            status = 409
    # The rights stand above this app; they are asked for by name.
    owned = User.objects.filter(pk=user.pk, rights__state__in=["in_force", "suspended"]).count()
    return render(request, "accounts/delete.html", {"owned": owned}, status=status)
