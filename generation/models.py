"""Instruments, the models that compose for them, and the pieces composed.

A ``Composition`` row is the job: the broker only rings a bell. Whoever changes a state does it through
``generation.services``.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Maker
from generation.failures import sentence
from generation.listener_models import Comparison, Favourite, Rating, ReadyMail, ShareLink
from generation.record_models import AudioPrint, RegisterHead, WorkFingerprint, WorkOnRecord
from generation.staff_models import PriceChange

__all__ = [
    "AudioPrint", "Comparison", "ComposerModel", "Composition", "Favourite", "Instrument", "PriceChange", "Rating",
    "ReadyMail",
    "RegisterHead", "ShareLink", "WorkFingerprint", "WorkOnRecord",
]  # fmt: skip

IN_SHOP = models.Q(state="ready", is_private=False) & ~models.Q(retired_because="deleted")
"""Which pieces the shop may show once they are listed. Its indexes hold only these, so it asks for just these."""

NARROWED_BY = ["sale_state", "instrument", "mood", "mode", "tonic", "bpm", "seconds"]
"""What the shop is narrowed by: in its indexes, so that neither list nor count reads the wide rows."""


def _shop_index(*first: str, also: Sequence[str] = (), name: str) -> models.Index:
    taken = {field.lstrip("-") for field in first}
    rest = [field for field in NARROWED_BY if field not in taken]
    return models.Index(fields=[*first, "id", *rest, *also], name=name, condition=IN_SHOP)


class Instrument(models.Model):
    """An instrument a visitor can choose, with its price."""

    slug = models.SlugField(_("slug"), primary_key=True)
    name = models.CharField(_("name"), max_length=60)
    description = models.CharField(_("description"), max_length=200)
    price_minor = models.PositiveIntegerField(
        _("price"),
        validators=[MinValueValidator(100)],
        help_text=_("In the smallest unit of the currency (cents)."),
    )
    currency = models.CharField(_("currency"), max_length=3, default="eur")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("offered"), default=True)

    class Meta:
        ordering = ["position", "slug"]
        verbose_name = _("instrument")
        verbose_name_plural = _("instruments")
        permissions = [("set_price", "Can set the price of an instrument")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(price_minor__gte=100), name="generation_instrument_price_min"
            ),
        ]

    def __str__(self) -> str:
        # The names that ship are in the catalogue of translations; what the staff wrote stays as it is.
        return gettext(self.name)


class ComposerModel(models.Model):
    """A trained network as it ships: weights, card and corpus ledger, by their hashes."""

    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="composer_models", verbose_name=_("instrument")
    )
    version = models.CharField(_("version"), max_length=40)
    weights_sha256 = models.CharField(_("SHA-256 of the weights"), max_length=64)
    ledger_sha256 = models.CharField(_("SHA-256 of the corpus ledger"), max_length=64)
    card = models.JSONField(_("model card"), default=dict)
    is_active = models.BooleanField(_("in use"), default=False)
    created_at = models.DateTimeField(_("registered"), auto_now_add=True)

    class Meta:
        ordering = ["instrument", "-created_at"]
        verbose_name = _("composer model")
        verbose_name_plural = _("composer models")
        permissions = [("activate_composermodel", "Can put a composer model to use")]
        constraints = [
            models.UniqueConstraint(
                fields=["instrument", "weights_sha256"], name="generation_model_weights_once"
            ),
            models.UniqueConstraint(
                fields=["instrument"], condition=models.Q(is_active=True), name="generation_model_one_active"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.version}"


class Composition(models.Model):
    """One piece: what was ordered, how far the work is, what came out, and whether it is for sale.

    ``state`` says how far the worker is, ``sale_state`` what a buyer may do. ``sale_state`` mirrors the purchase that
    holds the piece; both are written in the same transaction.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        COMPOSING = "composing", _("composing")
        RENDERING = "rendering", _("rendering")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class SaleState(models.TextChoices):
        AVAILABLE = "available", _("available")
        ON_HOLD = "on_hold", _("on hold")
        SOLD = "sold", _("sold")
        RETIRED = "retired", _("retired")

    class Retired(models.TextChoices):
        WITHDRAWN = "withdrawn", _("withdrawn by the staff")
        RETURNED = "returned", _("its sale was undone")
        KIN_SOLD = "kin_sold", _("another version of it was sold")
        TOO_NEAR = "too_near", _("too near to a piece that was sold")
        DELETED = "deleted", _("deleted by its maker")

    class Mood(models.TextChoices):
        CALM = "calm", _("calm")
        HAPPY = "happy", _("happy")
        SAD = "sad", _("sad")
        TENSE = "tense", _("tense")
        PLAYFUL = "playful", _("playful")
        SOLEMN = "solemn", _("solemn")

    class Mode(models.TextChoices):
        MAJOR = "major", _("major")
        MINOR = "minor", _("minor")

    class Density(models.TextChoices):
        SPARSE = "sparse", _("sparse")
        MEDIUM = "medium", _("medium")
        BUSY = "busy", _("busy")

    class Register(models.TextChoices):
        LOW = "low", _("low")
        MIDDLE = "middle", _("middle")
        HIGH = "high", _("high")

    class Kind(models.TextChoices):
        ORIGINAL = "original", _("original")
        VARIATION = "variation", _("variation")
        EXTENSION = "extension", _("longer version")
        CUT = "cut", _("cut")

    FIRST_REFUSAL = timedelta(hours=24)
    MAX_ATTEMPTS = 3
    RATED_FROM = 3

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    maker = models.ForeignKey(
        Maker, on_delete=models.PROTECT, related_name="compositions", verbose_name=_("maker")
    )
    title = models.CharField(_("title"), max_length=120, blank=True)
    origin = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="derived",
        verbose_name=_("first of its family"),
        help_text=_("What this variant, variation, cut or extension goes back to; empty for the first one."),
    )

    variant = models.PositiveSmallIntegerField(
        _("variant"), default=0, help_text=_("Of the pieces that one order gives, unlike each other.")
    )

    # What it is made from, if it is made from another piece. Its length is the one ordered.
    kind = models.CharField(_("kind"), max_length=9, choices=Kind, default=Kind.ORIGINAL)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("made from"),
        help_text=_("The piece that this one begins as; empty for an original."),
    )
    from_bar = models.PositiveSmallIntegerField(
        _("new from bar"), null=True, blank=True, help_text=_("Of a variation, counted from 1.")
    )

    # What was ordered. Empty means "no wish": the seed decides.
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="compositions", verbose_name=_("instrument")
    )
    ordered_seconds = models.PositiveSmallIntegerField(
        _("length ordered"), validators=[MinValueValidator(5), MaxValueValidator(180)]
    )
    seed = models.PositiveBigIntegerField(_("seed"))
    seed_is_fixed = models.BooleanField(
        _("seed chosen by the maker"),
        default=False,
        help_text=_("A drawn seed may be drawn again, a chosen one not."),
    )
    mood = models.CharField(_("mood"), max_length=10, choices=Mood, blank=True, default="")
    wished_tonic = models.CharField(_("key wished"), max_length=2, blank=True, default="")
    wished_mode = models.CharField(_("mode wished"), max_length=5, choices=Mode, blank=True, default="")
    wished_bpm = models.PositiveSmallIntegerField(
        _("tempo wished"), null=True, blank=True, validators=[MinValueValidator(30), MaxValueValidator(240)]
    )
    density = models.CharField(_("busyness"), max_length=6, choices=Density, blank=True, default="")
    register = models.CharField(_("register"), max_length=6, choices=Register, blank=True, default="")
    temperature = models.DecimalField(_("temperature"), max_digits=3, decimal_places=2, default="1.00")

    # How far the work is.
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.QUEUED)
    progress = models.PositiveSmallIntegerField(_("percent"), default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim = models.UUIDField(_("worker's claim"), null=True, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(_("heartbeat"), null=True, blank=True)
    failure = models.JSONField(
        _("what went wrong"),
        default=dict,
        blank=True,
        help_text=_("A code, with the numbers of its sentence."),
    )
    error = models.CharField(
        _("what went wrong, in words"),
        max_length=300,
        blank=True,
        default="",
        help_text=_("Only of rows from before there were codes."),
    )
    created_at = models.DateTimeField(_("ordered"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    # What came out.
    model = models.ForeignKey(
        ComposerModel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="compositions",
        verbose_name=_("composer model"),
    )
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    bpm = models.FloatField(_("tempo"), null=True, blank=True)
    tonic = models.CharField(_("key"), max_length=2, blank=True, default="")
    mode = models.CharField(_("mode"), max_length=5, choices=Mode, blank=True, default="")
    metre = models.CharField(_("metre"), max_length=5, blank=True, default="")
    notes = models.PositiveIntegerField(_("notes"), null=True, blank=True)
    fingerprint = models.CharField(_("note fingerprint"), max_length=64, null=True, blank=True, unique=True)
    originality = models.JSONField(_("originality"), default=dict, blank=True)
    timings = models.JSONField(_("timings in seconds"), default=dict, blank=True)
    peaks = models.JSONField(_("waveform peaks"), default=list, blank=True)
    roll = models.JSONField(_("coarse roll"), default=list, blank=True)
    card_wave = models.TextField(_("waveform on cards"), blank=True, default="", editable=False)
    card_roll = models.TextField(_("roll on cards"), blank=True, default="", editable=False)
    preview_sha256 = models.CharField(_("SHA-256 of the preview"), max_length=64, blank=True, default="")
    master_sha256 = models.CharField(_("SHA-256 of the master"), max_length=64, blank=True, default="")

    title_sought = models.GeneratedField(
        verbose_name=_("title as it is looked for"),
        expression=Lower("title"),
        output_field=models.CharField(max_length=120),
        db_persist=True,
        editable=False,
    )

    # What listeners say; written with every rating. A mean of fewer than ``RATED_FROM`` says nothing and is 0.
    stars_count = models.PositiveIntegerField(_("ratings"), default=0)
    stars_mean = models.FloatField(_("mean of the ratings"), default=0.0)

    # Whether it is for sale.
    price_minor = models.PositiveIntegerField(
        _("price"), help_text=_("In cents, as shown when it was ordered.")
    )
    currency = models.CharField(_("currency"), max_length=3)
    sale_state = models.CharField(_("for sale"), max_length=9, choices=SaleState, default=SaleState.AVAILABLE)
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    retired_because = models.CharField(
        _("retired because"), max_length=9, choices=Retired, blank=True, default=""
    )
    listed_from = models.DateTimeField(
        _("in the shop from"), null=True, blank=True, help_text=_("When the maker's first refusal ends.")
    )
    is_private = models.BooleanField(_("kept out of the shop"), default=False)
    is_sandbox = models.BooleanField(
        _("sandbox"),
        default=False,
        help_text=_("A partner's trial: never in the shop, never sold for money."),
    )
    heard_at = models.DateTimeField(
        _("first heard"), null=True, blank=True, help_text=_("When its preview was first asked for.")
    )
    removed_at = models.DateTimeField(
        _("taken out of the library"), null=True, blank=True, help_text=_("By its maker.")
    )

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("composition")
        verbose_name_plural = _("compositions")
        permissions = [
            ("hear_master", "Can hear the master of a composition"),
            ("retry_composition", "Can have a composition composed again"),
            ("withdraw_composition", "Can withdraw a composition"),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"], name="generation_queue"),
            models.Index(fields=["-created_at", "-id"], name="generation_staff_newest"),
            models.Index(
                fields=["title_sought"], opclasses=["varchar_pattern_ops"], name="generation_staff_title"
            ),
            _shop_index("-listed_from", also=["title_sought"], name="generation_shop_newest"),
            _shop_index("seconds", "-listed_from", name="generation_shop_length"),
            _shop_index("bpm", "-listed_from", name="generation_shop_tempo"),
            _shop_index("-stars_mean", "-listed_from", name="generation_shop_stars"),
            _shop_index("price_minor", "-listed_from", name="generation_shop_price"),
            models.Index(fields=["maker", "-created_at"], name="generation_library"),
            models.Index(fields=["seed", "instrument"], name="generation_order"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["queued", "composing", "rendering", "ready", "failed", "cancelled"],
                ),
                name="generation_composition_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(sale_state__in=["available", "on_hold", "sold", "retired"]),
                name="generation_composition_sale_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(sale_state="available") | models.Q(state="ready"),
                name="generation_composition_only_ready_is_sold",
            ),
            models.CheckConstraint(
                condition=models.Q(is_sandbox=False) | models.Q(is_private=True),
                name="generation_composition_sandbox_is_private",
            ),
            models.CheckConstraint(
                condition=models.Q(retired_because="") | models.Q(sale_state="retired"),
                name="generation_composition_only_retired_has_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(variant=0) | models.Q(origin__isnull=False),
                name="generation_composition_variant_has_origin",
            ),
            models.UniqueConstraint(
                fields=["origin", "variant"],
                condition=models.Q(variant__gt=0),
                name="generation_composition_variant_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="original", parent=None, from_bar=None)
                | models.Q(
                    models.Q(kind="variation", from_bar__isnull=False, from_bar__gte=2)
                    | models.Q(kind__in=["extension", "cut"], from_bar=None),
                    origin__isnull=False,
                    parent__isnull=False,
                    variant=0,
                ),
                name="generation_composition_kind_is_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(progress__lte=100), name="generation_composition_progress_percent"
            ),
            models.CheckConstraint(
                condition=models.Q(price_minor__gte=100), name="generation_composition_price_min"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | models.Q(
                    fingerprint__isnull=False,
                    seconds__isnull=False,
                    model__isnull=False,
                    finished_at__isnull=False,
                ),
                name="generation_composition_ready_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)

    @property
    def reason(self) -> str:
        """Why the piece failed, in the language spoken here; empty if it did not."""
        return sentence(self.failure) or self.error

    @property
    def is_working(self) -> bool:
        """Whether a worker has the piece or will have it."""
        return self.state in {self.State.QUEUED, self.State.COMPOSING, self.State.RENDERING}

    def is_listed(self, *, now: datetime) -> bool:
        """Whether the maker's first refusal is over and everybody may find and buy the piece."""
        return (
            self.state == self.State.READY
            and not self.is_private
            and self.listed_from is not None
            and self.listed_from <= now
        )
