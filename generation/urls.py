"""Addresses of composing and of the shop."""

from django.urls import path

from generation import (
    mail_views,
    model_views,
    panel_views,
    sharing_views,
    shop_views,
    version_views,
    views,
)

urlpatterns = [
    path("compose/", views.compose, name="compose"),
    path("shop/", shop_views.shop, name="shop"),
    path("shop/states/", shop_views.shop_states, name="shop_states"),
    path("favourites/", shop_views.favourites, name="favourites"),
    path(
        "compositions/<uuid:composition_id>/favourite/",
        shop_views.composition_favourite,
        name="composition_favourite",
    ),
    path("models/", model_views.models, name="models"),
    path("models/<slug:slug>/", model_views.model_card, name="model_card"),
    path("models/<slug:slug>/card.json", model_views.model_card_json, name="model_card_json"),
    path("corpus/", model_views.corpus, name="corpus"),
    path("corpus/ledger.json", model_views.corpus_json, name="corpus_json"),
    path("compositions/<uuid:composition_id>/", views.composition, name="composition"),
    path("listen/", panel_views.listen, name="listen"),
    path("listen/<uuid:pair_id>/", panel_views.pair, name="listen_pair"),
    path("listen/<uuid:pair_id>/<str:side>.mp3", panel_views.pair_preview, name="listen_preview"),
    path("s/<str:token>/", sharing_views.shared, name="shared"),
    path("s/<str:token>/preview.mp3", sharing_views.shared_preview, name="shared_preview"),
    path(
        "compositions/<uuid:composition_id>/links/", sharing_views.composition_share, name="composition_share"
    ),
    path(
        "compositions/<uuid:composition_id>/links/<uuid:link_id>/revoke/",
        sharing_views.composition_unshare,
        name="composition_unshare",
    ),
    path("compositions/<uuid:composition_id>/status/", views.composition_status, name="composition_status"),
    path("compositions/<uuid:composition_id>/mail/", mail_views.composition_mail, name="composition_mail"),
    path("compositions/<uuid:composition_id>/cancel/", views.composition_cancel, name="composition_cancel"),
    path(
        "compositions/<uuid:composition_id>/visibility/",
        views.composition_visibility,
        name="composition_visibility",
    ),
    path("compositions/<uuid:composition_id>/title/", views.composition_title, name="composition_title"),
    path("compositions/<uuid:composition_id>/delete/", views.composition_delete, name="composition_delete"),
    path(
        "compositions/<uuid:composition_id>/versions/",
        version_views.composition_versions,
        name="composition_versions",
    ),
    path("compositions/<uuid:composition_id>/rating/", views.composition_rating, name="composition_rating"),
    path(
        "compositions/<uuid:composition_id>/opening.mp3",
        views.composition_opening,
        name="composition_opening",
    ),
    path(
        "compositions/<uuid:composition_id>/preview.mp3",
        views.composition_preview,
        name="composition_preview",
    ),
]
