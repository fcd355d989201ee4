"""How a piece is paid: one ``Purchase`` row per attempt, its history, and what is still to be done after it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from generation.models import Composition


class Purchase(models.Model):
    """One attempt of one buyer to own one composition.

    The partial unique constraint over the live states decides every race for a piece: there is no other lock.
    A refunded or lost purchase keeps the piece out of the shop for ever, since its files have been handed out.
    """

    class State(models.TextChoices):
        HELD = "held", _("held")
        CLAIMED = "claimed", _("payment authorised")
        SOLD = "sold", _("sold")
        EXPIRED = "expired", _("expired")
        CANCELLED = "cancelled", _("cancelled")
        REFUNDED = "refunded", _("refunded")
        DISPUTED = "disputed", _("disputed")
        LOST = "lost", _("dispute lost")

    OVER = (State.EXPIRED, State.CANCELLED)
    """States that free the piece for somebody else."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    composition = models.ForeignKey(
        Composition, on_delete=models.PROTECT, related_name="purchases", verbose_name=_("composition")
    )
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="purchases", verbose_name=_("buyer")
    )
    licensee = models.CharField(_("licensee"), max_length=160)
    price_minor = models.PositiveIntegerField(
        _("price"), help_text=_("In cents, as it was when the piece was held.")
    )
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.HELD)
    expires_at = models.DateTimeField(_("held until"))
    attempt = models.PositiveSmallIntegerField(_("checkout attempt"), default=1)
    session_id = models.CharField(_("Checkout Session"), max_length=255, null=True, blank=True, unique=True)
    checkout_url = models.CharField(_("checkout page"), max_length=2000, blank=True, default="")
    payment_intent_id = models.CharField(
        _("PaymentIntent"), max_length=255, null=True, blank=True, unique=True
    )
    is_test = models.BooleanField(_("test payment"), default=True)
    checked_at = models.DateTimeField(
        _("looked up at Stripe"),
        null=True,
        blank=True,
        help_text=_("When the sweeper last asked Stripe about a hold."),
    )
    terms_version = models.CharField(_("terms"), max_length=20)
    consents = models.JSONField(_("consents given"), default=dict)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        indexes = [models.Index(fields=["state", "expires_at"], name="payments_sweep")]
        constraints = [
            models.UniqueConstraint(
                fields=["composition"],
                condition=~models.Q(state__in=["expired", "cancelled"]),
                name="payments_purchase_one_live",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[
                        "held",
                        "claimed",
                        "sold",
                        "expired",
                        "cancelled",
                        "refunded",
                        "disputed",
                        "lost",
                    ]
                ),
                name="payments_purchase_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(price_minor__gt=0), name="payments_purchase_price_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["held", "expired", "cancelled"])
                | models.Q(payment_intent_id__isnull=False),
                name="payments_purchase_paid_has_intent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


class PurchaseEvent(models.Model):
    """One move of a purchase from one state to another: the history that is never changed."""

    purchase = models.ForeignKey(
        Purchase, on_delete=models.PROTECT, related_name="events", verbose_name=_("purchase")
    )
    from_state = models.CharField(_("from"), max_length=9, blank=True)
    to_state = models.CharField(_("to"), max_length=9)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        ordering = ["created_at", "pk"]
        verbose_name = _("purchase event")
        verbose_name_plural = _("purchase events")

    def __str__(self) -> str:
        return f"{self.from_state or 'new'} → {self.to_state}"


class WebhookEvent(models.Model):
    """An event Stripe delivered, kept by its id so that a second delivery does nothing."""

    event_id = models.CharField(_("event"), primary_key=True, max_length=255)
    type = models.CharField(_("type"), max_length=100)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    processed_at = models.DateTimeField(_("processed"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True, default="")

    class Meta:
        ordering = ["-received_at"]
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class Incident(models.Model):
    """Something about money that must never happen and that a person has to look at."""

    purchase = models.ForeignKey(
        Purchase,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incidents",
        verbose_name=_("purchase"),
    )
    kind = models.CharField(_("kind"), max_length=40)
    detail = models.CharField(_("detail"), max_length=300)
    created_at = models.DateTimeField(_("when"), auto_now_add=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = [
            models.UniqueConstraint(fields=["purchase", "kind"], name="payments_incident_once_per_purchase"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class OutboxMessage(models.Model):
    """Work that a sale leaves behind, written in the sale's own transaction and done by a worker later."""

    class Kind(models.TextChoices):
        DELIVERY = "delivery", _("build the files and sign the certificate")
        RECEIPT = "receipt", _("e-mail the receipt")

    purchase = models.ForeignKey(
        Purchase, on_delete=models.PROTECT, related_name="outbox", verbose_name=_("purchase")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"))
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    error = models.CharField(_("last error"), max_length=300, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        verbose_name = _("outbox message")
        verbose_name_plural = _("outbox messages")
        constraints = [
            models.UniqueConstraint(fields=["purchase", "kind"], name="payments_outbox_once_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.purchase_id}"
