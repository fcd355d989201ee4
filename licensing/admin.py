"""Rights and certificates for staff: to be read, never written or deleted here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from licensing.models import Certificate, DeliveredFile, ExclusiveRight, Extra


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows; what changes them is a service, called by an action."""

    actions_on_bottom = True

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


class DeliveredFileInline(ReadOnlyInline):
    model = DeliveredFile


@admin.register(ExclusiveRight)
class ExclusiveRightAdmin(ReadOnlyAdmin):
    list_display = ["composition", "licensee", "holder", "state", "granted_at"]
    list_filter = ["state"]
    list_select_related = ["composition", "holder"]
    search_fields = ["licensee", "holder__email", "composition__id", "purchase_id"]
    date_hierarchy = "granted_at"


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    list_display = ["copyright_id", "right", "is_test", "issued_at", "signed_at", "key_id"]
    list_filter = ["is_test", "right__state"]
    list_select_related = ["right__composition"]
    search_fields = ["copyright_id", "right__licensee", "right__holder__email"]
    date_hierarchy = "issued_at"
    inlines = [DeliveredFileInline]


@admin.register(DeliveredFile)
class DeliveredFileAdmin(ReadOnlyAdmin):
    list_display = ["certificate", "name", "size", "sha256"]
    search_fields = ["certificate__copyright_id", "sha256"]


@admin.register(Extra)
class ExtraAdmin(ReadOnlyAdmin):
    list_display = ["certificate", "kind", "state", "attempts", "requested_at", "changed_at", "error"]
    list_filter = ["kind", "state"]
    list_select_related = ["certificate"]
    search_fields = ["certificate__copyright_id", "sha256"]
    date_hierarchy = "requested_at"
