"""How a piece is paid: one ``Purchase`` row per attempt, its history, and what is still to be done after it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from generation.leases import LeasedRow
from generation.models import Composition
from payments.invoice_models import Invoice

__all__ = [
    "Declaration", "Incident", "Invoice", "OutboxMessage", "Purchase", "PurchaseEvent", "WebhookEvent",
]  # fmt: skip


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
        REVOKED = "revoked", _("revoked")

    class Method(models.TextChoices):
        CHECKOUT = "checkout", _("checkout")
        INVOICE = "invoice", _("invoice")

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
    total_minor = models.PositiveIntegerField(
        _("paid"), null=True, blank=True, help_text=_("In cents, with all taxes; empty until it is paid.")
    )
    tax_minor = models.PositiveIntegerField(
        _("tax in it"), null=True, blank=True, help_text=_("In cents, as Stripe Tax computed it.")
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.HELD)
    expires_at = models.DateTimeField(_("held until"))
    attempt = models.PositiveSmallIntegerField(_("checkout attempt"), default=1)
    session_id = models.CharField(_("Checkout Session"), max_length=255, null=True, blank=True, unique=True)
    checkout_url = models.CharField(_("checkout page"), max_length=2000, blank=True, default="")
    payment_intent_id = models.CharField(
        _("PaymentIntent"), max_length=255, null=True, blank=True, unique=True
    )
    method = models.CharField(_("paid by"), max_length=8, choices=Method, default=Method.CHECKOUT)
    is_test = models.BooleanField(_("test payment"), default=True)
    is_sandbox = models.BooleanField(
        _("sandbox"),
        default=False,
        help_text=_("Of a partner's trial: it knows the built-in test gateway only."),
    )
    return_url = models.CharField(
        _("where the payer goes afterwards"), max_length=2000, blank=True, default=""
    )
    checked_at = models.DateTimeField(
        _("looked up at Stripe"),
        null=True,
        blank=True,
        help_text=_("When the sweeper last asked Stripe about a hold."),
    )
    terms_version = models.CharField(_("terms"), max_length=20)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        permissions = [
            ("settle_purchase", "Can ask Stripe and settle a purchase"),
            ("release_purchase", "Can cancel a hold"),
            ("retire_purchase", "Can withdraw a piece that is on hold"),
            ("refund_purchase", "Can refund a purchase"),
            ("revoke_purchase", "Can revoke a right without a refund"),
        ]
        indexes = [
            models.Index(fields=["state", "expires_at"], name="payments_sweep"),
            models.Index(fields=["-created_at", "-id"], name="payments_staff_newest"),
        ]
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
                        "revoked",
                    ]
                ),
                name="payments_purchase_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(price_minor__gt=0), name="payments_purchase_price_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["held", "expired", "cancelled"])
                | models.Q(payment_intent_id__isnull=False)
                | models.Q(method="invoice"),
                name="payments_purchase_paid_has_intent",
            ),
            models.CheckConstraint(
                condition=models.Q(method="checkout")
                | models.Q(session_id__isnull=True, payment_intent_id__isnull=True),
                name="payments_purchase_invoice_has_no_checkout",
            ),
            models.CheckConstraint(
                condition=models.Q(is_sandbox=False) | models.Q(is_test=True),
                name="payments_purchase_sandbox_is_test",
            ),
            # The ids of the sandbox's gateway say so: neither gateway is ever asked for what lies in the other.
            models.CheckConstraint(
                condition=models.Q(session_id__isnull=True)
                | models.Q(is_sandbox=True, session_id__startswith="cs_sandbox_")
                | (models.Q(is_sandbox=False) & ~models.Q(session_id__startswith="cs_sandbox_")),
                name="payments_purchase_sandbox_has_own_gateway",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"

    @property
    def paid_minor(self) -> int:
        """What the buyer pays or paid, in cents."""
        return self.price_minor if self.total_minor is None else self.total_minor


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
        indexes = [models.Index(fields=["to_state", "created_at"], name="payments_event_sales")]

    def __str__(self) -> str:
        return f"{self.from_state or 'new'} → {self.to_state}"


class Declaration(models.Model):
    """What a buyer declared about a purchase, in the words they saw. Rows are added and never changed."""

    class Kind(models.TextChoices):
        IMMEDIATE_DELIVERY = "immediate_delivery", _("consent to immediate delivery")
        WITHDRAWAL_LOST = "withdrawal_lost", _("knowledge that the right of withdrawal ends")
        WITHDRAWAL = "withdrawal", _("withdrawal")

    purchase = models.ForeignKey(
        Purchase, on_delete=models.PROTECT, related_name="declarations", verbose_name=_("purchase")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("who")
    )
    kind = models.CharField(_("kind"), max_length=18, choices=Kind)
    text = models.TextField(_("words shown"))
    sha256 = models.CharField(_("SHA-256 of the words"), max_length=64)
    terms_version = models.CharField(_("terms"), max_length=20)
    declared_at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        ordering = ["declared_at", "pk"]
        verbose_name = _("declaration of a buyer")
        verbose_name_plural = _("declarations of buyers")
        constraints = [
            models.UniqueConstraint(
                fields=["purchase", "kind", "sha256"], name="payments_declaration_once_per_wording"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.purchase_id}"


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


class OutboxMessage(LeasedRow):
    """Work that a sale leaves behind, written in the sale's own transaction and done by a worker later."""

    class Kind(models.TextChoices):
        DELIVERY = "delivery", _("build the files and sign the certificate")
        RECEIPT = "receipt", _("e-mail the receipt")
        LET_GO = "let_go", _("close the checkout of a hold that was lost")
        WITHDRAW = "withdraw", _("send the money of a withdrawn purchase back")
        MAIL_HOLD_LOST = "mail_hold_lost", _("e-mail that a hold was lost")
        MAIL_WITHDRAWN = "mail_withdrawn", _("e-mail that a withdrawal arrived")
        MAIL_REFUNDED = "mail_refunded", _("e-mail about a refund")
        MAIL_DISPUTED = "mail_disputed", _("e-mail about a dispute")
        MAIL_RESTORED = "mail_restored", _("e-mail about a dispute that was won")
        MAIL_LOST = "mail_lost", _("e-mail about a dispute that was lost")
        MAIL_REVOKED = "mail_revoked", _("e-mail about a revoked right")

    purchase = models.ForeignKey(
        Purchase, on_delete=models.PROTECT, related_name="outbox", verbose_name=_("purchase")
    )
    kind = models.CharField(_("kind"), max_length=14, choices=Kind)
    event = models.ForeignKey(
        PurchaseEvent,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("move it follows"),
        help_text=_("What may happen to a purchase again is told again."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        verbose_name = _("outbox message")
        verbose_name_plural = _("outbox messages")
        constraints = [
            models.UniqueConstraint(
                fields=["purchase", "kind"],
                condition=models.Q(event=None),
                name="payments_outbox_once_per_kind",
            ),
            models.UniqueConstraint(fields=["event", "kind"], name="payments_outbox_once_per_event"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.purchase_id}"
