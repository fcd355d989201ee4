"""What listeners leave behind: ratings, favourites, links they share, answers to blind pairs, mails they wait for."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Maker
from generation.leases import LeasedRow


class Rating(models.Model):
    """How one listener likes one piece, from 1 (discordant) to 5 (melodious). Rating again replaces it."""

    class Stars(models.IntegerChoices):
        DISCORDANT = 1, _("discordant")
        RATHER_DISCORDANT = 2, _("rather discordant")
        IN_BETWEEN = 3, _("in between")
        RATHER_MELODIOUS = 4, _("rather melodious")
        MELODIOUS = 5, _("melodious")

    composition = models.ForeignKey(
        "generation.Composition",
        on_delete=models.CASCADE,
        related_name="ratings",
        verbose_name=_("composition"),
    )
    maker = models.ForeignKey(
        Maker, on_delete=models.CASCADE, related_name="ratings", verbose_name=_("listener")
    )
    stars = models.PositiveSmallIntegerField(_("stars"), choices=Stars)
    rated_at = models.DateTimeField(_("rated"), auto_now=True)

    class Meta:
        ordering = ["-rated_at"]
        verbose_name = _("rating")
        verbose_name_plural = _("ratings")
        constraints = [
            models.UniqueConstraint(
                fields=["composition", "maker"], name="generation_rating_one_per_listener"
            ),
            models.CheckConstraint(
                condition=models.Q(stars__gte=1, stars__lte=5), name="generation_rating_stars_1_to_5"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.composition_id}: {self.stars}"


class Favourite(models.Model):
    """A piece that somebody wants to find again. Of several makers of one person, any may have kept it."""

    maker = models.ForeignKey(
        Maker, on_delete=models.CASCADE, related_name="favourites", verbose_name=_("listener")
    )
    composition = models.ForeignKey(
        "generation.Composition",
        on_delete=models.CASCADE,
        related_name="favourites",
        verbose_name=_("composition"),
    )
    kept_at = models.DateTimeField(_("kept"), auto_now_add=True)

    class Meta:
        ordering = ["-kept_at"]
        verbose_name = _("favourite")
        verbose_name_plural = _("favourites")
        constraints = [
            models.UniqueConstraint(fields=["maker", "composition"], name="generation_favourite_once"),
        ]

    def __str__(self) -> str:
        return str(self.composition_id)


class ShareLink(models.Model):
    """An unlisted address under which a piece may be heard until it expires or its maker revokes it.

    Only the token's hash is kept. The token itself is made from the key of the row and the server's secret, so that
    its maker can be shown the address again, and nobody who reads the database can.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    composition = models.ForeignKey(
        "generation.Composition",
        on_delete=models.CASCADE,
        related_name="share_links",
        verbose_name=_("composition"),
    )
    token_sha256 = models.CharField(_("SHA-256 of the token"), max_length=64, unique=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("share link")
        verbose_name_plural = _("share links")

    def __str__(self) -> str:
        return f"{self.composition_id} until {self.expires_at:%Y-%m-%d %H:%M}"

    def is_open(self, *, now: datetime) -> bool:
        """Whether the link still leads to its piece."""
        return self.revoked_at is None and now < self.expires_at


class Comparison(models.Model):
    """Two pieces that were drawn for a listener to compare without names, and what they answered.

    ``one`` is the piece with the smaller key, so that a pair is the same whichever is heard first; ``one_is_a`` is
    the order that was drawn. A row without an answer is a pair that was drawn and left.
    """

    class Preferred(models.TextChoices):
        A = "a", _("the first")
        B = "b", _("the second")
        NEITHER = "neither", _("no difference")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    maker = models.ForeignKey(
        Maker, on_delete=models.CASCADE, related_name="comparisons", verbose_name=_("listener")
    )
    one = models.ForeignKey(
        "generation.Composition", on_delete=models.CASCADE, related_name="+", verbose_name=_("one piece")
    )
    other = models.ForeignKey(
        "generation.Composition", on_delete=models.CASCADE, related_name="+", verbose_name=_("other piece")
    )
    one_is_a = models.BooleanField(_("the one is heard first"))
    preferred = models.CharField(_("preferred"), max_length=7, choices=Preferred, blank=True, default="")
    stars_a = models.PositiveSmallIntegerField(
        _("stars of the first"), choices=Rating.Stars, null=True, blank=True
    )
    stars_b = models.PositiveSmallIntegerField(
        _("stars of the second"), choices=Rating.Stars, null=True, blank=True
    )
    drawn_at = models.DateTimeField(_("drawn"), auto_now_add=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)

    class Meta:
        ordering = ["-drawn_at"]
        verbose_name = _("comparison")
        verbose_name_plural = _("comparisons")
        constraints = [
            models.UniqueConstraint(
                fields=["maker", "one", "other"], name="generation_comparison_once_a_listener"
            ),
            models.CheckConstraint(
                condition=models.Q(one__lt=models.F("other")), name="generation_comparison_in_order"
            ),
            models.CheckConstraint(
                condition=models.Q(preferred="", answered_at__isnull=True)
                | models.Q(preferred__in=["a", "b", "neither"], answered_at__isnull=False),
                name="generation_comparison_answer_is_whole",
            ),
            models.CheckConstraint(
                condition=(models.Q(stars_a=None) | models.Q(stars_a__gte=1, stars_a__lte=5))
                & (models.Q(stars_b=None) | models.Q(stars_b__gte=1, stars_b__lte=5)),
                name="generation_comparison_stars_1_to_5",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.one_id} / {self.other_id}: {self.preferred or '–'}"


class ReadyMail(LeasedRow):
    """One mail that somebody asked for about an order in work, to an account or to a guest's address.

    The row is erased with what it was for, and its address with it.
    """

    composition = models.ForeignKey(
        "generation.Composition",
        on_delete=models.CASCADE,
        related_name="ready_mails",
        verbose_name=_("first piece of the order"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    email = models.EmailField(_("address of a guest"), blank=True, default="")
    language = models.CharField(_("language of a guest"), max_length=10, blank=True, default="")
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        verbose_name = _("mail that is waited for")
        verbose_name_plural = _("mails that are waited for")
        constraints = [
            models.UniqueConstraint(
                fields=["composition", "user"], name="generation_ready_mail_once_per_user"
            ),
            models.UniqueConstraint(
                fields=["composition", "email"],
                condition=models.Q(user=None),
                name="generation_ready_mail_once_per_address",
            ),
            models.CheckConstraint(
                condition=(models.Q(user=None) & ~models.Q(email=""))
                | models.Q(user__isnull=False, email=""),
                name="generation_ready_mail_one_reader",
            ),
        ]

    def __str__(self) -> str:
        return str(self.composition_id)

    def finish(self) -> None:
        """Erase the row, and with it the address."""
        type(self).objects.filter(pk=self.pk).delete()
