"""Users and makers for the staff."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Maker, User


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    ordering = ["email"]
    list_display = ["email", "name", "is_staff", "is_active", "date_joined", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active", "groups"]
    search_fields = ["email", "name"]
    readonly_fields = ["date_joined", "last_login"]
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

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say no: accounts carry purchases. Take ``active`` away instead."""
        return False


@admin.register(Maker)
class MakerAdmin(admin.ModelAdmin):
    list_display = ["__str__", "user", "client_id", "pieces", "created_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "client_id", "id"]
    readonly_fields = ["id", "user", "client_id", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Maker]:
        makers: QuerySet[Maker] = super().get_queryset(request)
        return makers.annotate(piece_count=Count("compositions"))

    @admin.display(description=_("pieces"), ordering="piece_count")
    def pieces(self, maker: Any) -> int:
        return int(maker.piece_count)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


# Django finds the admin of an app by its module of admins.
from accounts.webhooks import admin as webhooks_admin  # noqa: E402, F401
