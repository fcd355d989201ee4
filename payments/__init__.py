"""How paid: purchases, the Stripe gateway, settling, webhooks and the test checkout."""
