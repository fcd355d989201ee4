"""The admin site of this house: entered through allauth, with a second factor, and every page of it audited."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts.staff.access import is_staff, lacks_second_factor
from accounts.staff.admin import StaffAdmin
from marketplace.staff.dashboard import dashboard


class StaffSite(admin.AdminSite):
    """Where the staff works. What a package registers gets the audit log and the rest of ``StaffAdmin`` as well."""

    site_header = "Soloscore"
    site_title = "Soloscore staff"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        kind = admin_class or admin.ModelAdmin
        if not issubclass(kind, StaffAdmin):
            kind = type(kind.__name__, (StaffAdmin, kind), {"__module__": kind.__module__})
        super().register(model_or_iterable, kind, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Let staff in, once they have a second factor. Everybody else is led to ``login``."""
        return is_staff(request.user) and not lacks_second_factor(request.user)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Lead to allauth's log-in, with its rate limits, or to setting up a second factor: no other way in."""
        answer: HttpResponse = secure_admin_login(_way_in)(request)
        return answer

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Lead to allauth's page, which asks for the old proof and has rate limits."""
        return redirect("account_change_password")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        return context | {"staff_enter_without_factor": not settings.STAFF_NEED_SECOND_FACTOR}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().index(request, {**dashboard(request.user), **(extra_context or {})})


def _way_in(request: HttpRequest) -> HttpResponse:
    """Send a member of staff, who has logged in, on."""
    if lacks_second_factor(request.user):
        messages.warning(
            request,
            _("The admin opens once your account has a second factor: a passkey or an authenticator app."),
        )
        return redirect("mfa_index")
    target = request.GET.get(REDIRECT_FIELD_NAME, "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        return redirect(target)
    return redirect("admin:index")
