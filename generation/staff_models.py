"""What is kept of the staff's deeds about instruments."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class PriceChange(models.Model):
    """One change of an instrument's price. Rows are never changed; pieces keep the price they were ordered at."""

    instrument = models.ForeignKey(
        "generation.Instrument",
        on_delete=models.PROTECT,
        related_name="price_changes",
        verbose_name=_("instrument"),
    )
    old_minor = models.PositiveIntegerField(_("old price"), help_text=_("In cents."))
    old_currency = models.CharField(_("old currency"), max_length=3)
    new_minor = models.PositiveIntegerField(_("new price"), help_text=_("In cents."))
    new_currency = models.CharField(_("new currency"), max_length=3)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("who")
    )
    at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("change of a price")
        verbose_name_plural = _("changes of prices")

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.old_minor} → {self.new_minor}"
