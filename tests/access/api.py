"""The rows of the API: a token with the scope opens what is the partner's, and nothing else."""

from __future__ import annotations

from marketplace.staff.roles import ROLES
from tests.access.doors import IN, Row, acts, door, every, reads

ANYBODY = door(IN)
ANY_TOKEN = door(403, anonymous=401, partners=IN)
SCOPED = door(403, anonymous=401, partners=IN, unscoped=403)
THE_PARTNERS = door(403, anonymous=401, partners=404, partner=IN, unscoped=403)
THE_SANDBOXS = door(403, anonymous=401, partners=404, sandbox=IN, unscoped=403)
SHARED = door(IN, anonymous=401, unscoped=403)
"""People who are logged in may use this as well."""
PARTNERS_PIECE = door(404, anonymous=401, partner=IN, unscoped=403)
OWNERS_PIECE = door(404, anonymous=401, owner=IN, unscoped=403)
SANDBOXS_PIECE = door(404, anonymous=401, sandbox=IN, unscoped=403)

SEES_PIECES = dict.fromkeys((*ROLES, "superuser"), IN)
A_VARIATION, SINCE, PAID = (
    '{"kind": "variation", "from_bar": 9}',
    '{"since": "2026-01-01T00:00:00Z"}',
    '{"outcome": "paid"}',
)
A_PIECE = "api_composition api_composition_originality api_composition_roll"
TO_A_PIECE = "api_composition_cancel"
AN_OFFER = "api_offer api_offer_similar api_offer_originality api_offer_roll"


def one(names: str, verbs: str, who: dict[str, str | int], **options: str) -> Row:
    return Row(names, dict.fromkeys(verbs.split(), who), **options)


ROWS: tuple[Row, ...] = (
    reads("schema api_docs", ANYBODY),
    every("api_nothing", door(404)),
    acts("api_token", ANYBODY),  # without a client's secret it is a 400
    acts("api_token_revoke", ANYBODY),
    reads("api_account api_usage", ANY_TOKEN, of="partner's"),
    reads("api_instruments api_offers", SHARED, scope="compositions"),
    one("api_compositions", "GET HEAD POST", SHARED, scope="compositions"),
    reads(A_PIECE, PARTNERS_PIECE, of="partner's", scope="compositions"),
    acts(TO_A_PIECE, PARTNERS_PIECE, of="partner's", scope="compositions"),
    reads(A_PIECE, OWNERS_PIECE, scope="compositions"),
    acts(TO_A_PIECE, OWNERS_PIECE, scope="compositions"),
    reads(A_PIECE, SANDBOXS_PIECE, of="sandbox's", scope="compositions"),
    acts(TO_A_PIECE, SANDBOXS_PIECE, of="sandbox's", scope="compositions"),
    acts(
        "api_variations", PARTNERS_PIECE | SEES_PIECES, of="partner's", scope="compositions", body=A_VARIATION
    ),
    acts("api_variations", OWNERS_PIECE | SEES_PIECES, scope="compositions", body=A_VARIATION),
    # It is on hold, and that it is taken is no secret: a 409.
    acts("api_variations", SHARED, of="sandbox's", scope="compositions", body=A_VARIATION),
    reads(AN_OFFER, door(404, anonymous=401, unscoped=403), scope="compositions"),  # it is private
    reads(AN_OFFER, SHARED, of="listed", scope="compositions"),
    one("api_webhooks", "GET HEAD POST", SCOPED, of="partner's", scope="webhooks"),
    one("api_webhook", "GET HEAD PATCH DELETE", THE_PARTNERS, of="partner's", scope="webhooks"),
    reads("api_webhook_deliveries", THE_PARTNERS, of="partner's", scope="webhooks"),
    acts(
        "api_webhook_secret api_webhook_test api_webhook_replay",
        THE_PARTNERS,
        of="partner's",
        scope="webhooks",
    ),
    acts("api_webhook_replay_failed", THE_PARTNERS, of="partner's", scope="webhooks", body=SINCE),
    one("api_purchases", "GET HEAD POST", SCOPED, of="partner's", scope="purchases"),
    reads("api_certificates api_invoices", SCOPED, of="partner's", scope="purchases"),
    reads("api_purchase api_certificate api_files", THE_PARTNERS, of="partner's", scope="purchases"),
    acts("api_purchase_cancel", THE_PARTNERS, of="partner's", scope="purchases"),
    acts("api_purchase_pay", THE_PARTNERS | {"partner": 403}, of="partner's", scope="purchases", body=PAID),
    reads("api_purchase", THE_SANDBOXS, of="sandbox's", scope="purchases"),
    acts("api_purchase_cancel api_purchase_pay", THE_SANDBOXS, of="sandbox's", scope="purchases", body=PAID),
    reads("api_file", ANYBODY, of="partner's"),  # whoever has the signed link
)
