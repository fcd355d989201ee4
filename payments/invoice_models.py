"""What partners owe: one invoice for each piece bought on account."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner


class Invoice(models.Model):
    """A partner's debt for one purchase, written in the transaction that sells the piece. Never deleted.

    ``number`` counts within a partner without gaps. What is open past ``due_on`` is overdue; that is not stored.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        PAID = "paid", _("paid")
        VOID = "void", _("void")

    OVERDUE = "overdue"

    number = models.CharField(_("number"), primary_key=True, max_length=40)
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, related_name="invoices", verbose_name=_("partner")
    )
    purchase = models.OneToOneField(
        "payments.Purchase", on_delete=models.PROTECT, related_name="invoice", verbose_name=_("purchase")
    )
    amount_minor = models.PositiveIntegerField(_("amount"), help_text=_("In cents."))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=4, choices=State, default=State.OPEN)
    is_test = models.BooleanField(_("test, nothing is owed"), default=False)
    issued_on = models.DateField(_("issued"))
    due_on = models.DateField(_("due"))
    closed_at = models.DateTimeField(_("paid or void since"), null=True, blank=True)

    class Meta:
        ordering = ["-issued_on", "-number"]
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "paid", "void"]), name="payments_invoice_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state="open", closed_at__isnull=True)
                | (~models.Q(state="open") & models.Q(closed_at__isnull=False)),
                name="payments_invoice_closed_has_date",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def standing(self) -> str:
        """Open, overdue, paid or void."""
        late = self.state == self.State.OPEN and self.due_on < timezone.now().date()
        return self.OVERDUE if late else str(self.state)
