"""Addresses of buying."""

from django.urls import path

from payments import test_checkout, views

urlpatterns = [
    path("compositions/<uuid:composition_id>/buy/", views.buy, name="buy"),
    path("purchases/<uuid:purchase_id>/", views.purchase, name="purchase"),
    path("purchases/<uuid:purchase_id>/return/", views.purchase_return, name="purchase_return"),
    path("purchases/<uuid:purchase_id>/cancel/", views.purchase_cancel, name="purchase_cancel"),
    path("purchases/<uuid:purchase_id>/withdraw/", views.purchase_withdraw, name="purchase_withdraw"),
    path("webhooks/stripe/", views.stripe_webhook, name="stripe_webhook"),
    path("test-checkout/<str:session_id>/", test_checkout.checkout_page, name="test_checkout"),
]
