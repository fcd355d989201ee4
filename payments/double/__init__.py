"""A small Stripe that needs no network: Checkout Sessions, PaymentIntents with manual capture, refunds and disputes.

It sits behind stripe-python's ``http_client`` seam, so that the product's own requests, idempotency keys and errors
are the real ones. ``engine`` answers the API, ``browser`` is what a buyer, a bank or the Dashboard does, ``store``
keeps everything in one SQLite file that all processes share. Pure Python: it knows neither Django nor stripe.
"""
