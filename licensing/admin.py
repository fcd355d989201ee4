"""Rights, certificates, the register and complaints for staff: to be read; what changes them is a service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.staff.admin import NO_REASON, ReadOnlyAdmin, ReadOnlyInline, ReasonForm
from generation.admin import WIDE
from generation.errors import GenerationError
from generation.services import withdraw_composition
from licensing import complaints, register_check
from licensing.errors import LicensingError
from licensing.forms import SupersedeForm
from licensing.models import (
    Certificate,
    Complaint,
    ComplaintEvent,
    DeliveredFile,
    ExclusiveRight,
    Extra,
    RegisterCheck,
    RegisterEntry,
    Replacement,
)
from licensing.transfers import supersede_certificate


class DeliveredFileInline(ReadOnlyInline):
    model = DeliveredFile


@admin.register(ExclusiveRight)
class ExclusiveRightAdmin(ReadOnlyAdmin):
    list_display = ["composition", "licensee", "holder", "state", "granted_at"]
    list_filter = ["state"]
    list_select_related = ["composition", "holder"]
    not_in_lists = tuple(f"composition__{name}" for name in WIDE)
    search_fields = ["licensee__istartswith"]
    sought_by_email = "holder"
    search_help_text = gettext_lazy(
        "A key of piece or purchase, how a name begins, or a whole e-mail address."
    )
    sought_by_key = ("pk", "composition_id", "purchase_id")
    date_hierarchy = "granted_at"


class RegisterEntryInline(ReadOnlyInline):
    model = RegisterEntry
    fields = ["number", "kind", "at", "successor", "note"]


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    list_display = ["copyright_id", "right", "state", "is_test", "issued_at", "signed_at", "key_id"]
    list_filter = ["is_test", "state", "right__state"]
    list_select_related = ["right__composition"]
    not_in_lists = ("facts", "document", *(f"right__composition__{name}" for name in WIDE))
    search_fields = ["copyright_id__istartswith", "right__licensee__istartswith"]
    sought_by_email = "holder"
    search_help_text = gettext_lazy("How a Copyright ID or a name begins, or a whole e-mail address.")
    date_hierarchy = "issued_at"
    inlines = [DeliveredFileInline, RegisterEntryInline]
    actions = ["supersede"]

    def has_supersede_permission(self, request: HttpRequest) -> bool:
        """Superseding needs the right to change certificates, though the form changes none."""
        return bool(request.user.has_perm("licensing.change_certificate"))

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
            reason = form.cleaned_data["reason"]
            try:
                with transaction.atomic():
                    new = supersede_certificate(
                        copyright_id=certificate.pk, staff=request.user, **form.cleaned_data
                    )
                    self.log_deed(
                        request,
                        certificate,
                        f"superseded by {new.pk}",
                        reason=reason,
                        before={"licensee": certificate.facts["licensee"]},
                        after={"licensee": new.facts["licensee"]},
                    )
            except LicensingError as error:
                self.message_user(request, f"{certificate.pk}: {error.message}", messages.ERROR)
                return None
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
    change_list_template = "admin/licensing/register.html"
    list_display = ["number", "kind", "certificate", "at", "successor", "hash"]
    list_filter = ["kind"]
    list_select_related = ["certificate"]
    search_fields = ["certificate__copyright_id__startswith", "=hash"]
    date_hierarchy = "at"

    def get_urls(self) -> list[URLPattern]:
        check = self.admin_site.admin_view(self.check_now)
        return [path("check/", check, name="licensing_registerentry_check"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        last = RegisterCheck.objects.first()
        can_check = request.user.has_perm("licensing.add_registercheck")
        return super().changelist_view(
            request, {"last_check": last, "can_check": can_check, **(extra_context or {})}
        )

    def check_now(self, request: HttpRequest) -> HttpResponse:
        """Check the register now; what comes out is kept and shown."""
        if request.method != "POST" or not request.user.has_perm("licensing.add_registercheck"):
            raise PermissionDenied
        found = register_check.check_and_keep()
        kept = RegisterCheck.objects.first()
        if kept is not None:
            self.log_deed(request, kept, "checked the register", after={"faults": len(found.faults)})
        return redirect("admin:licensing_registerentry_changelist")


@admin.register(RegisterCheck)
class RegisterCheckAdmin(ReadOnlyAdmin):
    list_display = ["at", "entries", "certificates", "faults"]
    date_hierarchy = "at"


@admin.register(Replacement)
class ReplacementAdmin(ReadOnlyAdmin):
    list_display = ["certificate", "attempts", "not_before", "done_at", "error"]
    list_filter = [("done_at", admin.EmptyFieldListFilter)]
    list_select_related = ["certificate"]
    search_fields = ["certificate__copyright_id__startswith"]


@admin.register(DeliveredFile)
class DeliveredFileAdmin(ReadOnlyAdmin):
    ordering = ["-pk"]
    list_display = ["certificate", "name", "size", "sha256"]
    list_select_related = ["certificate"]
    search_fields = ["certificate__copyright_id__startswith", "=sha256"]


@admin.register(Extra)
class ExtraAdmin(ReadOnlyAdmin):
    list_display = ["certificate", "kind", "state", "attempts", "requested_at", "changed_at", "error"]
    list_filter = ["kind", "state"]
    list_select_related = ["certificate"]
    search_fields = ["certificate__copyright_id__startswith", "=sha256"]
    date_hierarchy = "requested_at"


class ComplaintEventInline(ReadOnlyInline):
    model = ComplaintEvent


class AnswerForm(ReasonForm):
    """The bar of actions, with room for what the complainant is told."""

    answer = forms.CharField(
        label=gettext_lazy("Words to the complainant:"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
    )


@admin.register(Complaint)
class ComplaintAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "about", "state", "composition", "certificate", "filed_at", "changed_at"]
    list_filter = ["state", "about"]
    list_select_related = ["composition", "certificate"]
    not_in_lists = ("text", *(f"composition__{name}" for name in WIDE))
    search_fields = ["=email", "name__istartswith", "=certificate__copyright_id"]
    sought_by_key = ("pk", "composition_id")
    date_hierarchy = "filed_at"
    fields = [
        "state", "about", "name", "email", "text", "named", "piece", "certificate", "language", "filed_at",
        "changed_at",
    ]  # fmt: skip
    inlines = [ComplaintEventInline]
    action_form = AnswerForm
    actions = ["take_up", "answer", "reject", "uphold", "withdraw_piece"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("licensing.change_complaint"))

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return self.has_decide_permission(request) and bool(
            request.user.has_perm("generation.withdraw_composition")
        )

    @admin.display(description=gettext_lazy("composition"))
    def piece(self, complaint: Complaint) -> str:
        """Link to the piece, from where its purchase is found."""
        if complaint.composition is None:
            return "–"
        address = reverse("admin:generation_composition_change", args=[complaint.composition_id])
        shown = complaint.composition.get_sale_state_display()
        return format_html('<a href="{}">{}</a> ({})', address, complaint.composition, shown)

    @admin.action(description=gettext_lazy("Take up"), permissions=["decide"])
    def take_up(self, request: HttpRequest, queryset: QuerySet[Complaint]) -> None:
        self._move(request, queryset, to=Complaint.State.IN_WORK)

    @admin.action(description=gettext_lazy("Answer by e-mail"), permissions=["decide"])
    def answer(self, request: HttpRequest, queryset: QuerySet[Complaint]) -> None:
        self._move(request, queryset, to=Complaint.State.ANSWERED)

    @admin.action(description=gettext_lazy("Reject, and say why by e-mail"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Complaint]) -> None:
        self._move(request, queryset, to=Complaint.State.REJECTED)

    @admin.action(description=gettext_lazy("Uphold, and say so by e-mail"), permissions=["decide"])
    def uphold(self, request: HttpRequest, queryset: QuerySet[Complaint]) -> None:
        self._move(request, queryset, to=Complaint.State.UPHELD)

    @admin.action(
        description=gettext_lazy("Withdraw the piece from sale for ever (give a reason)"),
        permissions=["withdraw"],
    )
    def withdraw_piece(self, request: HttpRequest, queryset: QuerySet[Complaint]) -> None:
        """Retire the pieces complained of; one that is held or sold is for the actions of its purchase."""
        reason = " ".join(request.POST.get("reason", "").split())[:160]
        if not reason:
            self.message_user(request, NO_REASON, messages.ERROR)
            return
        for complaint in queryset.select_related("composition"):
            if complaint.composition is None:
                self.tell(request, _("It names no piece that is known here."), failed=complaint)
                continue
            try:
                with transaction.atomic():
                    withdraw_composition(composition=complaint.composition)
                    self.log_deed(
                        request,
                        complaint,
                        f"withdrew the piece {complaint.composition_id}",
                        reason=reason,
                    )
            except GenerationError as error:
                self.tell(request, error.message, failed=complaint)
            else:
                self.tell(request, _("The piece is withdrawn."))

    def _move(self, request: HttpRequest, queryset: QuerySet[Complaint], *, to: str) -> None:
        words = request.POST.get("answer", "").strip()[:4000]
        for complaint in queryset:
            before = complaint.state
            try:
                with transaction.atomic():
                    complaints.move_complaint(complaint=complaint, to=to, staff=request.user, text=words)
                    self.log_deed(request, complaint, f"complaint {before} → {to}", reason=words[:160])
            except LicensingError as error:
                self.tell(request, error.message, failed=complaint)
            else:
                self.tell(request, f"{complaint}: {complaint.get_state_display()}")


@admin.register(ComplaintEvent)
class ComplaintEventAdmin(ReadOnlyAdmin):
    ordering = ["-pk"]
    list_display = ["at", "complaint", "from_state", "to_state", "staff", "mailed_at"]
    list_filter = ["to_state", ("mailed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["complaint", "staff"]
    date_hierarchy = "at"
