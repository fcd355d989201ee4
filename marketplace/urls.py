"""Every address of the site. Each app keeps its own list; names are global."""

from django.contrib import admin
from django.urls import include, path

from generation import panel_views
from marketplace import views

handler400 = "marketplace.problems.bad_request"
handler403 = "marketplace.problems.permission_denied"
handler404 = "marketplace.problems.not_found"
handler500 = "marketplace.problems.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("how-it-works/", views.how_it_works, name="how_it_works"),
    path("terms/", views.terms, name="terms"),
    path("terms/<slug:version>/", views.terms, name="terms_version"),
    path("imprint/", views.imprint, name="imprint"),
    path("status/", views.status, name="status"),
    path("privacy/", views.privacy, name="privacy"),
    path("accounts/my-data.json", views.personal_data, name="personal_data"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    path("", include("accounts.urls")),
    path("", include("generation.urls")),
    path("", include("licensing.urls")),
    path("", include("payments.urls")),
    path("api/", include("marketplace.api")),
    path("admin/health/", admin.site.admin_view(views.staff_health), name="staff_health"),
    path("admin/panel/", admin.site.admin_view(panel_views.staff_panel), name="staff_panel"),
    path("admin/", admin.site.urls),
]
