"""Addresses of the library, the public register and the downloads."""

from django.urls import path

from licensing import complaint_views, register_views, views

urlpatterns = [
    path("library/", views.library, name="library"),
    path("library/everything.zip", views.library_archive, name="library_archive"),
    path("complaints/", complaint_views.complain, name="complain"),
    path("certificates/", views.certificate_lookup, name="certificate_lookup"),
    path("certificates/keys/", register_views.signing_keys, name="signing_keys"),
    path("certificates/register/", register_views.register_page, name="register"),
    path("certificates/register/head.json", register_views.register_head, name="register_head"),
    path("certificates/register/entries.jsonl", register_views.register_entries, name="register_entries"),
    path("certificates/<str:copyright_id>/", views.certificate, name="certificate"),
    path("certificates/<str:copyright_id>/certificate.json", views.certificate_json, name="certificate_json"),
    path("certificates/<str:copyright_id>/certificate.pdf", views.certificate_pdf, name="certificate_pdf"),
    path("certificates/<str:copyright_id>/score/", views.score, name="score"),
    path("certificates/<str:copyright_id>/extras/", views.extra_request, name="extra_request"),
    path("certificates/<str:copyright_id>/transfer/", views.transfer, name="certificate_transfer"),
    path("downloads/<str:copyright_id>/<path:name>", views.download, name="download"),
    path("download/<str:copyright_id>/<str:token>/<path:name>", views.download_link, name="download_link"),
]
