"""Composing for partners and programs: ``/api/v1/``. The same services as the pages, the same refusals."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import IDEMPOTENCY_KEY, IF_NONE_MATCH, NOT_MODIFIED, ApiView, NewestFirst, problems
from accounts.authentication import PartnerToken
from accounts.models import Maker
from accounts.services import READ, WRITE, maker_for, maker_of_client, makers_of
from generation import api_examples as examples
from generation import selectors, services
from generation.api_serializers import (
    CompositionSerializer,
    InstrumentSerializer,
    OrderSerializer,
    OriginalitySerializer,
    RollSerializer,
    VersionSerializer,
    with_rights,
)
from generation.errors import NotAllowed
from generation.models import Composition
from generation.views import not_modified_or

POLL_AFTER_SECONDS = 2
SEMITONES_PER_ROW = 3
"""As ``generation.audio.drawing`` draws, which brings NumPy and so is not asked here."""


class CompositionsView(ApiView):
    """A view of pieces, for partners and for people who are logged in."""

    scopes = (READ, WRITE)
    people_welcome = True

    def accepted(self, piece: Composition) -> Response:
        """Answer an order with its row and with where to poll."""
        headers = {
            "Location": self.request.build_absolute_uri(reverse("api_composition", args=[piece.pk])),
            "Retry-After": str(POLL_AFTER_SECONDS),
        }
        return Response(self.get_serializer(piece).data, status=status.HTTP_202_ACCEPTED, headers=headers)

    def get_serializer_context(self) -> dict[str, Any]:
        token: Any = self.request.auth
        account = token.partner.account_id if isinstance(token, PartnerToken) else self.request.user.pk
        return {**super().get_serializer_context(), "account": account}


class Conditional:
    """Gives a good answer its ``ETag``, and a 304 to whoever has it already."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if answer.status_code != status.HTTP_200_OK or request.method not in {"GET", "HEAD"}:
            return answer
        answer.render()
        plain: HttpRequest = request._request
        conditional = not_modified_or(plain, answer)
        for name in ("RateLimit", "RateLimit-Policy"):
            conditional[name] = answer[name]
        return conditional


class Instruments(CompositionsView):
    serializer_class = InstrumentSerializer
    pagination_class = None

    @extend_schema(
        operation_id="list_instruments",
        tags=["compositions"],
        responses={200: InstrumentSerializer(many=True), **problems()},
        examples=[OpenApiExample("The guitar", value=examples.INSTRUMENT, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the instruments that can be ordered, with their prices and what each can be asked for."""
        return Response(self.get_serializer(selectors.offered_instruments(), many=True).data)


class Compositions(CompositionsView):
    serializer_class = CompositionSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Composition]:
        return own_pieces(self.request)

    @extend_schema(
        operation_id="list_compositions",
        tags=["compositions"],
        responses={200: CompositionSerializer(many=True), **problems(404)},
        examples=[OpenApiExample("A finished piece", value=examples.COMPOSITION, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List your own pieces, newest first; `next` leads to older ones."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="create_composition",
        tags=["compositions"],
        parameters=[IDEMPOTENCY_KEY],
        request=OrderSerializer,
        responses={202: CompositionSerializer, **problems(400, 409, 415, 422, 503)},
        examples=[
            OpenApiExample("Half a minute of calm guitar", value=examples.ORDER, request_only=True),
            OpenApiExample(
                "It waits", value=examples.QUEUED_COMPOSITION, response_only=True, status_codes=["202"]
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Order a piece. The answer is 202: poll the address in `Location` until `state` is `ready` or `failed`."""
        return self.once(request, lambda: self._order(request), within=transaction.atomic)

    def _order(self, request: Request) -> Response:
        ordered = OrderSerializer(data=request.data)
        ordered.is_valid(raise_exception=True)
        return self.accepted(services.request_composition(maker=_maker(request), order=ordered.order()))


class OneComposition(Conditional, CompositionsView):
    serializer_class = CompositionSerializer

    @extend_schema(
        operation_id="get_composition",
        tags=["compositions"],
        parameters=[IF_NONE_MATCH],
        responses={200: CompositionSerializer, 304: NOT_MODIFIED, **problems(404)},
        examples=[OpenApiExample("It is ready", value=examples.COMPOSITION, response_only=True)],
    )
    def get(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Say how far one of your pieces is. Poll with `If-None-Match`; every two seconds is often enough."""
        return Response(self.get_serializer(own_piece(request, composition_id)).data)


class CancelComposition(CompositionsView):
    serializer_class = CompositionSerializer

    @extend_schema(
        operation_id="cancel_composition",
        tags=["compositions"],
        request=None,
        responses={200: CompositionSerializer, **problems(404, 409)},
        examples=[OpenApiExample("Cancelled", value=examples.CANCELLED_COMPOSITION, response_only=True)],
    )
    def post(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Stop a piece that waits or is in work. Doing it again changes nothing; a finished piece is a 409."""
        piece = own_piece(request, composition_id)
        services.cancel_composition(composition=piece)
        piece = own_piece(request, composition_id)
        if piece.state != Composition.State.CANCELLED:
            raise NotAllowed(
                _("This piece is %(state)s; it can no longer be cancelled.") % {"state": piece.state}
            )
        return Response(self.get_serializer(piece).data)


class OriginalityReport(CompositionsView):
    serializer_class = OriginalitySerializer

    @extend_schema(
        operation_id="get_originality",
        tags=["compositions"],
        responses={200: OriginalitySerializer, **problems(404, 409)},
        examples=[OpenApiExample("Near to nothing", value=examples.ORIGINALITY, response_only=True)],
    )
    def get(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Say how near one of your finished pieces is to the training corpus and to every work on record."""
        return Response(self.get_serializer(finished(own_piece(request, composition_id)).originality).data)


class Roll(CompositionsView):
    serializer_class = RollSerializer

    @extend_schema(
        operation_id="get_roll",
        tags=["compositions"],
        responses={200: RollSerializer, **problems(404, 409)},
        examples=[OpenApiExample("Three strokes", value=examples.ROLL, response_only=True)],
    )
    def get(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Give the shape of one of your finished pieces, to be drawn beside a player."""
        return Response(self.get_serializer(roll_of(finished(own_piece(request, composition_id)))).data)


class Variations(CompositionsView):
    serializer_class = CompositionSerializer

    @extend_schema(
        operation_id="create_variation",
        tags=["compositions"],
        parameters=[IDEMPOTENCY_KEY],
        request=VersionSerializer,
        responses={202: CompositionSerializer, **problems(400, 404, 409, 415, 422, 503)},
        examples=[
            OpenApiExample("New notes from bar 9 on", value=examples.VARIATION, request_only=True),
            OpenApiExample("A minute of it", value={"kind": "extension", "seconds": 60}, request_only=True),
            OpenApiExample("15 seconds of it", value={"kind": "cut", "seconds": 15}, request_only=True),
            OpenApiExample(
                "It waits", value=examples.QUEUED_VARIATION, response_only=True, status_codes=["202"]
            ),
        ],
    )
    def post(self, request: Request, composition_id: uuid.UUID) -> Response:
        """Have a version made from a piece that is yours or in the shop, and free. It begins with that piece's notes.

        All versions of a piece are one family: when one is sold, the others leave the shop. The answer is 202, as for
        an order; 409 means that the piece or its family has been sold, is held or has left the shop.
        """
        return self.once(request, lambda: self._order(request, composition_id), within=transaction.atomic)

    def _order(self, request: Request, composition_id: uuid.UUID) -> Response:
        asked = VersionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        makers = _makers(request)
        piece = selectors.composition_for_listener(
            composition_id=composition_id, makers=makers, user=request.user
        )
        maker = piece.maker if piece.maker_id in makers else _maker(request)
        return self.accepted(services.compose_kin(piece=piece, maker=maker, version=asked.version()))


def own_pieces(request: Request) -> QuerySet[Composition]:
    """Return the pieces of whoever asks."""
    return with_rights(
        Composition.objects.filter(maker__in=_makers(request)).select_related("model", "instrument")
    )


def own_piece(request: Request, composition_id: uuid.UUID) -> Composition:
    """Return one piece of whoever asks; any other is a 404, as if it did not exist."""
    piece = own_pieces(request).filter(pk=composition_id).first()
    if piece is None:
        raise NotFound(_("You have no composition %(id)s.") % {"id": composition_id})
    return piece


def finished(piece: Composition) -> Composition:
    """Return a piece that is ready. Raises ``NotAllowed`` for any other."""
    if piece.state != Composition.State.READY:
        raise NotAllowed(_("This piece is %(state)s, not ready.") % {"state": piece.state})
    return piece


def roll_of(piece: Composition) -> dict[str, Any]:
    """Return the coarse roll with its scale."""
    return {
        "seconds_per_column": round(30 / piece.bpm, 6) if piece.bpm else 0.0,
        "semitones_per_row": SEMITONES_PER_ROW,
        "rectangles": piece.roll,
    }


def _maker(request: Request) -> Maker:
    token: Any = request.auth
    if isinstance(token, PartnerToken):
        return maker_of_client(token.partner.client_id)
    return maker_for(request._request)


def _makers(request: Request) -> list[uuid.UUID]:
    token: Any = request.auth
    if isinstance(token, PartnerToken):
        makers = Maker.objects.filter(client_id=token.partner.client_id)
        return list(makers.values_list("pk", flat=True))
    return makers_of(request._request)


urlpatterns = [
    path("instruments/", Instruments.as_view(), name="api_instruments"),
    path("compositions/", Compositions.as_view(), name="api_compositions"),
    path("compositions/<uuid:composition_id>/", OneComposition.as_view(), name="api_composition"),
    path("compositions/<uuid:composition_id>/variations/", Variations.as_view(), name="api_variations"),
    path(
        "compositions/<uuid:composition_id>/cancel/",
        CancelComposition.as_view(),
        name="api_composition_cancel",
    ),
    path(
        "compositions/<uuid:composition_id>/originality/",
        OriginalityReport.as_view(),
        name="api_composition_originality",
    ),
    path("compositions/<uuid:composition_id>/roll/", Roll.as_view(), name="api_composition_roll"),
]
