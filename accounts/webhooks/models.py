"""Where partners want to be told, what they are told, and how far each telling is."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class WebhookEndpoint(models.Model):
    """An address of a partner that is told of what happens to their pieces.

    Rows are marked as deleted, never deleted: a sale that tells an endpoint must not fail because it goes at the same
    moment. The secret is not kept, see ``signing``; ``secret_number`` says which one is current.
    """

    class Disabled(models.TextChoices):
        PARTNER = "partner", _("switched off by the partner")
        FAILING = "failing", _("one delivery failed in every attempt")
        GONE = "gone", _("the endpoint answered 410 Gone")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    maker = models.ForeignKey(
        "accounts.Maker", on_delete=models.PROTECT, related_name="webhooks", verbose_name=_("partner")
    )
    url = models.CharField(_("address"), max_length=500)
    description = models.CharField(_("description"), max_length=120, blank=True, default="")
    contact_email = models.EmailField(
        _("contact"), blank=True, default="", help_text=_("Who gets an e-mail when the endpoint is disabled.")
    )
    event_types = models.JSONField(_("event types"), default=list, help_text=_("Empty: every type."))
    is_active = models.BooleanField(_("active"), default=True)
    disabled_because = models.CharField(
        _("disabled because"), max_length=7, choices=Disabled, blank=True, default=""
    )
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    contact_due = models.BooleanField(_("e-mail to the contact is due"), default=False)
    secret_number = models.PositiveIntegerField(_("number of the secret"), default=1)
    previous_secret_until = models.DateTimeField(_("old secret signs until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("webhook endpoint of a partner")
        verbose_name_plural = _("webhook endpoints of partners")
        constraints = [
            models.CheckConstraint(
                condition=Q(is_active=True, disabled_because="")
                | Q(is_active=False) & ~Q(disabled_because=""),
                name="accounts_webhook_inactive_says_why",
            ),
        ]

    def __str__(self) -> str:
        return self.url

    def wants(self, event_type: str) -> bool:
        """Whether events of a type are delivered here."""
        return not self.event_types or event_type in self.event_types


class WebhookEvent(models.Model):
    """Something a partner is told, written in the transaction in which it happened; ``body`` is sent as it stands."""

    id = models.CharField(_("event"), primary_key=True, max_length=40, editable=False)
    # Without a constraint: checking it would lock the maker's row within a sale, which an order of theirs locks first.
    maker = models.ForeignKey(
        "accounts.Maker",
        on_delete=models.PROTECT,
        db_constraint=False,
        related_name="+",
        verbose_name=_("partner"),
    )
    type = models.CharField(_("type"), max_length=40)
    body = models.TextField(_("body"))
    created_at = models.DateTimeField(_("when"))

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("event told to partners")
        verbose_name_plural = _("events told to partners")
        indexes = [models.Index(fields=["created_at"], name="accounts_webhook_event_age")]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint.

    What concerns one ``subject`` arrives in the order of the keys: a row is taken only when no earlier one is open,
    and the partial unique constraint lets one at a time be sent, whatever happens at the same moment.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        SENDING = "sending", _("being sent")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")

    OPEN = (State.PENDING, State.SENDING)

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries", verbose_name=_("endpoint")
    )
    event = models.ForeignKey(
        WebhookEvent, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("event")
    )
    subject = models.CharField(
        _("subject"),
        max_length=40,
        help_text=_("What it is about: what has the same subject arrives in order."),
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(
        _("next attempt"), help_text=_("While it is sent: when another worker may take it.")
    )
    last_attempt_at = models.DateTimeField(_("last attempt"), null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(_("last status"), null=True, blank=True)
    response = models.CharField(_("start of the last answer"), max_length=500, blank=True, default="")
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("delivery to a partner")
        verbose_name_plural = _("deliveries to partners")
        indexes = [
            models.Index(
                fields=["endpoint", "next_at"],
                condition=Q(state__in=["pending", "sending"]),
                name="accounts_webhook_due",
            ),
            models.Index(
                fields=["endpoint", "subject", "id"],
                condition=Q(state__in=["pending", "sending"]),
                name="accounts_webhook_order",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="accounts_webhook_event_once"),
            models.UniqueConstraint(
                fields=["endpoint", "subject"],
                condition=Q(state="sending"),
                name="accounts_webhook_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}"

    @classmethod
    def due(cls) -> QuerySet[WebhookDelivery]:
        """Return what may be sent now: no earlier delivery about the same subject is open."""
        earlier = cls.objects.filter(
            endpoint=OuterRef("endpoint"),
            subject=OuterRef("subject"),
            state__in=cls.OPEN,
            pk__lt=OuterRef("pk"),
        )
        rows = cls.objects.filter(
            ~Exists(earlier), state__in=cls.OPEN, next_at__lte=timezone.now(), endpoint__is_active=True,
            endpoint__deleted_at=None,
        )  # fmt: skip
        return rows.order_by("next_at", "pk")

    def take(self, *, until: datetime) -> bool:
        """Take the row by one conditional UPDATE. Raises ``IntegrityError`` if one about its subject is being sent."""
        rows = WebhookDelivery.due().order_by().filter(pk=self.pk, next_at=self.next_at)
        # A queryset with a join cannot be updated everywhere; its keys can.
        ours = WebhookDelivery.objects.filter(
            pk__in=rows.values("pk"), next_at=self.next_at, state__in=self.OPEN
        )
        taken = ours.update(
            state=self.State.SENDING,
            attempts=F("attempts") + 1,
            next_at=until,
            last_attempt_at=timezone.now(),
        )
        if taken != 1:
            return False
        self.state, self.next_at, self.attempts = self.State.SENDING, until, self.attempts + 1
        return True
