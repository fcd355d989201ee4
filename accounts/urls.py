"""Addresses of signing in, of partners' tokens and of development's mailbox."""

from allauth.idp.oidc import views as oidc
from django.urls import include, path

from accounts import views

urlpatterns = [
    path("accounts/delete/", views.account_delete, name="account_delete"),
    path("accounts/language/", views.account_language, name="account_language"),
    path("language/", views.choose_language, name="set_language"),
    path("accounts/", include("allauth.urls")),
    # Of allauth's OpenID provider only what partners need; there is no log-in at other sites with our accounts.
    path("identity/o/api/token", oidc.token, name="api_token"),
    path("identity/o/api/revoke", oidc.revoke, name="api_token_revoke"),
    path("dev/mailbox/", views.dev_mailbox, name="dev_mailbox"),
    path("dev/mailbox/<int:place>/", views.dev_mail, name="dev_mail"),
]
