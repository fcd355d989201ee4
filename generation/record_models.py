"""What is kept of finished pieces to compare others with: lines and fingerprints, audio prints, and who may decide.

They are imported by ``generation.models``, which is where to get them from.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class WorkOnRecord(models.Model):
    """What is kept of a finished piece for comparison: its lines, as ``originality.record`` packs them.

    The number is short because millions of fingerprints repeat it.
    """

    id = models.AutoField(primary_key=True)
    composition = models.OneToOneField(
        "generation.Composition",
        on_delete=models.CASCADE,
        related_name="on_record",
        verbose_name=_("composition"),
    )
    lines = models.BinaryField(_("lines"))

    class Meta:
        verbose_name = _("work on record")
        verbose_name_plural = _("works on record")

    def __str__(self) -> str:
        return str(self.composition_id)


class WorkFingerprint(models.Model):
    """One fingerprint of a work on record: what a later piece shares with it if it comes near.

    The key is the index that is asked; nothing is ever looked up by the work, so there is no other.
    """

    pk = models.CompositePrimaryKey("run_hash", "work")
    run_hash = models.BigIntegerField(
        _("hash of the run"), help_text=_("64 bits, stored as a signed integer.")
    )
    work = models.ForeignKey(
        WorkOnRecord,
        on_delete=models.CASCADE,
        related_name="fingerprints",
        db_index=False,
        verbose_name=_("work"),
    )

    class Meta:
        verbose_name = _("fingerprint of a run")
        verbose_name_plural = _("fingerprints of runs")

    def __str__(self) -> str:
        return f"{self.work_id}: {self.run_hash}"


class AudioPrint(models.Model):
    """What a finished piece's recording is known by again: the Chromaprint of its master, as 32-bit words."""

    composition = models.OneToOneField(
        "generation.Composition",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="audio_print",
        verbose_name=_("composition"),
    )
    words = models.BinaryField(_("words"), help_text=_("Unsigned 32-bit integers, least byte first."))

    class Meta:
        verbose_name = _("audio print")
        verbose_name_plural = _("audio prints")

    def __str__(self) -> str:
        return str(self.composition_id)


class RegisterHead(models.Model):
    """The one row that is locked by whoever decides whether a piece is still unlike all that were sold."""

    class Meta:
        verbose_name = _("head of the register")
        verbose_name_plural = _("head of the register")

    def __str__(self) -> str:
        return "register"
