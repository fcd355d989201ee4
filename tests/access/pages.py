"""The rows of the site's own pages."""

from __future__ import annotations

from tests.access.doors import ANY, IN, LOGIN, Row, acts, door, forms, of_allauth, reads

ANYBODY = door(IN)
MEMBERS = door(IN, strangers=LOGIN)
MAKER = door(404, owner=IN)
"""Whoever composed it, guests included, so that nobody is sent to the log-in."""
OWNER = door(404, owner=IN, strangers=LOGIN)
HOUSE = door(LOGIN, staff=IN)
NOBODY = door(404)

SEES_PIECES = door(404, owner=IN, staff=IN, no_role=404)
SEES_CERTIFICATES = door(404, owner=IN, staff=IN, no_role=404, music=404, strangers=LOGIN)

PAGES = (
    reads(
        "home how_it_works terms terms_version imprint privacy status healthz readyz models model_card model_card_json "
        "corpus corpus_json shop shop_states favourites library certificate signing_keys register register_head "
        "register_entries dev_mailbox",
        ANYBODY,
    ),
    reads("dev_mail metrics", NOBODY),  # there is no mail; without its own token there are no metrics
    forms("compose listen complain certificate_lookup", ANYBODY),
    acts("set_language", ANYBODY),
    # Of a piece that nobody but its maker has seen
    reads("composition composition_status composition_preview", SEES_PIECES),
    acts("composition_rating composition_versions composition_favourite", SEES_PIECES),
    forms("buy", door(404, owner=IN, staff=IN, no_role=404, strangers=LOGIN)),
    forms("composition_delete composition_mail", MAKER),
    acts(
        "composition_cancel composition_visibility composition_title composition_share composition_unshare",
        MAKER,
    ),
    reads("composition_opening", NOBODY),  # it is finished: there is none any more
    # Of a piece in the shop
    reads("composition composition_status composition_preview", ANYBODY, of="listed"),
    acts("composition_rating composition_versions composition_favourite", ANYBODY, of="listed"),
    forms("buy", MEMBERS, of="listed"),
    forms("composition_delete composition_mail", MAKER, of="listed"),
    acts(
        "composition_cancel composition_visibility composition_title composition_share composition_unshare",
        MAKER,
        of="listed",
    ),
    # Of a piece that the owner bought
    reads("composition composition_status", ANYBODY, of="bought"),
    acts("composition_rating", SEES_PIECES, of="bought"),
    # Whoever has the link
    reads("shared shared_preview", ANYBODY),
    forms("test_checkout", ANYBODY),
    forms("listen_pair", MAKER),
    reads("listen_preview", MAKER),
    # What was bought
    reads("purchase purchase_return", OWNER),
    acts("purchase_cancel extra_request", OWNER),
    forms("purchase_withdraw certificate_transfer", OWNER),
    reads("score download", OWNER),
    reads(
        "download_link", door(404, strangers=LOGIN)
    ),  # a link is for one session, and this one was made for none
    reads("certificate_json certificate_pdf", SEES_CERTIFICATES),
    reads("library_archive", MEMBERS),
    # Accounts
    reads("account_language personal_data", MEMBERS),
    forms("account_delete", MEMBERS),
    acts("stripe_webhook", ANYBODY),  # what carries no signature of Stripe's is a 400
    reads("staff_health staff_panel", HOUSE),
)

ALLAUTH = (
    of_allauth(
        "account_login account_signup account_reset_password account_request_login_code account_logout "
        "account_reset_password_from_key account_confirm_login_code",
        ANYBODY,
    ),
    reads("account_inactive account_reset_password_done account_reset_password_from_key_done", ANYBODY),
    of_allauth(
        "account_email_verification_sent account_reauthenticate account_email account_change_password "
        "account_set_password mfa_authenticate mfa_reauthenticate mfa_activate_totp "
        "mfa_generate_recovery_codes mfa_add_webauthn mfa_login_webauthn "
        "mfa_reauthenticate_webauthn usersessions_list",
        MEMBERS,
    ),
    of_allauth(  # nobody here has any of these
        "mfa_deactivate_totp", door(404, strangers=LOGIN)
    ),
    reads("mfa_index mfa_list_webauthn", MEMBERS),
    reads("mfa_view_recovery_codes mfa_download_recovery_codes", door(404, strangers=LOGIN)),
    of_allauth("mfa_remove_webauthn mfa_edit_webauthn", door(ANY, owner=IN, strangers=LOGIN)),
)
"""Its pages are about whoever is logged in; no address names anybody, but for the passkeys and the mailed keys."""

ROWS: tuple[Row, ...] = (*PAGES, *ALLAUTH)
