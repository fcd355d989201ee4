"""Addresses of the API, its schema and its documentation."""

from django.urls import include, path, re_path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ApiView


@extend_schema(exclude=True)
class NoSuchAddress(ApiView):
    """Answers wherever the API has nothing, with a problem document instead of a page."""

    # Reading the token would read the body, and refuse it for its type.
    authentication_classes = []
    permission_classes = []

    def get(self, request: Request, *_args: object, **_kwargs: object) -> Response:
        """Say that there is nothing here."""
        slash = "" if request.path.endswith("/") else _(" Addresses of the API end with a slash.")
        raise NotFound(_("There is nothing at this address.") + slash)

    head = post = put = patch = delete = get


urlpatterns = [
    path("v1/", include("accounts.api")),
    path("v1/", include("generation.api")),
    path("v1/", include("accounts.webhooks.api")),
    path("v1/", include("generation.api_offers")),
    path("v1/", include("licensing.api")),
    path("v1/", include("payments.api")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    # Split view and own template: nothing is inline, as the content security policy asks for.
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api/docs.html"),
        name="api_docs",
    ),
    re_path("^", NoSuchAddress.as_view(), name="api_nothing"),
]
