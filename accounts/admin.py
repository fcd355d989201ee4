"""Users, makers, roles and the audit log for the staff."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEntry, Maker, Partner, User
from accounts.staff.access import require_fresh
from accounts.staff.admin import ReadOnlyAdmin, StaffAdmin


@admin.register(User)
class UserAdmin(StaffAdmin, DjangoUserAdmin):
    ordering = ["email"]
    list_display = ["email", "name", "is_staff", "is_active", "date_joined", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active", "groups"]
    search_fields = ["email__istartswith", "name__istartswith"]
    readonly_fields = ["date_joined", "last_login"]
    changes_need_proof = True
    fieldsets = [
        (None, {"fields": ["email", "password", "name", "language"]}),
        (
            _("Permissions"),
            {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]},
        ),
        (_("Dates"), {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["email", "usable_password", "password1", "password2"]})
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Let superusers alone make superusers; permissions come by roles."""
        if request.user.is_superuser:
            return self.readonly_fields
        return [*self.readonly_fields, "is_superuser", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody but superusers change a superuser: a new password would make them one."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Set a password for somebody, having proved who sets it."""
        require_fresh(request)
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say no: accounts carry purchases. Take ``active`` away instead."""
        return False


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin):
    """Roles are made from ``marketplace/staff/roles.py``; here they are read."""

    list_display = ["name"]


@admin.register(Maker)
class MakerAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "user", "client_id", "pieces", "created_at"]
    list_select_related = ["user"]
    search_fields = ["=client_id"]
    sought_by_email = "user"
    sought_by_key = ("pk",)
    readonly_fields = ["id", "user", "client_id", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Maker]:
        """Count pieces for the makers of one page, not for all of them."""
        makers: QuerySet[Maker] = super().get_queryset(request)
        own = Maker.objects.filter(pk=OuterRef("pk")).order_by().values("pk")
        counted = Subquery(own.annotate(count=Count("compositions")).values("count"), IntegerField())
        return makers.annotate(piece_count=Coalesce(counted, 0))

    @admin.display(description=_("pieces"))
    def pieces(self, maker: Any) -> int:
        return int(maker.piece_count)


@admin.register(Partner)
class PartnerAdmin(StaffAdmin):
    """What a partner may do is changed here; clients are made by ``create_partner``, which shows their secret once."""

    list_display = [
        "name", "kind", "client_id", "requests_per_minute", "compositions_per_day", "holds_at_once",
        "credit_limit_minor", "created_at",
    ]  # fmt: skip
    list_filter = ["kind"]
    search_fields = ["name__istartswith", "=client_id"]
    search_help_text = _("How a name begins, or a whole client id.")
    readonly_fields = ["client_id", "kind", "account", "created_at"]
    changes_need_proof = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "staff", "did", "outcome", "kind", "object_text", "reason"]
    list_filter = ["outcome", "kind", ("staff", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["staff"]
    search_fields = ["=object_id", "did__startswith"]
    sought_by_email = "staff"
    search_help_text = _("The key of an object, how a deed begins, or a whole e-mail address.")
    date_hierarchy = "at"
    fields = [
        "at", "staff", "did", "outcome", "kind", "object_id", "object_text", "reason", "was", "became",
    ]  # fmt: skip

    @admin.display(description=_("before"))
    def was(self, entry: AuditEntry) -> str:
        return _written(entry.before)

    @admin.display(description=_("after"))
    def became(self, entry: AuditEntry) -> str:
        return _written(entry.after)


def _written(facts: dict[str, Any]) -> str:
    return format_html("<pre>{}</pre>", json.dumps(facts, indent=2, ensure_ascii=False)) if facts else "–"


# Django finds the admin of an app by its module of admins.
from accounts.webhooks import admin as webhooks_admin  # noqa: E402, F401
