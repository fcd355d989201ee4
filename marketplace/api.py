"""Addresses of the API, its schema and its documentation."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

urlpatterns = [
    path("v1/", include("generation.api")),
    path("v1/", include("accounts.webhooks.api")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    # Split view and own template: nothing is inline, as the content security policy asks for.
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api/docs.html"),
        name="api_docs",
    ),
]
