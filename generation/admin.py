"""Instruments, models and compositions for the staff. Nothing that a sale leans on can be deleted."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from generation import services
from generation.errors import GenerationError
from generation.models import ComposerModel, Composition, Instrument, Rating
from generation.pricing import price_label

NO_REASON = _("Give a reason beside the action; it is kept in the history.")


class ReasonForm(ActionForm):
    """The bar of actions, with room for why."""

    reason = forms.CharField(label=_("Reason:"), max_length=160, required=False)


def given_reason(request: HttpRequest) -> str:
    """Return what was typed as the reason of an action, on one line."""
    return " ".join(request.POST.get("reason", "").split())[:160]


class _Kept(admin.ModelAdmin):
    """Rows that the product writes: the staff reads them and acts on them, but neither adds nor deletes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Instrument)
class InstrumentAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "price", "position", "is_active", "composer"]
    list_editable = ["position", "is_active"]
    list_filter = ["is_active"]
    readonly_fields = ["composer"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "slug"] if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("price"), ordering="price_minor")
    def price(self, instrument: Instrument) -> str:
        return price_label(instrument.price_minor, instrument.currency)

    @admin.display(description=_("composer in use"))
    def composer(self, instrument: Instrument) -> str:
        model = ComposerModel.objects.filter(instrument=instrument, is_active=True).first()
        return model.version if model else "–"


@admin.register(ComposerModel)
class ComposerModelAdmin(_Kept):
    list_display = ["version", "instrument", "is_active", "created_at"]
    list_filter = ["instrument", "is_active"]
    fields = [
        "instrument",
        "version",
        "is_active",
        "weights_sha256",
        "ledger_sha256",
        "created_at",
        "model_card",
    ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("model card"))
    def model_card(self, model: ComposerModel) -> str:
        return format_html("<pre>{}</pre>", json.dumps(model.card, indent=2, ensure_ascii=False))


@admin.register(Composition)
class CompositionAdmin(_Kept):
    list_display = [
        "__str__", "instrument", "state", "progress", "attempts", "sale_state", "maker", "created_at", "took", "reason",
    ]  # fmt: skip
    list_filter = ["state", "sale_state", "instrument", "mood", "created_at"]
    list_select_related = ["instrument", "maker", "maker__user"]
    search_fields = ["id", "title", "maker__user__email", "maker__client_id", "fingerprint"]
    date_hierarchy = "created_at"
    action_form = ReasonForm
    actions = ["retry", "withdraw"]
    exclude = ["peaks", "roll"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow the actions on the list; a single piece is read-only."""
        return obj is None and super().has_change_permission(request, obj)

    @admin.display(description=_("seconds to make"))
    def took(self, composition: Composition) -> str:
        if not (composition.started_at and composition.finished_at):
            return "–"
        return f"{(composition.finished_at - composition.started_at).total_seconds():.1f}"

    @admin.action(description=_("Compose again (failed or cancelled pieces)"), permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Composition]) -> None:
        self._for_each(request, queryset, services.retry_composition, done="queued again")

    @admin.action(
        description=_("Withdraw from sale for ever (pieces nobody holds; give a reason)"),
        permissions=["change"],
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
        service: Any,
        *,
        done: str,
        reason: str = "",
    ) -> None:
        count = 0
        for piece in pieces:
            try:
                service(composition=piece)
            except GenerationError as error:
                self.message_user(request, f"{piece}: {error.message}", messages.ERROR)
            else:
                self.log_change(request, piece, f"{done} ({reason})" if reason else done)
                count += 1
        if count:
            text = ngettext("%(count)s piece %(done)s.", "%(count)s pieces %(done)s.", count)
            self.message_user(request, text % {"count": count, "done": done}, messages.SUCCESS)


@admin.register(Rating)
class RatingAdmin(_Kept):
    list_display = ["composition", "stars", "composer_model", "rated_at"]
    list_filter = ["stars", "composition__instrument", "composition__model"]
    list_select_related = ["composition__model"]
    date_hierarchy = "rated_at"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("composer model"), ordering="composition__model")
    def composer_model(self, rating: Rating) -> str:
        return str(rating.composition.model)
