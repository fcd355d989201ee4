"""How orders, pieces and instruments look in the API."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from generation import links, orders, selectors
from generation.composer.players import PLAYERS
from generation.composer.score import TONICS
from generation.models import Composition, Instrument
from generation.orders import OrderFields
from generation.titles import title_of
from generation.versions import KIND_CHOICES, Version

SaleState = Composition.SaleState


class OrderSerializer(serializers.Serializer):
    """What may be ordered. Everything but the instrument may be left out."""

    instrument = serializers.CharField(max_length=50, help_text="The slug of an instrument, such as `piano`.")
    seconds = serializers.IntegerField(
        min_value=orders.SECONDS_MIN, max_value=orders.SECONDS_MAX, default=orders.DEFAULT_SECONDS
    )
    seed = serializers.IntegerField(
        min_value=0,
        max_value=orders.SEED_MAX,
        required=False,
        allow_null=True,
        help_text="The same seed with the same wishes gives the same notes. Left out: one is drawn.",
    )
    mood = serializers.ChoiceField(Composition.Mood.choices, required=False, allow_blank=True)
    tonic = serializers.CharField(
        max_length=3, required=False, allow_blank=True, help_text="Such as `C`, `F#`, `Eb`."
    )
    mode = serializers.ChoiceField(Composition.Mode.choices, required=False, allow_blank=True)
    bpm = serializers.IntegerField(
        min_value=orders.BPM_MIN, max_value=orders.BPM_MAX, required=False, allow_null=True
    )
    density = serializers.ChoiceField(Composition.Density.choices, required=False, allow_blank=True)
    register = serializers.ChoiceField(
        Composition.Register.choices,
        required=False,
        allow_blank=True,
        help_text="Whether the notes lie low, in the middle or high on the instrument.",
    )
    temperature = serializers.DecimalField(
        max_digits=3,
        decimal_places=2,
        min_value=orders.TEMPERATURE_MIN,
        max_value=orders.TEMPERATURE_MAX,
        default=orders.DEFAULT_TEMPERATURE,
        coerce_to_string=False,
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown_fields(self)
        return attrs

    def order(self) -> OrderFields:
        """Return the order of valid data."""
        return OrderFields(**self.validated_data)


class VersionSerializer(serializers.Serializer):
    """What is to be made from a piece: a variation from a bar on, or a longer version or a cut of so many seconds."""

    kind = serializers.ChoiceField(KIND_CHOICES)
    from_bar = serializers.IntegerField(
        min_value=2,
        required=False,
        help_text="Of a variation: the first bar with new notes, counted from 1; the last bar but one at most.",
    )
    seconds = serializers.IntegerField(
        min_value=orders.SECONDS_MIN,
        max_value=orders.SECONDS_MAX,
        required=False,
        help_text="Of an extension, more than the piece lasts; of a cut, less.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown_fields(self)
        return attrs

    def version(self) -> Version:
        """Return what valid data ask for."""
        return Version(**self.validated_data)


def refuse_unknown_fields(serializer: serializers.Serializer) -> None:
    """Raise ``ValidationError`` for what was sent and is no field: a typing error must not pass as no wish."""
    unknown = set(serializer.initial_data) - set(serializer.fields)
    if unknown:
        message = _("There is no such field. Known are: %(known)s.") % {"known": ", ".join(serializer.fields)}
        raise serializers.ValidationError({field: [message] for field in sorted(unknown)})


class PriceSerializer(serializers.Serializer):
    amount_minor = serializers.IntegerField(help_text="In the smallest unit of the currency (cents).")
    currency = serializers.CharField()


def price_of(thing: Instrument | Composition) -> dict[str, Any]:
    """Return what something costs, as the API says it."""
    return {"amount_minor": thing.price_minor, "currency": thing.currency}


class RightsSerializer(serializers.Serializer):
    """What may be done with a piece, by whom, and under which terms."""

    permissions = serializers.ListField(
        child=serializers.ChoiceField(["preview", "exclusive_use"]),
        help_text="`preview`: listen, and let your client listen, to decide. `exclusive_use`: everything the terms "
        "grant, to the licensee alone. Empty: nothing.",
    )
    state = serializers.ChoiceField(
        ["none", "in_force", "suspended", "revoked"],
        help_text="Of the exclusive right you bought; `none` while nobody, or somebody else, has it.",
    )
    held_by = serializers.CharField(
        allow_null=True, help_text="The licensee you bought it for; null otherwise."
    )
    test = serializers.BooleanField(help_text="Whether this is a test without any legal effect.")
    summary = serializers.CharField(help_text="The same in one sentence, for people.")
    terms_version = serializers.CharField()
    terms_url = serializers.URLField()


def rights(
    request: Request, *, state: str, held_by: str | None, test: bool, offered: bool, terms_version: str = ""
) -> dict[str, Any]:
    """State the rights in a piece. ``state`` is that of the caller's own right, ``none`` without one."""
    version = terms_version or settings.TERMS_VERSION
    permissions: list[str] = []
    if state == "in_force" and not test:
        permissions = ["preview", "exclusive_use"]
        summary = _("%(licensee)s alone may use this piece, in every way the terms name.")
    elif state == "in_force":
        permissions = ["preview"]
        summary = _("A test: nobody has any right in this piece by it.")
    elif state == "suspended":
        summary = _("The payment is disputed; until that is decided, the piece must not be used.")
    elif state == "revoked":
        summary = _("The right of %(licensee)s has ended; the piece must not be used any more.")
    elif offered:
        permissions = ["preview"]
        summary = _("Nobody has a right in this piece yet. Its preview may be heard to decide, nothing else.")
    else:
        summary = _("This piece is not yours and cannot be bought; it must not be used.")
    return {
        "permissions": permissions,
        "state": state,
        "held_by": held_by,
        "test": test,
        "summary": summary % {"licensee": held_by},
        "terms_version": version,
        "terms_url": request.build_absolute_uri(reverse("terms_version", args=[version])),
    }


def with_rights(pieces: QuerySet[Composition]) -> QuerySet[Composition]:
    """Read each piece with who has the right in it. The right stands above this app and is asked for by name."""
    return pieces.annotate(
        right_holder=F("right__holder"), right_licensee=F("right__licensee"), right_state=F("right__state")
    )


class CapabilitiesSerializer(serializers.Serializer):
    """What a composer can be asked for."""

    lowest_pitch = serializers.IntegerField(allow_null=True, help_text="A MIDI number: 60 is middle C.")
    highest_pitch = serializers.IntegerField(allow_null=True)
    voices = serializers.IntegerField(allow_null=True, help_text="Notes that may sound at the same time.")
    usual_bpm = serializers.ListField(
        child=serializers.IntegerField(), min_length=2, max_length=2, allow_null=True
    )
    bpm = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    seconds = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    moods = serializers.ListField(child=serializers.CharField())
    modes = serializers.ListField(child=serializers.CharField())
    tonics = serializers.ListField(child=serializers.CharField())
    densities = serializers.ListField(child=serializers.CharField())
    registers = serializers.ListField(child=serializers.CharField())


class InstrumentSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField(source="__str__")
    description = serializers.CharField()
    price = serializers.SerializerMethodField()
    capabilities = serializers.SerializerMethodField()

    @extend_schema_field(PriceSerializer)
    def get_price(self, instrument: Instrument) -> dict[str, Any]:
        return price_of(instrument)

    @extend_schema_field(CapabilitiesSerializer)
    def get_capabilities(self, instrument: Instrument) -> dict[str, Any]:
        player = PLAYERS.get(instrument.slug)
        return {
            "lowest_pitch": player.low if player else None,
            "highest_pitch": player.high if player else None,
            "voices": player.voices if player else None,
            "usual_bpm": list(player.bpm) if player else None,
            "bpm": [orders.BPM_MIN, orders.BPM_MAX],
            "seconds": [orders.SECONDS_MIN, orders.SECONDS_MAX],
            "moods": Composition.Mood.values,
            "modes": Composition.Mode.values,
            "tonics": list(TONICS),
            "densities": Composition.Density.values,
            "registers": Composition.Register.values,
        }


class OriginalitySerializer(serializers.Serializer):
    """How near a piece comes to what it was compared with: the training corpus, and every work on record."""

    longest_run_corpus = serializers.IntegerField(
        help_text="Notes in a row that it shares with a piece of the training corpus."
    )
    longest_run_works = serializers.IntegerField(help_text="The same, with a work offered or sold here.")
    nearest = serializers.CharField(
        allow_null=True, help_text="The nearest piece of the corpus; other customers' works are not named."
    )
    share = serializers.FloatField(
        required=False, help_text="Part of the piece that is in such runs, 0 to 1."
    )


class PieceSerializer(serializers.Serializer):
    """What a finished piece shows to whoever may hear it."""

    id = serializers.UUIDField()
    title = serializers.SerializerMethodField(
        help_text="The name given to it; else what it is, in the language asked for. Empty while it is in work."
    )
    kind = serializers.ChoiceField(
        Composition.Kind.choices,
        help_text="What it is within its family; `original` if made from no other piece.",
    )
    instrument = serializers.CharField(source="instrument_id")
    mood = serializers.ChoiceField(Composition.Mood.choices, allow_blank=True)
    seconds = serializers.FloatField(allow_null=True)
    bpm = serializers.FloatField(allow_null=True)
    tonic = serializers.CharField(allow_blank=True)
    mode = serializers.ChoiceField(Composition.Mode.choices, allow_blank=True)
    metre = serializers.CharField(allow_blank=True)
    notes = serializers.IntegerField(allow_null=True)
    price = serializers.SerializerMethodField()
    sale_state = serializers.ChoiceField(SaleState.choices)
    held_until = serializers.DateTimeField(
        allow_null=True, help_text="When the hold on it ends at the earliest; null without one."
    )
    listed_from = serializers.DateTimeField(
        allow_null=True, help_text="Since when, or from when on, it is in the open shop."
    )
    url = serializers.SerializerMethodField(help_text="The page where it can be heard and bought.")
    preview_url = serializers.SerializerMethodField(
        help_text="The watermarked preview; works for half an hour. Null while there is none."
    )
    rights = serializers.SerializerMethodField()

    def get_title(self, piece: Composition) -> str:
        return title_of(piece) if piece.title else ""

    @extend_schema_field(PriceSerializer)
    def get_price(self, piece: Composition) -> dict[str, Any]:
        return price_of(piece)

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, piece: Composition) -> str:
        return self._absolute(reverse("composition", args=[piece.pk]))

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_preview_url(self, piece: Composition) -> str | None:
        if piece.state != Composition.State.READY:
            return None
        address = reverse("composition_preview", args=[piece.pk])
        return self._absolute(f"{address}?token={links.preview_token(piece.pk)}")

    @extend_schema_field(RightsSerializer)
    def get_rights(self, piece: Composition) -> dict[str, Any]:
        account = self.context.get("account")
        mine = account is not None and getattr(piece, "right_holder", None) == account
        return rights(
            self.context["request"],
            state=piece.right_state if mine else "none",  # type: ignore[attr-defined]
            held_by=piece.right_licensee if mine else None,  # type: ignore[attr-defined]
            test=piece.is_sandbox,
            offered=piece.sale_state in {SaleState.AVAILABLE, SaleState.ON_HOLD},
        )

    def _absolute(self, address: str) -> str:
        absolute: str = self.context["request"].build_absolute_uri(address)
        return absolute


class CompositionSerializer(PieceSerializer):
    """One's own piece: the order, how far it is, and what came out. There is no address of master, MIDI or score."""

    origin = serializers.UUIDField(
        source="origin_id",
        allow_null=True,
        help_text="The first piece of its family; null for that one. With one that is sold all others leave the shop.",
    )
    made_from = serializers.UUIDField(
        source="parent_id",
        allow_null=True,
        help_text="The piece that it was made from; null for an original.",
    )
    from_bar = serializers.IntegerField(
        allow_null=True, help_text="Of a variation: the first bar with new notes."
    )
    ordered_seconds = serializers.IntegerField()
    seed = serializers.IntegerField()
    wished_tonic = serializers.CharField(allow_blank=True)
    wished_mode = serializers.ChoiceField(Composition.Mode.choices, allow_blank=True)
    wished_bpm = serializers.IntegerField(allow_null=True)
    density = serializers.ChoiceField(Composition.Density.choices, allow_blank=True)
    register = serializers.ChoiceField(Composition.Register.choices, allow_blank=True)
    temperature = serializers.FloatField()
    state = serializers.ChoiceField(Composition.State.choices)
    percent = serializers.IntegerField(source="progress")
    queue_place = serializers.SerializerMethodField(
        help_text="1 for the next one; null when it no longer waits."
    )
    estimate_seconds = serializers.SerializerMethodField(
        help_text="How long it may still take; null when it is over."
    )
    error = serializers.CharField(
        source="reason", allow_blank=True, help_text="Why it failed, in the language asked for."
    )
    error_code = serializers.SerializerMethodField(help_text="The same for programs; empty if it has none.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    model = serializers.SerializerMethodField(help_text="Version of the network that composed it.")
    originality = serializers.SerializerMethodField()
    retired_because = serializers.ChoiceField(Composition.Retired.choices, allow_blank=True)
    is_private = serializers.BooleanField(help_text="Whether it stays out of the open shop.")
    is_sandbox = serializers.BooleanField(help_text="A trial: it can be bought with test money only.")

    def get_model(self, piece: Composition) -> str | None:
        return piece.model.version if piece.model else None

    def get_error_code(self, piece: Composition) -> str:
        return str(piece.failure.get("code", ""))

    def get_queue_place(self, piece: Composition) -> int | None:
        return selectors.queue_place(piece)

    def get_estimate_seconds(self, piece: Composition) -> int | None:
        return selectors.estimated_seconds(piece) if piece.is_working else None

    @extend_schema_field(OriginalitySerializer(allow_null=True))
    def get_originality(self, piece: Composition) -> dict[str, Any] | None:
        return OriginalitySerializer(piece.originality).data if piece.originality else None


class OfferSerializer(PieceSerializer):
    """A piece in the open shop. How it was ordered, its seed above all, is its maker's secret."""

    stars = serializers.SerializerMethodField(help_text="Mean of its listeners' ratings, 1 to 5.")
    ratings = serializers.IntegerField(source="stars_count")
    free = serializers.SerializerMethodField(help_text="Whether it can be reserved right now.")

    def get_stars(self, piece: Composition) -> float | None:
        return piece.stars_mean or None

    def get_free(self, piece: Composition) -> bool:
        return piece.sale_state == SaleState.AVAILABLE and piece.is_listed(now=timezone.now())


class RollSerializer(serializers.Serializer):
    """The shape of a piece, too coarse to read its notes from."""

    seconds_per_column = serializers.FloatField(help_text="A column is an eighth note.")
    semitones_per_row = serializers.IntegerField()
    rectangles = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=3, max_length=3),
        help_text="Column, row above the lowest in use, and length in columns of each.",
    )
