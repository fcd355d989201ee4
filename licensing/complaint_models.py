"""Complaints about a piece or a certificate, and what became of them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from generation.models import Composition


class Complaint(models.Model):
    """What somebody, with or without an account, says is wrong. ``licensing.complaints`` does every write."""

    class About(models.TextChoices):
        MY_WORK = "my_work", _("It sounds like a work of mine, or of somebody I speak for")
        CLAIMED = "claimed", _("A platform claims a piece that I own")
        CERTIFICATE = "certificate", _("A certificate is wrong, or somebody misuses it")
        UNLAWFUL = "unlawful", _("Something here is unlawful or offends")
        OTHER = "other", _("Something else")

    class State(models.TextChoices):
        NEW = "new", _("new")
        IN_WORK = "in_work", _("in work")
        ANSWERED = "answered", _("answered")
        REJECTED = "rejected", _("rejected")
        UPHELD = "upheld", _("upheld")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    about = models.CharField(_("what it is about"), max_length=11, choices=About)
    named = models.CharField(_("piece or certificate, as written"), max_length=200, blank=True, default="")
    composition = models.ForeignKey(
        Composition,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="complaints",
        verbose_name=_("composition"),
    )
    certificate = models.ForeignKey(
        "licensing.Certificate",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="complaints",
        verbose_name=_("certificate"),
    )
    name = models.CharField(_("name"), max_length=160)
    email = models.EmailField(_("e-mail address"), max_length=254)
    text = models.TextField(_("what is wrong"), max_length=4000)
    language = models.CharField(_("language"), max_length=8, default="en")
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.NEW)
    filed_at = models.DateTimeField(_("filed"), default=timezone.now)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)

    class Meta:
        ordering = ["-filed_at"]
        verbose_name = _("complaint")
        verbose_name_plural = _("complaints")
        indexes = [models.Index(fields=["state", "-filed_at"], name="licensing_complaint_state")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["new", "in_work", "answered", "rejected", "upheld"]),
                name="licensing_complaint_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{str(self.id)[:8]} {self.name}"


class ComplaintEvent(models.Model):
    """One move of a complaint, with what the complainant was told. ``mailed_at`` is empty until that mail was sent."""

    complaint = models.ForeignKey(
        Complaint, on_delete=models.PROTECT, related_name="events", verbose_name=_("complaint")
    )
    from_state = models.CharField(_("from"), max_length=8, blank=True)
    to_state = models.CharField(_("to"), max_length=8)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("who"),
    )
    text = models.TextField(_("what the complainant was told"), blank=True, default="")
    at = models.DateTimeField(_("when"), default=timezone.now)
    mailed_at = models.DateTimeField(_("mailed"), null=True, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        verbose_name = _("move of a complaint")
        verbose_name_plural = _("moves of complaints")

    def __str__(self) -> str:
        return f"{self.from_state or 'filed'} → {self.to_state}"


class RegisterCheck(models.Model):
    """What one check of the register found: the nightly one, or one that the staff asked for."""

    at = models.DateTimeField(_("when"), default=timezone.now)
    entries = models.PositiveBigIntegerField(_("entries"))
    certificates = models.PositiveIntegerField(_("certificates"))
    faults = models.PositiveIntegerField(_("faults"))
    first_faults = models.JSONField(_("the first faults"), default=list, blank=True)

    class Meta:
        ordering = ["-at"]
        verbose_name = _("check of the register")
        verbose_name_plural = _("checks of the register")

    def __str__(self) -> str:
        return f"{self.entries} entries, {self.faults} faults"
