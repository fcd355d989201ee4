"""Whose a piece is: the exclusive right, its certificate and the files that go with it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from generation.leases import LeasedRow
from generation.models import Composition
from licensing.chain import BEFORE_THE_FIRST
from licensing.complaint_models import Complaint, ComplaintEvent, RegisterCheck

REFUSALS = {
    "not_in_force": _("The right in this piece is not in force."),
    "too_near": _(
        "Each ending that was composed came too near to another work. Ask again, and others are tried."
    ),
    "disk_full": _("This could not be made: our disk is full. Ask again later."),
    "unforeseen": _("This could not be made: something went wrong on our side. Ask again later."),
}
"""What the codes say that a worker leaves of a cut or a loop it could not make."""

__all__ = [
    "Certificate", "ChainHead", "Complaint", "ComplaintEvent", "DeliveredFile", "ExclusiveRight", "Extra",
    "RegisterCheck", "RegisterEntry", "Replacement",
]  # fmt: skip


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
        indexes = [models.Index(fields=["-granted_at", "-id"], name="licensing_staff_rights")]
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

    @property
    def certificate(self) -> Certificate:
        """The current certificate. Prefetch ``certificates`` before asking many rights for theirs."""
        return next(one for one in self.certificates.all() if one.state == Certificate.State.CURRENT)

    @property
    def buyer_id(self) -> int:
        """The account that bought the piece, whoever holds the right now."""
        return min(self.certificates.all(), key=lambda one: one.issued_at).holder_id


class Certificate(models.Model):
    """A proof of an exclusive right, under its Copyright ID. Of each right exactly one is current.

    ``facts`` are frozen in the transaction that issues it. ``document`` is the canonical JSON that was signed once the
    files were built; it is written once. Triggers refuse a change of either. ``holder`` is the account it was issued
    to: a certificate that was replaced stays readable there.
    """

    class State(models.TextChoices):
        CURRENT = "current", _("current")
        TRANSFERRED = "transferred", _("transferred")
        SUPERSEDED = "superseded", _("superseded")

    copyright_id = models.CharField(_("Copyright ID"), primary_key=True, max_length=24)
    right = models.ForeignKey(
        ExclusiveRight, on_delete=models.PROTECT, related_name="certificates", verbose_name=_("right")
    )
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="certificates",
        verbose_name=_("holder"),
    )
    state = models.CharField(_("state"), max_length=11, choices=State, default=State.CURRENT)
    successor = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="predecessor",
        verbose_name=_("replaced by"),
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
        indexes = [models.Index(fields=["-issued_at", "-copyright_id"], name="licensing_staff_certificates")]
        constraints = [
            models.UniqueConstraint(
                fields=["right"],
                condition=models.Q(state="current"),
                name="licensing_certificate_one_current",
            ),
            models.CheckConstraint(
                condition=models.Q(state="current", successor__isnull=True)
                | models.Q(state__in=["transferred", "superseded"], successor__isnull=False),
                name="licensing_certificate_replaced_by_one",
            ),
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


class ChainHead(models.Model):
    """How far the public register reaches: one row, locked by whoever appends, last of all locks."""

    number = models.PositiveBigIntegerField(_("last entry"), default=0)
    hash = models.CharField(_("hash of the last entry"), max_length=64, default=BEFORE_THE_FIRST)

    class Meta:
        verbose_name = _("head of the register")
        verbose_name_plural = _("head of the register")

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


class RegisterEntry(models.Model):
    """One entry of the public register; ``chain.Entry`` says what its hash is of. Triggers keep it append-only.

    ``note`` is kept to ourselves: the canonical JSON with reason and salt that ``digest`` is of, where neither facts
    nor a document are what the entry is about.
    """

    class Kind(models.TextChoices):
        ISSUED = "issued", _("issued")
        SIGNED = "signed", _("signed")
        SUSPENDED = "suspended", _("suspended")
        RESTORED = "restored", _("restored")
        REVOKED = "revoked", _("revoked")
        TRANSFERRED = "transferred", _("transferred")
        SUPERSEDED = "superseded", _("superseded")

    number = models.PositiveBigIntegerField(_("number"), primary_key=True)
    kind = models.CharField(_("kind"), max_length=11, choices=Kind)
    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, related_name="entries", verbose_name=_("certificate")
    )
    at = models.DateTimeField(_("when"), help_text=_("UTC, in whole seconds."))
    digest = models.CharField(_("digest"), max_length=64)
    successor = models.CharField(_("replaced by"), max_length=24, blank=True, default="")
    previous = models.CharField(_("hash of the entry before"), max_length=64, unique=True)
    hash = models.CharField(_("hash"), max_length=64, unique=True)
    note = models.TextField(_("note"), blank=True, default="")

    class Meta:
        ordering = ["number"]
        verbose_name = _("register entry")
        verbose_name_plural = _("register entries")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=[
                        "issued", "signed", "suspended", "restored", "revoked", "transferred", "superseded",
                    ]
                ),
                name="licensing_entry_kind_known",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.number}: {self.certificate_id} {self.kind}"


class Replacement(LeasedRow):
    """What is left to do once a certificate replaces another: its files, then the e-mails. The row is the job.

    Who asked, and why, stands in the note of the register's entry.
    """

    certificate = models.OneToOneField(
        Certificate, on_delete=models.PROTECT, related_name="replacement", verbose_name=_("new certificate")
    )

    class Meta:
        ordering = ["not_before"]
        verbose_name = _("replacement")
        verbose_name_plural = _("replacements")

    def __str__(self) -> str:
        return str(self.certificate_id)


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


class Extra(models.Model):
    """A cut or a loop of a sold piece, made when its owner asks for it.

    The row is the job: a worker claims it, and the bell may be lost. ``document`` is the signed list of its files,
    since that of the certificate is closed. In the private storage lies one archive, whose checksum is ``sha256``.
    """

    class Kind(models.TextChoices):
        CUT_60 = "cut-60", _("cut of 60 seconds")
        CUT_30 = "cut-30", _("cut of 30 seconds")
        CUT_15 = "cut-15", _("cut of 15 seconds")
        LOOP = "loop", _("seamless loop")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        BUILDING = "building", _("in work")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, related_name="extras", verbose_name=_("certificate")
    )
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim = models.UUIDField(_("worker's claim"), null=True, blank=True, editable=False)
    error = models.CharField(_("error"), max_length=300, blank=True, default="")
    size = models.PositiveBigIntegerField(_("bytes"), null=True, blank=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True, default="")
    document = models.TextField(_("signed list of files"), blank=True, default="")
    signature = models.CharField(_("signature"), max_length=100, blank=True, default="")
    key_id = models.CharField(_("signing key"), max_length=32, blank=True, default="")
    requested_at = models.DateTimeField(_("requested"))
    changed_at = models.DateTimeField(_("last change"))

    class Meta:
        ordering = ["certificate", "kind"]
        verbose_name = _("extra")
        verbose_name_plural = _("extras")
        constraints = [
            models.UniqueConstraint(fields=["certificate", "kind"], name="licensing_extra_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["cut-60", "cut-30", "cut-15", "loop"]),
                name="licensing_extra_kind_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "building", "ready", "failed"]),
                name="licensing_extra_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state="building", claim__isnull=False)
                | (~models.Q(state="building") & models.Q(claim__isnull=True)),
                name="licensing_extra_claim_while_building",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | (
                    models.Q(size__isnull=False)
                    & ~models.Q(sha256="")
                    & ~models.Q(document="")
                    & ~models.Q(signature="")
                    & ~models.Q(key_id="")
                ),
                name="licensing_extra_ready_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.certificate_id}/{self.kind}"

    @property
    def reason(self) -> str:
        """Why it failed, in the language spoken here; rows from before there were codes keep their words."""
        return str(REFUSALS.get(self.error, self.error))
