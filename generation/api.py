"""Composing for partners and programs: ``/api/v1/``. The same services as the pages, the same refusals."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.idp.oidc.models import Token
from django.db.models import QuerySet
from django.urls import path, reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework import generics, pagination, serializers, status
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import MayUseCompositions, PartnerAuthentication
from accounts.models import Maker
from accounts.services import maker_for, maker_of_client, makers_of
from generation import links, orders, selectors, services, versions
from generation.models import Composition, Instrument
from generation.orders import OrderFields
from generation.titles import title_of
from generation.versions import Version
from generation.views import not_modified_or

PROBLEM = OpenApiResponse(
    OpenApiTypes.OBJECT, description="What went wrong, as a problem document (RFC 9457)."
)
PROBLEMS = {401: PROBLEM, 403: PROBLEM}
POLL_AFTER_SECONDS = 2


class _Strict(serializers.Serializer):
    """Refuses fields that are not known: a misspelt one would be a wish that nobody hears."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            message = _("There is no such field. Known are: %(known)s.") % {"known": ", ".join(self.fields)}
            raise serializers.ValidationError({field: [message] for field in sorted(unknown)})
        return attrs


class OrderSerializer(_Strict):
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

    def order(self) -> OrderFields:
        """Return the order of valid data."""
        return OrderFields(**self.validated_data)


class VersionSerializer(_Strict):
    """What is to be made from a piece: a variation from a bar on, or a longer version or a cut of so many seconds."""

    kind = serializers.ChoiceField([(kind.value, kind.label) for kind in versions.KINDS])
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

    def version(self) -> Version:
        """Return what valid data ask for."""
        return Version(**self.validated_data)


class PriceSerializer(serializers.Serializer):
    amount_minor = serializers.IntegerField(help_text="In the smallest unit of the currency (cents).")
    currency = serializers.CharField()


class InstrumentSerializer(serializers.ModelSerializer):
    price = serializers.SerializerMethodField()

    class Meta:
        model = Instrument
        fields = ["slug", "name", "description", "price"]

    @extend_schema_field(PriceSerializer)
    def get_price(self, instrument: Instrument) -> dict[str, Any]:
        return {"amount_minor": instrument.price_minor, "currency": instrument.currency}


class CompositionSerializer(serializers.ModelSerializer):
    """One's own piece: the order, how far it is, and what came out. There is no address of master, MIDI or score."""

    title = serializers.SerializerMethodField(
        help_text="The name given to it; else what it is, in the language asked for."
    )
    instrument = serializers.CharField(source="instrument_id")
    kind = serializers.ChoiceField(
        Composition.Kind.choices,
        help_text="What it is within its family; `original` if made from no other piece.",
    )
    origin = serializers.UUIDField(
        source="origin_id",
        allow_null=True,
        read_only=True,
        help_text="The first piece of its family; null for that one. With one that is sold all others leave the shop.",
    )
    made_from = serializers.UUIDField(
        source="parent_id",
        allow_null=True,
        read_only=True,
        help_text="The piece that it was made from; null for an original.",
    )
    wished_mode = serializers.CharField(help_text="`major`, `minor` or empty.")
    model = serializers.SerializerMethodField(help_text="Version of the network that composed it.")
    percent = serializers.IntegerField(source="progress")
    error = serializers.CharField(source="reason", help_text="Why it failed, in the language asked for.")
    error_code = serializers.SerializerMethodField(help_text="The same for programs; empty if it has none.")
    queue_place = serializers.SerializerMethodField(
        help_text="1 for the next one; null when it no longer waits."
    )
    estimate_seconds = serializers.SerializerMethodField(
        help_text="How long it may still take; null when it is over."
    )
    price = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField(help_text="The page where it can be heard and bought.")
    preview_url = serializers.SerializerMethodField(
        help_text="The watermarked preview; works for half an hour."
    )

    class Meta:
        model = Composition
        fields = [
            "id", "title", "kind", "origin", "made_from", "from_bar", "instrument", "ordered_seconds", "seed", "mood",
            "wished_tonic", "wished_mode", "wished_bpm", "density", "register", "temperature", "state", "percent",
            "queue_place", "estimate_seconds", "error", "error_code", "created_at", "finished_at", "model", "seconds",
            "bpm", "tonic", "mode", "metre", "notes", "originality", "price", "sale_state", "retired_because",
            "listed_from", "is_private", "url", "preview_url",
        ]  # fmt: skip
        read_only_fields = fields
        extra_kwargs = {"temperature": {"coerce_to_string": False}}

    def get_title(self, piece: Composition) -> str:
        return title_of(piece) if piece.title else ""

    def get_model(self, piece: Composition) -> str | None:
        return piece.model.version if piece.model else None

    def get_error_code(self, piece: Composition) -> str:
        return str(piece.failure.get("code", ""))

    def get_queue_place(self, piece: Composition) -> int | None:
        return selectors.queue_place(piece)

    def get_estimate_seconds(self, piece: Composition) -> int | None:
        return selectors.estimated_seconds(piece) if piece.is_working else None

    @extend_schema_field(PriceSerializer)
    def get_price(self, piece: Composition) -> dict[str, Any]:
        return {"amount_minor": piece.price_minor, "currency": piece.currency}

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, piece: Composition) -> str:
        return self._absolute(reverse("composition", args=[piece.pk]))

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_preview_url(self, piece: Composition) -> str | None:
        if piece.state != Composition.State.READY:
            return None
        address = reverse("composition_preview", args=[piece.pk])
        return self._absolute(f"{address}?token={links.preview_token(piece.pk)}")

    def _absolute(self, address: str) -> str:
        absolute: str = self.context["request"].build_absolute_uri(address)
        return absolute


class NewestFirst(pagination.CursorPagination):
    page_size = 20
    ordering = ("-created_at", "pk")


class _PartnersView(generics.GenericAPIView):
    authentication_classes = [PartnerAuthentication, SessionAuthentication]
    permission_classes = [MayUseCompositions]

    def accepted(self, piece: Composition) -> Response:
        """Answer an order with its row and with where to poll."""
        headers = {
            "Location": self.request.build_absolute_uri(reverse("api_composition", args=[piece.pk])),
            "Retry-After": str(POLL_AFTER_SECONDS),
        }
        return Response(self.get_serializer(piece).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class Instruments(_PartnersView):
    serializer_class = InstrumentSerializer
    pagination_class = None

    @extend_schema(
        operation_id="list_instruments", responses={200: InstrumentSerializer(many=True), **PROBLEMS}
    )
    def get(self, request: Request) -> Response:
        """List the instruments that can be ordered, with their prices."""
        return Response(self.get_serializer(selectors.offered_instruments(), many=True).data)


class Compositions(_PartnersView):
    serializer_class = CompositionSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Composition]:
        return Composition.objects.filter(maker__in=_makers(self.request)).select_related(
            "model", "instrument"
        )

    @extend_schema(
        operation_id="list_compositions",
        responses={200: CompositionSerializer(many=True), 404: PROBLEM, **PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        """List your own pieces, newest first; `next` leads to older ones."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="create_composition",
        request=OrderSerializer,
        responses={
            202: CompositionSerializer,
            400: PROBLEM,
            422: PROBLEM,
            429: PROBLEM,
            503: PROBLEM,
            **PROBLEMS,
        },
        examples=[
            OpenApiExample(
                "Half a minute of calm guitar",
                value={"instrument": "guitar", "seconds": 30, "mood": "calm", "tonic": "D", "mode": "minor"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Order a piece. The answer is 202: poll the address in `Location` until `state` is `ready` or `failed`."""
        ordered = OrderSerializer(data=request.data)
        ordered.is_valid(raise_exception=True)
        piece = services.request_composition(maker=_maker(request), order=ordered.order())
        return self.accepted(piece)


class OneComposition(_PartnersView):
    serializer_class = CompositionSerializer

    @extend_schema(
        operation_id="get_composition",
        parameters=[
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="An earlier `ETag`.")
        ],
        responses={
            200: CompositionSerializer,
            304: OpenApiResponse(description="Nothing has changed since the `ETag`."),
            404: PROBLEM,
            **PROBLEMS,
        },
    )
    def get(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Say how far one of your pieces is. Poll with `If-None-Match`; every two seconds is often enough."""
        own = Composition.objects.filter(maker__in=_makers(request)).select_related("model", "instrument")
        piece = own.filter(pk=composition_id).first()
        if piece is None:
            raise NotFound(_("You have no composition %(id)s.") % {"id": composition_id})
        return Response(self.get_serializer(piece).data)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code != status.HTTP_200_OK:
            return answer
        answer.render()
        return not_modified_or(request._request, answer)


class Variations(_PartnersView):
    serializer_class = CompositionSerializer

    @extend_schema(
        operation_id="create_variation",
        request=VersionSerializer,
        responses={
            202: CompositionSerializer,
            400: PROBLEM,
            404: PROBLEM,
            409: PROBLEM,
            422: PROBLEM,
            429: PROBLEM,
            503: PROBLEM,
            **PROBLEMS,
        },
        examples=[
            OpenApiExample(
                "New notes from bar 9 on", value={"kind": "variation", "from_bar": 9}, request_only=True
            ),
            OpenApiExample("A minute of it", value={"kind": "extension", "seconds": 60}, request_only=True),
            OpenApiExample("15 seconds of it", value={"kind": "cut", "seconds": 15}, request_only=True),
        ],
    )
    def post(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Have a version made from a piece that is yours or in the shop, and free. It begins with that piece's notes.

        All versions of a piece are one family: when one is sold, the others leave the shop. The answer is 202, as for
        an order; 409 means that the piece or its family has been sold, is held or has left the shop.
        """
        asked = VersionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        makers = _makers(request)
        piece = selectors.composition_for_listener(
            composition_id=composition_id, makers=makers, user=request.user
        )
        maker = piece.maker if piece.maker_id in makers else _maker(request)
        return self.accepted(services.compose_kin(piece=piece, maker=maker, version=asked.version()))


def _maker(request: Request) -> Maker:
    if isinstance(request.auth, Token):
        return maker_of_client(request.auth.client_id or "")
    return maker_for(request._request)


def _makers(request: Request) -> list[uuid.UUID]:
    if isinstance(request.auth, Token):
        return list(
            Maker.objects.filter(client_id=request.auth.client_id or None).values_list("pk", flat=True)
        )
    return makers_of(request._request)


urlpatterns = [
    path("instruments/", Instruments.as_view(), name="api_instruments"),
    path("compositions/", Compositions.as_view(), name="api_compositions"),
    path("compositions/<uuid:composition_id>/variations/", Variations.as_view(), name="api_variations"),
    path("compositions/<uuid:composition_id>/", OneComposition.as_view(), name="api_composition"),
]
