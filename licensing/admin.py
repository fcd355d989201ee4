"""Rights, certificates and the register for staff: to be read; what replaces a certificate is a service."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from licensing.errors import LicensingError
from licensing.forms import SupersedeForm
from licensing.models import Certificate, DeliveredFile, ExclusiveRight, Extra, RegisterEntry, Replacement
from licensing.transfers import supersede_certificate


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


class RegisterEntryInline(ReadOnlyInline):
    model = RegisterEntry
    fields = ["number", "kind", "at", "successor", "note"]


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    list_display = ["copyright_id", "right", "state", "is_test", "issued_at", "signed_at", "key_id"]
    list_filter = ["is_test", "state", "right__state"]
    list_select_related = ["right__composition"]
    search_fields = ["copyright_id", "right__licensee", "holder__email"]
    date_hierarchy = "issued_at"
    inlines = [DeliveredFileInline, RegisterEntryInline]
    actions = ["supersede"]

    def has_supersede_permission(self, request: HttpRequest) -> bool:
        """Superseding needs the right to change certificates, though the form changes none."""
        return request.user.has_perm("licensing.change_certificate")

    @admin.action(
        description=gettext_lazy("Supersede: correct the licensee's name"), permissions=["supersede"]
    )
    def supersede(self, request: HttpRequest, queryset: QuerySet[Certificate]) -> HttpResponse | None:
        """Ask for the right name and the reason, then issue the certificate that supersedes."""
        certificate = queryset.first()
        if certificate is None or queryset.count() != 1:
            self.message_user(request, _("Choose one certificate."), messages.ERROR)
            return None
        form = SupersedeForm(
            request.POST if "confirm" in request.POST else None,
            initial={"licensee": certificate.facts["licensee"]},
        )
        if form.is_bound and form.is_valid():
            try:
                new = supersede_certificate(
                    copyright_id=certificate.pk, staff=request.user, **form.cleaned_data
                )
            except LicensingError as error:
                self.message_user(request, f"{certificate.pk}: {error.message}", messages.ERROR)
                return None
            self.log_change(request, certificate, f"superseded by {new.pk}: {form.cleaned_data['reason']}")
            self.message_user(request, f"{certificate.pk} → {new.pk}", messages.SUCCESS)
            return None
        context = self.admin_site.each_context(request) | {
            "title": _("Supersede a certificate"),
            "certificate": certificate,
            "form": form,
            "opts": self.model._meta,
        }
        return render(request, "admin/licensing/supersede.html", context)


@admin.register(RegisterEntry)
class RegisterEntryAdmin(ReadOnlyAdmin):
    list_display = ["number", "kind", "certificate", "at", "successor", "hash"]
    list_filter = ["kind"]
    search_fields = ["certificate__copyright_id", "hash"]
    date_hierarchy = "at"


@admin.register(Replacement)
class ReplacementAdmin(ReadOnlyAdmin):
    list_display = ["certificate", "attempts", "not_before", "done_at", "error"]
    list_filter = [("done_at", admin.EmptyFieldListFilter)]
    search_fields = ["certificate__copyright_id"]


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
