"""Everything the shop keeps about a person, as one document they can take along (GDPR, articles 15 and 20)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Model, QuerySet

from accounts.models import User
from generation.models import Comparison, Composition, Favourite, Rating, ReadyMail, ShareLink
from licensing.models import Certificate, Complaint, ExclusiveRight
from payments.models import Declaration, Purchase, PurchaseEvent

ACCOUNT = ("id", "email", "name", "language", "date_joined", "last_login", "is_active", "is_staff")
COMPOSITION = (
    "id", "title", "instrument", "ordered_seconds", "seed", "mood", "wished_tonic", "wished_mode", "wished_bpm",
    "density", "register", "temperature", "state", "failure", "error", "created_at", "started_at", "finished_at",
    "seconds", "bpm", "tonic", "mode", "metre", "notes", "fingerprint", "originality", "sale_state", "is_private",
    "listed_from", "removed_at", "kind", "parent", "from_bar",
)  # fmt: skip
RIGHT = ("id", "composition", "purchase_id", "licensee", "state", "granted_at", "ended_at")
PURCHASE = (
    "id", "composition", "licensee", "state", "price_minor", "currency", "session_id", "payment_intent_id",
    "terms_version", "created_at", "updated_at",
)  # fmt: skip


def personal_data_of(user: User) -> dict[str, Any]:
    """Return what is kept about a user, by kind. Passwords and keys are named, never given."""
    makers = list(user.makers.values_list("pk", flat=True))
    return {
        "account": _row(user, ACCOUNT),
        "email_addresses": _rows(EmailAddress.objects.filter(user=user), ("email", "verified", "primary")),
        "second_factors": _rows(
            Authenticator.objects.filter(user=user), ("type", "created_at", "last_used_at")
        ),
        "sessions": _rows(
            UserSession.objects.filter(user=user), ("ip", "user_agent", "created_at", "last_seen_at")
        ),
        "compositions": _rows(Composition.objects.filter(maker__in=makers), COMPOSITION),
        "ratings": _rows(Rating.objects.filter(maker__in=makers), ("composition", "stars", "rated_at")),
        "favourites": _rows(Favourite.objects.filter(maker__in=makers), ("composition", "kept_at")),
        "comparisons": _rows(
            Comparison.objects.filter(maker__in=makers),
            ("one", "other", "one_is_a", "preferred", "answered_at"),
        ),
        "share_links": _rows(
            ShareLink.objects.filter(composition__maker__in=makers),
            ("composition", "created_at", "expires_at", "revoked_at"),
        ),
        "mails_waited_for": _rows(ReadyMail.objects.filter(user=user), ("composition", "created_at")),
        "purchases": _rows(Purchase.objects.filter(buyer=user), PURCHASE),
        "moves_of_purchases": _rows(
            PurchaseEvent.objects.filter(purchase__buyer=user),
            ("purchase", "from_state", "to_state", "reason", "created_at"),
        ),
        "declarations": _rows(
            Declaration.objects.filter(user=user),
            ("purchase", "kind", "terms_version", "sha256", "declared_at"),
        ),
        "complaints": _rows(
            Complaint.objects.filter(email__iexact=user.email),
            ("about", "named", "name", "text", "state", "filed_at"),
        ),
        "rights": _rows(ExclusiveRight.objects.filter(holder=user), RIGHT),
        "certificates": [
            {"copyright_id": certificate.pk, "state": certificate.state, "facts": certificate.facts}
            for certificate in Certificate.objects.filter(holder=user).order_by("issued_at")
        ],
    }


def _rows(rows: QuerySet[Any], fields: Iterable[str]) -> list[dict[str, Any]]:
    return list(rows.order_by("pk").values(*fields))


def _row(row: Model, fields: Iterable[str]) -> dict[str, Any]:
    return {field: getattr(row, field) for field in fields}
