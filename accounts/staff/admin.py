"""What every page of the admin has: the audit log, lists that stay quick when they are long, and their CSV files."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.staff import access, audit
from accounts.staff.paging import EstimatingPaginator
from accounts.staff.tables import lines

NO_REASON = _("Give a reason beside the action; it is kept in the history.")
NEVER_LOGGED = {"password", "password1", "password2"}


class ReasonForm(ActionForm):
    """The bar of actions, with room for why."""

    reason = forms.CharField(label=_("Reason:"), max_length=160, required=False)


def given_reason(request: HttpRequest) -> str:
    """Return what was typed as the reason of an action, on one line."""
    return " ".join(request.POST.get("reason", "").split())[:160]


def _key_in(words: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(words)
    except ValueError:
        return None


class StaffAdmin(admin.ModelAdmin):
    """Mixed into every admin class, those of packages included: see ``marketplace.staff.site``."""

    show_full_result_count = False
    paginator = EstimatingPaginator
    list_per_page = 30
    sought_by_key: tuple[str, ...] = ()
    """Fields that are compared as a whole when what is looked for is a UUID; no other field is searched then."""
    not_in_lists: tuple[str, ...] = ()
    """Wide columns that no list and no file shows."""
    sought_by_email = ""
    """The field of the account that is meant by a whole e-mail address."""
    changes_need_proof = False
    """Whether whoever saves a form here proves first that it is them."""

    def get_urls(self) -> list[URLPattern]:
        meta = self.model._meta
        view = self.admin_site.admin_view(self.export)
        name = f"{meta.app_label}_{meta.model_name}_export"
        return [path("export.csv", view, name=name), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        in_a_list = match is not None and (match.url_name or "").endswith(("_changelist", "_export"))
        return rows.defer(*self.not_in_lists) if in_a_list else rows

    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """Stream the list, filtered as it is, to whoever may see it. That it was taken is logged."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        listed = self.get_changelist_instance(request)
        rows = listed.get_queryset(request)
        name = f"{self.model._meta.model_name}-{timezone.now():%Y-%m-%d-%H%M}.csv"
        audit.record(
            staff=request.user,
            did="exported a list",
            thing=self.model,
            after={"filter": request.GET.urlencode()[:500]},
        )
        body = lines(rows, columns=self.get_list_display(request), model_admin=self)
        return StreamingHttpResponse(
            body,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        meta = self.model._meta
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_export")
        return super().changelist_view(
            request, {"export_url": f"{address}?{request.GET.urlencode()}", **(extra_context or {})}
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one object with what may be done to it, and where the audit log tells of it."""
        if self.changes_need_proof and request.method == "POST":
            access.require_fresh(request)
        context = extra_context or {}
        if object_id is not None:
            context = self.about(request, object_id) | context
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return answer

    def about(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """Return what the page of one object shows beside its fields."""
        meta = self.model._meta
        key = unquote(object_id)
        own = [
            (name, label)
            for name, label in self.get_action_choices(request, default_choices=[])
            if name != "delete_selected"
        ]
        bar = (self.action_form or ActionForm)(auto_id="act_%s", initial={"select_across": 0})
        bar.fields["action"].choices = own  # type: ignore[union-attr]
        context: dict[str, Any] = {
            "object_actions": bar if own else None,
            "object_actions_url": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
            + f"?{urlencode({f'{meta.pk.name}__exact': key})}",
            "object_key": key,
        }
        if request.user.has_perm("accounts.view_auditentry"):
            log = reverse("admin:accounts_auditentry_changelist")
            context["audit_url"] = f"{log}?{urlencode({'kind': meta.label_lower, 'object_id': key})}"
        return context

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup == f"{self.model._meta.pk.name}__exact" or super().lookup_allowed(
            lookup, value, request
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look a key or an address up as what it is, which an index answers; the rest is looked for as one phrase."""
        words = " ".join(search_term.split())
        if self.sought_by_key and (key := _key_in(words)):
            by_key = Q()
            for field in self.sought_by_key:
                by_key |= Q(**{field: key})
            return queryset.filter(by_key), False
        if self.sought_by_email and "@" in words:
            # Addresses are unique in any case, and the index of that is asked.
            people = User.objects.annotate(low=Lower("email")).filter(low=words.lower())
            return queryset.filter(
                **{f"{self.sought_by_email}__in": list(people.values_list("pk", flat=True))}
            ), False
        phrase = words if '"' in words or not words else f'"{words}"'
        return super().get_search_results(request, queryset, phrase)

    def log_deed(
        self,
        request: HttpRequest,
        thing: Model,
        did: str,
        *,
        reason: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an action into the audit log and into the object's own history."""
        audit.record(staff=request.user, did=did, thing=thing, reason=reason, before=before, after=after)
        super().log_change(request, thing, f"{did} ({reason})" if reason else did)

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        changed = [name for name in form.changed_data if name not in NEVER_LOGGED]
        request.audited = (  # type: ignore[attr-defined]
            {} if add else {name: form.initial.get(name) for name in changed},
            {name: form.cleaned_data.get(name) for name in changed},
        )
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _before, after = getattr(request, "audited", ({}, {}))
        audit.record(staff=request.user, did="added", thing=obj, after=after)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        before, after = getattr(request, "audited", ({}, {}))
        did = "changed" if isinstance(message, list) else str(message)
        audit.record(staff=request.user, did=did, thing=obj, before=before, after=after)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for thing in queryset:
            audit.record(staff=request.user, did="deleted", thing=thing)
        return super().log_deletions(request, queryset)

    def tell(self, request: HttpRequest, text: Any, *, failed: Model | None = None) -> None:
        """Show what came of an action; ``failed`` is the object that it did not work for."""
        if failed is not None:
            self.message_user(request, f"{failed.pk}: {text}", messages.ERROR)
        else:
            self.message_user(request, text, messages.SUCCESS)


class ReadOnlyAdmin(StaffAdmin):
    """Shows rows; what changes them is a service, called by an action. Superusers delete nothing here either."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows that belong to another one, shown with it."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
