"""Partners, whose programs use the API, and the keys by which a request sent twice is done once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Partner(models.Model):
    """A company whose program uses the API: what stands here beside its OAuth2 client, and what it may do.

    ``account`` holds what the partner buys; its clients are the licensees. A sandbox partner moves test money only and
    buys nothing but pieces it has composed in the sandbox.
    """

    class Kind(models.TextChoices):
        LIVE = "live", _("live")
        SANDBOX = "sandbox", _("sandbox")

    client_id = models.CharField(_("client"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind, default=Kind.LIVE)
    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="partner", verbose_name=_("account")
    )
    credit_limit_minor = models.PositiveIntegerField(
        _("credit limit"),
        null=True,
        blank=True,
        help_text=_("In cents: what unpaid invoices may come to. Empty: no invoices."),
    )
    requests_per_minute = models.PositiveIntegerField(_("requests a minute"), default=120)
    compositions_per_day = models.PositiveIntegerField(_("compositions a day"), default=60)
    holds_at_once = models.PositiveSmallIntegerField(_("pieces on hold at once"), default=10)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("partner")
        verbose_name_plural = _("partners")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["live", "sandbox"]), name="accounts_partner_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_sandbox(self) -> bool:
        """Whether nothing this partner does has an effect outside the sandbox."""
        return self.kind == self.Kind.SANDBOX


class IdempotencyKey(models.Model):
    """A request that is done once however often it is sent. Without ``answered_at`` it is being done right now.

    ``request_hash`` is of method, path and body, so that another request under the same key is noticed.
    """

    owner = models.CharField(_("who"), max_length=120)
    key = models.CharField(_("key"), max_length=255)
    request_hash = models.CharField(_("SHA-256 of the request"), max_length=64)
    created_at = models.DateTimeField(_("first seen"))
    claimed_at = models.DateTimeField(_("begun"))
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    headers = models.JSONField(_("headers"), default=dict, blank=True)
    body = models.TextField(_("answer"), blank=True, default="")

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        indexes = [models.Index(fields=["created_at"], name="accounts_idempotency_age")]
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="accounts_idempotency_once"),
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.key}"
