"""Instruments, models and compositions for the staff. Nothing that a sale leans on can be deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.staff.admin import (
    NO_REASON,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ReasonForm,
    StaffAdmin,
    given_reason,
)
from generation import catalogue, services, storage
from generation.errors import GenerationError
from generation.models import ComposerModel, Composition, Instrument, PriceChange, Rating
from generation.prices import set_price
from generation.pricing import price_label
from generation.streaming import serve_file

FINGERPRINT = re.compile("[0-9a-f]{64}")
MASTER_HEARD_FOR = 15 * 60
"""Seconds for which a master may be heard once that is in the audit log."""

WIDE = ("peaks", "roll", "timings", "originality")
"""Columns of a piece that no list shows."""

_signer = TimestampSigner(salt="generation.master")


class PriceChangeInline(ReadOnlyInline):
    model = PriceChange
    fields = ["at", "staff", "old", "new"]
    readonly_fields = ["at", "staff", "old", "new"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceChange]:
        changes: QuerySet[PriceChange] = super().get_queryset(request)
        return changes.select_related("staff")

    @admin.display(description=_("old price"))
    def old(self, change: PriceChange) -> str:
        return price_label(change.old_minor, change.old_currency)

    @admin.display(description=_("new price"))
    def new(self, change: PriceChange) -> str:
        return price_label(change.new_minor, change.new_currency)


@admin.register(Instrument)
class InstrumentAdmin(StaffAdmin):
    list_display = ["name", "slug", "price", "position", "is_active", "composer"]
    list_editable = ["position", "is_active"]
    list_filter = ["is_active"]
    readonly_fields = ["composer"]
    inlines = [PriceChangeInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instrument]:
        instruments: QuerySet[Instrument] = super().get_queryset(request)
        return instruments.prefetch_related("composer_models")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = [*self.readonly_fields]
        if obj:
            fixed.append("slug")
            if not request.user.has_perm("generation.set_price"):
                fixed += ["price_minor", "currency"]
        return fixed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Instrument, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save what was written; a price goes through the service, which keeps the history."""
        asked = (obj.price_minor, obj.currency)
        if change:
            obj.price_minor = form.initial.get("price_minor", obj.price_minor)
            obj.currency = form.initial.get("currency", obj.currency)
        super().save_model(request, obj, form, change)
        if change:
            set_price(instrument=obj, price_minor=asked[0], currency=asked[1], staff=request.user)

    @admin.display(description=_("price"), ordering="price_minor")
    def price(self, instrument: Instrument) -> str:
        return price_label(instrument.price_minor, instrument.currency)

    @admin.display(description=_("composer in use"))
    def composer(self, instrument: Instrument) -> str:
        return next((one.version for one in instrument.composer_models.all() if one.is_active), "–")


@admin.register(PriceChange)
class PriceChangeAdmin(ReadOnlyAdmin):
    list_display = ["at", "instrument", "old_minor", "old_currency", "new_minor", "new_currency", "staff"]
    list_filter = ["instrument"]
    list_select_related = ["instrument", "staff"]
    date_hierarchy = "at"


@admin.register(ComposerModel)
class ComposerModelAdmin(ReadOnlyAdmin):
    list_display = ["version", "instrument", "is_active", "created_at"]
    list_filter = ["instrument", "is_active"]
    list_select_related = ["instrument"]
    search_fields = ["version", "=weights_sha256"]
    action_form = ReasonForm
    actions = ["activate"]
    fields = [
        "instrument",
        "version",
        "is_active",
        "weights_sha256",
        "ledger_sha256",
        "created_at",
        "model_card",
    ]

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("generation.activate_composermodel"))

    @admin.action(
        description=_("Put this network to use for its instrument (give a reason)"), permissions=["activate"]
    )
    def activate(self, request: HttpRequest, queryset: QuerySet[ComposerModel]) -> None:
        """Let new orders be composed by this network; going back to an older one is the same."""
        reason = given_reason(request)
        if not reason:
            self.message_user(request, NO_REASON, messages.ERROR)
            return
        for model in queryset.select_related("instrument"):
            before = ComposerModel.objects.filter(instrument=model.instrument_id, is_active=True).first()
            try:
                with transaction.atomic():
                    changed = catalogue.activate_model(model=model)
                    if changed:
                        was = {"in use": str(before) if before else ""}
                        now = {"in use": str(model)}
                        self.log_deed(request, model, "put to use", reason=reason, before=was, after=now)
            except GenerationError as error:
                self.tell(request, error.message, failed=model)
                continue
            self.tell(request, now_("%(model)s composes from now on.") % {"model": model})

    @admin.display(description=_("model card"))
    def model_card(self, model: ComposerModel) -> str:
        return format_html("<pre>{}</pre>", json.dumps(model.card, indent=2, ensure_ascii=False))


@admin.register(Composition)
class CompositionAdmin(ReadOnlyAdmin):
    change_form_template = "admin/generation/composition.html"
    list_display = [
        "__str__", "instrument", "state", "progress", "attempts", "sale_state", "maker", "created_at", "took", "reason",
    ]  # fmt: skip
    list_filter = ["state", "sale_state", "instrument", "mood", "created_at"]
    list_select_related = ["instrument", "maker", "maker__user"]
    search_fields = ["title_sought__startswith"]
    search_help_text = _("A key, how the title begins, a whole e-mail address, or a note fingerprint.")
    sought_by_key = ("pk", "maker_id")
    sought_by_email = "maker__user"
    not_in_lists = WIDE
    date_hierarchy = "created_at"
    action_form = ReasonForm
    actions = ["retry", "withdraw"]
    exclude = ["peaks", "roll", "originality", "title_sought"]
    readonly_fields = ["created_at"]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<uuid:composition_id>/master/",
                self.admin_site.admin_view(self.open_master),
                name="generation_composition_master",
            ),
            path(
                "<uuid:composition_id>/master/<str:token>/",
                self.admin_site.admin_view(self.stream_master),
                name="generation_composition_master_stream",
            ),
        ]
        return [*own, *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        fingerprint = search_term.strip().lower()
        if FINGERPRINT.fullmatch(fingerprint):
            return queryset.filter(fingerprint=fingerprint), False
        # Titles are kept in small letters beside the titles, in an index.
        return super().get_search_results(request, queryset, search_term.lower())

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("generation.retry_composition"))

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("generation.withdraw_composition"))

    def about(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        return super().about(request, object_id) | {
            "can_hear_master": request.user.has_perm("generation.hear_master"),
            "master_token": request.GET.get("master", ""),
        }

    def open_master(self, request: HttpRequest, composition_id: Any) -> HttpResponse:
        """Write into the audit log that somebody hears a master, and then let them, for a quarter of an hour."""
        piece = self._piece_with_master(request, composition_id)
        if request.method != "POST":
            raise Http404
        self.log_deed(request, piece, "opened the master to hear it", reason=given_reason(request))
        token = _signer.sign(f"{piece.pk}-{request.user.pk}")
        return redirect(
            reverse("admin:generation_composition_change", args=[piece.pk]) + f"?master={token}#master"
        )

    def stream_master(self, request: HttpRequest, composition_id: Any, token: str) -> HttpResponseBase:
        """Stream the master to whoever opened it within the last quarter of an hour, and to nobody else."""
        piece = self._piece_with_master(request, composition_id)
        try:
            opened = _signer.unsign(token, max_age=MASTER_HEARD_FOR)
        except BadSignature as error:
            raise Http404 from error
        if opened != f"{piece.pk}-{request.user.pk}":
            raise Http404
        file = storage.path_of(piece, storage.MASTER)
        return serve_file(request, path=file, content_type="audio/flac", etag=piece.master_sha256)

    def _piece_with_master(self, request: HttpRequest, composition_id: Any) -> Composition:
        if not request.user.has_perm("generation.hear_master"):
            raise Http404
        return get_object_or_404(Composition, pk=composition_id, state=Composition.State.READY)

    @admin.display(description=_("seconds to make"))
    def took(self, composition: Composition) -> str:
        if not (composition.started_at and composition.finished_at):
            return "–"
        return f"{(composition.finished_at - composition.started_at).total_seconds():.1f}"

    @admin.action(description=_("Compose again (failed or cancelled pieces)"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Composition]) -> None:
        self._for_each(
            request, queryset, services.retry_composition, done="queued again", reason=given_reason(request)
        )

    @admin.action(
        description=_("Withdraw from sale for ever (pieces nobody holds; give a reason)"),
        permissions=["withdraw"],
    )
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Composition]) -> None:
        reason = given_reason(request)
        if not reason:
            self.message_user(request, NO_REASON, messages.ERROR)
            return
        self._for_each(request, queryset, services.withdraw_composition, done="withdrawn", reason=reason)

    def _for_each(
        self,
        request: HttpRequest,
        pieces: QuerySet[Composition],
        service: Callable[..., None],
        *,
        done: str,
        reason: str,
    ) -> None:
        count = 0
        for piece in pieces:
            before = {"state": piece.state, "sale_state": piece.sale_state}
            try:
                with transaction.atomic():
                    service(composition=piece)
                    self.log_deed(request, piece, done, reason=reason, before=before)
            except GenerationError as error:
                self.message_user(request, f"{piece}: {error.message}", messages.ERROR)
            else:
                count += 1
        if count:
            text = ngettext("%(count)s piece %(done)s.", "%(count)s pieces %(done)s.", count)
            self.message_user(request, text % {"count": count, "done": done}, messages.SUCCESS)


@admin.register(Rating)
class RatingAdmin(ReadOnlyAdmin):
    ordering = ["-pk"]
    list_display = ["composition", "stars", "composer_model", "rated_at"]
    list_filter = ["stars", "composition__instrument", "composition__model"]
    list_select_related = ["composition__model", "composition"]
    not_in_lists = tuple(f"composition__{name}" for name in WIDE)
    date_hierarchy = "rated_at"

    @admin.display(description=_("composer model"), ordering="composition__model")
    def composer_model(self, rating: Rating) -> str:
        return str(rating.composition.model)
