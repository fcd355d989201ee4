"""Certificates and files for the partner that bought them."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.addresses import address
from accounts.api import IF_NONE_MATCH, NOT_MODIFIED, ApiView, NewestFirst, problems
from accounts.services import PURCHASES_READ, PURCHASES_WRITE
from generation.api import Conditional
from generation.api_examples import ID, RIGHTS, SITE
from generation.api_serializers import RightsSerializer, rights
from licensing import partner_links
from licensing.archive import ARCHIVE
from licensing.copyright_id import normalise
from licensing.documents import signed_file
from licensing.models import Certificate
from licensing.services import refuse_unless_in_force, status_of

STATUSES = ["valid", "suspended", "revoked", "transferred", "superseded"]

RIGHT_EXAMPLE: dict[str, Any] = RIGHTS | {
    "permissions": ["preview", "exclusive_use"],
    "state": "in_force",
    "held_by": "Bakery Krume",
    "summary": "Bakery Krume alone may use this piece, in every way the terms name.",
}
CERTIFICATE_EXAMPLE: dict[str, Any] = {
    "copyright_id": "SLS-7Q2K-M4XP-9DTB",
    "status": "valid",
    "test": False,
    "composition": ID,
    "licensee": "Bakery Krume",
    "issued_at": "2026-11-27T15:35:00Z",
    "signed_at": "2026-11-27T15:35:20Z",
    "replaced_by": None,
    "verify_url": f"{SITE}/certificates/SLS-7Q2K-M4XP-9DTB/",
    "facts": {
        "copyright_id": "SLS-7Q2K-M4XP-9DTB",
        "licensee": "Bakery Krume",
        "terms": {"version": "2026-11"},
    },
    "signed_file": {
        "document": {"copyright_id": "SLS-7Q2K-M4XP-9DTB", "key_id": "live-3f9a"},
        "signature": "b64…",
        "algorithm": "Ed25519",
        "key_id": "live-3f9a",
    },
    "rights": RIGHT_EXAMPLE,
}
FILE_EXAMPLE: dict[str, Any] = {
    "name": "everything.zip",
    "size": 48211904,
    "sha256": "9f2c…",
    "url": f"{SITE}/api/v1/files/WzEyLCJTTFMtN1…/everything.zip",
    "expires_in": partner_links.LINK_LIVES_SECONDS,
}


class CertificateSerializer(serializers.Serializer):
    """A certificate you were issued: its facts, and how it stands in the register right now."""

    copyright_id = serializers.CharField()
    status = serializers.SerializerMethodField()
    test = serializers.BooleanField(source="is_test", help_text="A test: it has no legal effect.")
    composition = serializers.UUIDField(source="right.composition_id")
    licensee = serializers.CharField(source="facts.licensee")
    issued_at = serializers.DateTimeField()
    signed_at = serializers.DateTimeField(
        allow_null=True, help_text="Null until its files are built, some seconds after the sale."
    )
    replaced_by = serializers.CharField(
        source="successor_id", allow_null=True, help_text="The certificate that took its place."
    )
    verify_url = serializers.SerializerMethodField(
        help_text="Where anybody can check it, without an account."
    )
    facts = serializers.SerializerMethodField(help_text="What was frozen when it was issued.")
    signed_file = serializers.SerializerMethodField(
        help_text="The signed document, as in `certificate.json`; null until it is signed."
    )
    rights = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(STATUSES))
    def get_status(self, certificate: Certificate) -> str:
        return status_of(certificate)

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_verify_url(self, certificate: Certificate) -> str:
        return address("certificate", certificate.pk)

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_facts(self, certificate: Certificate) -> dict[str, Any]:
        return dict(certificate.facts)

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": {}})
    def get_signed_file(self, certificate: Certificate) -> dict[str, Any] | None:
        if certificate.signed_at is None:
            return None
        file = signed_file(
            document=certificate.document, signature=certificate.signature, key_id=certificate.key_id
        )
        signed: dict[str, Any] = json.loads(file)
        return signed

    @extend_schema_field(RightsSerializer)
    def get_rights(self, certificate: Certificate) -> dict[str, Any]:
        current = certificate.state == Certificate.State.CURRENT
        return rights(
            self.context["request"],
            state=certificate.right.state if current else "revoked",
            held_by=certificate.facts["licensee"],
            test=certificate.is_test,
            offered=False,
            terms_version=certificate.facts["terms"]["version"],
        )


class FileSerializer(serializers.Serializer):
    """One file of a piece you bought, and the link to fetch it by."""

    name = serializers.CharField()
    size = serializers.IntegerField(help_text="In bytes.")
    sha256 = serializers.CharField()
    url = serializers.URLField(
        help_text="Works without a token, for whoever has it, until it is over or the right is."
    )
    expires_in = serializers.IntegerField(help_text="Seconds from now until the link is over.")


class CertificatesView(ApiView):
    """A view of what the partner holds."""

    scopes = (PURCHASES_READ, PURCHASES_WRITE)

    def own(self) -> QuerySet[Certificate]:
        """Return the certificates that were issued to the partner's account."""
        mine = Certificate.objects.filter(holder=self.partner.account_id)
        return mine.select_related("right")

    def own_one(self, copyright_id: str) -> Certificate:
        """Return one of them; any other is a 404."""
        found = self.own().filter(pk=normalise(copyright_id) or "").first()
        if found is None:
            raise NotFound(_("You have no certificate with this Copyright ID."))
        return found


class NewestIssued(NewestFirst):
    ordering = ("-issued_at", "pk")


class Certificates(CertificatesView):
    serializer_class = CertificateSerializer
    pagination_class = NewestIssued

    @extend_schema(
        operation_id="list_certificates",
        tags=["certificates"],
        responses={200: CertificateSerializer(many=True), **problems(404)},
        examples=[OpenApiExample("In force", value=CERTIFICATE_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the certificates of what you bought for your clients, newest first."""
        page = self.paginate_queryset(self.own())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class OneCertificate(Conditional, CertificatesView):
    serializer_class = CertificateSerializer

    @extend_schema(
        operation_id="get_certificate",
        tags=["certificates"],
        parameters=[IF_NONE_MATCH],
        responses={200: CertificateSerializer, 304: NOT_MODIFIED, **problems(404)},
        examples=[OpenApiExample("In force", value=CERTIFICATE_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, copyright_id: str) -> Response:
        """Show one certificate, also once it is revoked or replaced."""
        return Response(self.get_serializer(self.own_one(copyright_id)).data)


class Files(CertificatesView):
    serializer_class = FileSerializer
    pagination_class = None

    @extend_schema(
        operation_id="list_files",
        tags=["certificates"],
        responses={200: FileSerializer(many=True), **problems(404)},
        examples=[OpenApiExample("Everything in one archive", value=FILE_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, copyright_id: str) -> Response:
        """List the files of a piece with fresh links, the archive of all first. Empty until `signed_at` is set.

        A 403 once the right is suspended or has ended: then the links given out before are dead as well.
        """
        certificate = self.own_one(copyright_id)
        refuse_unless_in_force(certificate)
        files = sorted(certificate.files.all(), key=lambda file: (file.name != ARCHIVE, file.name))
        rows = [
            {
                "name": file.name,
                "size": file.size,
                "sha256": file.sha256,
                "url": partner_links.link_of(
                    request._request,
                    holder=self.partner.account,
                    copyright_id=certificate.pk,
                    name=file.name,
                ),
                "expires_in": partner_links.LINK_LIVES_SECONDS,
            }
            for file in files
        ]
        return Response(self.get_serializer(rows, many=True).data)


_ONE = "certificates/<str:copyright_id>/"
urlpatterns = [
    path("certificates/", Certificates.as_view(), name="api_certificates"),
    path(_ONE, OneCertificate.as_view(), name="api_certificate"),
    path(f"{_ONE}files/", Files.as_view(), name="api_files"),
    path("files/<str:token>/<str:name>", partner_links.file, name="api_file"),
]
