"""The open shop in the API: what anybody may buy, found by the filters of the shop's page."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import IF_NONE_MATCH, NOT_MODIFIED, NewestFirst, problems
from generation import api_examples as examples
from generation.api import CompositionsView, Conditional, finished, roll_of
from generation.api_serializers import OfferSerializer, OriginalitySerializer, RollSerializer, with_rights
from generation.composer.score import TONICS
from generation.models import Composition, Instrument
from generation.shop import LENGTHS, SORTS, STATES, TEMPI, UNREAD, Wish, in_shop, narrowed
from generation.shop_form import TEXT_AT_MOST
from generation.similar import similar_to


class WishSerializer(serializers.Serializer):
    """What is looked for. Other than on the page, a value that means nothing is refused."""

    q = serializers.CharField(
        required=False, allow_blank=True, max_length=TEXT_AT_MOST, help_text="Words, as on the shop's page."
    )
    instrument = serializers.CharField(required=False, max_length=50, help_text="A slug, such as `piano`.")
    mood = serializers.ChoiceField(Composition.Mood.choices, required=False)
    mode = serializers.ChoiceField(Composition.Mode.choices, required=False)
    tonic = serializers.ChoiceField(list(TONICS), required=False, help_text="`E-` is E flat.")
    tempo = serializers.ChoiceField(list(TEMPI), required=False)
    length = serializers.ChoiceField(
        list(LENGTHS), required=False, help_text="Up to 10, 20, 45 or 75 seconds, or longer."
    )
    state = serializers.ChoiceField(
        [state for state in STATES if state],
        required=False,
        help_text="Left out: what is free or on hold.",
    )
    sort = serializers.ChoiceField(list(SORTS), default="newest")

    def validate_instrument(self, slug: str) -> str:
        """Refuse what is not offered."""
        if not Instrument.objects.filter(pk=slug, is_active=True).exists():
            raise serializers.ValidationError(_("There is no such instrument."))
        return slug

    def wish(self) -> Wish:
        """Return the wish of valid data."""
        values = dict(self.validated_data)
        return Wish(words=tuple(values.pop("q", "").split()), **values)


class InSort(NewestFirst):
    """Pages by cursor in the order that is asked for."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        return tuple(SORTS[request.query_params.get("sort") or "newest"])


class Offers(CompositionsView):
    serializer_class = OfferSerializer
    pagination_class = InSort

    @extend_schema(
        operation_id="list_offers",
        tags=["offers"],
        parameters=[
            WishSerializer,
            OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
        ],
        responses={200: OfferSerializer(many=True), **problems(404, 422)},
        examples=[OpenApiExample("A piece for sale", value=examples.OFFER, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List what the open shop has, by the filters of its page. A piece has one owner: the first to buy it."""
        asked = WishSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        instruments = Instrument.objects.filter(is_active=True)
        found = in_shop().filter(narrowed(asked.wish(), instruments=instruments))
        page = self.paginate_queryset(with_rights(found.defer(*UNREAD)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class OneOffer(Conditional, CompositionsView):
    serializer_class = OfferSerializer

    @extend_schema(
        operation_id="get_offer",
        tags=["offers"],
        parameters=[IF_NONE_MATCH],
        responses={200: OfferSerializer, 304: NOT_MODIFIED, **problems(404)},
        examples=[OpenApiExample("A piece for sale", value=examples.OFFER, response_only=True)],
    )
    def get(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Show one piece of the open shop, whatever became of it."""
        return Response(self.get_serializer(_offer(composition_id)).data)


class Similar(CompositionsView):
    serializer_class = OfferSerializer
    pagination_class = None

    @extend_schema(
        operation_id="list_similar_offers",
        tags=["offers"],
        responses={200: OfferSerializer(many=True), **problems(404)},
        examples=[OpenApiExample("Another piece", value=examples.OFFER, response_only=True)],
    )
    def get(self, request: Request, composition_id: uuid.UUID) -> Response:
        """List the nearest free pieces to one of the shop, at most three: for whoever came too late."""
        return Response(self.get_serializer(similar_to(_offer(composition_id)), many=True).data)


class OfferOriginality(CompositionsView):
    serializer_class = OriginalitySerializer

    @extend_schema(
        operation_id="get_offer_originality",
        tags=["offers"],
        responses={200: OriginalitySerializer, **problems(404, 409)},
        examples=[OpenApiExample("Near to nothing", value=examples.ORIGINALITY, response_only=True)],
    )
    def get(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Say how near a piece of the shop is to the training corpus and to every work on record."""
        return Response(self.get_serializer(finished(_offer(composition_id)).originality).data)


class OfferRoll(CompositionsView):
    serializer_class = RollSerializer

    @extend_schema(
        operation_id="get_offer_roll",
        tags=["offers"],
        responses={200: RollSerializer, **problems(404, 409)},
        examples=[OpenApiExample("Three strokes", value=examples.ROLL, response_only=True)],
    )
    def get(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Give the shape of a piece of the shop, to be drawn beside a player."""
        return Response(self.get_serializer(roll_of(finished(_offer(composition_id)))).data)


def _offer(composition_id: uuid.UUID) -> Composition:
    piece = with_rights(in_shop()).filter(pk=composition_id).first()
    if piece is None:
        raise NotFound(_("There is no piece %(id)s in the shop.") % {"id": composition_id})
    return piece


_ONE = "offers/<uuid:composition_id>/"
urlpatterns = [
    path("offers/", Offers.as_view(), name="api_offers"),
    path(_ONE, OneOffer.as_view(), name="api_offer"),
    path(f"{_ONE}similar/", Similar.as_view(), name="api_offer_similar"),
    path(f"{_ONE}originality/", OfferOriginality.as_view(), name="api_offer_originality"),
    path(f"{_ONE}roll/", OfferRoll.as_view(), name="api_offer_roll"),
]
