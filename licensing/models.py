"""Whose a piece is: the exclusive right, its certificate and the files that go with it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from generation.models import Composition


class ExclusiveRight(models.Model):
    """The one exclusive right in a composition. The one-to-one key is what makes it exclusive."""

    class State(models.TextChoices):
        IN_FORCE = "in_force", _("in force")
        SUSPENDED = "suspended", _("suspended")
        REVOKED = "revoked", _("revoked")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    composition = models.OneToOneField(
        Composition, on_delete=models.PROTECT, related_name="right", verbose_name=_("composition")
    )
    purchase_id = models.UUIDField(_("purchase"), unique=True, editable=False)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rights", verbose_name=_("holder")
    )
    licensee = models.CharField(
        _("licensee"), max_length=160, help_text=_("Person or company, as on the certificate.")
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.IN_FORCE)
    granted_at = models.DateTimeField(_("granted"))
    ended_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")

    class Meta:
        ordering = ["-granted_at"]
        verbose_name = _("exclusive right")
        verbose_name_plural = _("exclusive rights")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["in_force", "suspended", "revoked"]),
                name="licensing_right_state_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="revoked") | models.Q(ended_at__isnull=False),
                name="licensing_right_revoked_has_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.licensee}: {self.composition}"


class Certificate(models.Model):
    """The proof of an exclusive right, under its Copyright ID.

    ``facts`` are frozen in the transaction of the sale. ``document`` is the canonical JSON that was signed once the
    files were built; it is written once and never changed.
    """

    copyright_id = models.CharField(_("Copyright ID"), primary_key=True, max_length=24)
    right = models.OneToOneField(
        ExclusiveRight, on_delete=models.PROTECT, related_name="certificate", verbose_name=_("right")
    )
    is_test = models.BooleanField(_("test, no legal effect"), default=False)
    facts = models.JSONField(_("facts of the sale"))
    document = models.TextField(_("signed document"), blank=True, default="")
    signature = models.CharField(_("signature"), max_length=100, blank=True, default="")
    key_id = models.CharField(_("signing key"), max_length=32, blank=True, default="")
    issued_at = models.DateTimeField(_("issued"))
    signed_at = models.DateTimeField(_("signed"), null=True, blank=True)

    class Meta:
        ordering = ["-issued_at"]
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(document="", signature="", key_id="", signed_at__isnull=True)
                | (
                    ~models.Q(document="")
                    & ~models.Q(signature="")
                    & ~models.Q(key_id="")
                    & models.Q(signed_at__isnull=False)
                ),
                name="licensing_certificate_signed_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.copyright_id


class DeliveredFile(models.Model):
    """One file that belongs to the owner, with its checksum. The bytes lie in the private storage."""

    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, related_name="files", verbose_name=_("certificate")
    )
    name = models.CharField(_("file name"), max_length=80)
    size = models.PositiveBigIntegerField(_("bytes"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)

    class Meta:
        ordering = ["name"]
        verbose_name = _("delivered file")
        verbose_name_plural = _("delivered files")
        constraints = [
            models.UniqueConstraint(fields=["certificate", "name"], name="licensing_file_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.certificate_id}/{self.name}"
