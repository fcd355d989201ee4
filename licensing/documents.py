"""What a certificate says: the facts frozen at the sale, their canonical form, and how a signed file is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from generation.models import Composition
from licensing import keys
from licensing.terms import terms_sha256

SCHEMA = "soloscore-certificate/1"
TEST_NOTICE = "TEST — no legal effect"


class NotCanonical(ValueError):
    """A value has no canonical form."""


def canonical(value: Any) -> bytes:
    """Return the one byte form of a JSON value: sorted keys, no spaces, UTF-8. Floats have none and are refused."""
    _refuse_floats(value)
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def sale_facts(
    *,
    composition: Composition,
    copyright_id: str,
    licensee: str,
    price_minor: int,
    currency: str,
    terms_version: str,
    is_test: bool,
    now: datetime,
) -> dict[str, Any]:
    """Freeze everything the certificate will ever say about a sale. ``composition`` comes with model and instrument."""
    if composition.model is None or composition.fingerprint is None:
        raise ValueError(f"Composition {composition.pk} is not finished; it cannot be certified.")
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "copyright_id": copyright_id,
        "issued_at": utc(now),
        "seller": settings.SELLER_NAME,
        "licensee": licensee,
        "composition": {
            "id": str(composition.pk),
            "title": title_of(composition),
            "instrument": composition.instrument.name,
            "seconds": _decimal(composition.seconds),
            "key": f"{composition.tonic} {composition.mode}".strip(),
            "bpm": _decimal(composition.bpm),
            "metre": composition.metre,
            "notes": composition.notes,
            "fingerprint": composition.fingerprint,
            "master_sha256": composition.master_sha256,
        },
        "parameters": {
            "seed": str(composition.seed),
            "seconds": composition.ordered_seconds,
            "mood": composition.mood,
            "tonic": composition.wished_tonic,
            "mode": composition.wished_mode,
            "bpm": composition.wished_bpm,
            "density": composition.density,
            "register": composition.register,
            "temperature": str(composition.temperature),
        },
        "model": {
            "version": composition.model.version,
            "weights_sha256": composition.model.weights_sha256,
            "ledger_sha256": composition.model.ledger_sha256,
        },
        "originality": _without_floats(composition.originality),
        "compared_until": utc(composition.finished_at or now),
        "price": {"minor": price_minor, "currency": currency},
        "terms": {"version": terms_version, "sha256": terms_sha256(terms_version)},
        "generated_by": "automated system",
        "test": is_test,
    }
    if is_test:
        facts["notice"] = TEST_NOTICE
    canonical(facts)
    return facts


def title_of(composition: Composition) -> str:
    """Return the title, or a plain name for a piece without one."""
    return composition.title or _("Piece for %(instrument)s") % {"instrument": composition.instrument.name}


def masked(name: str) -> str:
    """Return a name of which each word shows its first letter only."""
    return " ".join(word[0] + "•" * min(len(word) - 1, 6) for word in name.split())


def utc(moment: datetime) -> str:
    """Return a moment as ``2026-11-22T15:30:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed_file(*, document: str, signature: str, key_id: str) -> bytes:
    """Return the certificate as the file an owner gets: the document, its signature and the key's id."""
    return json.dumps(
        {"document": json.loads(document), "signature": signature, "algorithm": "Ed25519", "key_id": key_id},
        ensure_ascii=False,
        indent=2,
        sort_keys=True,
    ).encode()


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of checking a signed file: genuine or not, and in words."""

    genuine: bool
    reason: str
    document: Mapping[str, Any]


def check_signed_file(content: bytes, *, public_keys: Mapping[str, str]) -> Checked:
    """Check a certificate file with public keys alone."""
    try:
        body = json.loads(content)
        document, signature, key_id = body["document"], str(body["signature"]), str(body["key_id"])
        message = canonical(document)
        if document["key_id"] != key_id:
            return Checked(
                genuine=False, reason="The key named outside is not the one that signed.", document={}
            )
    except (ValueError, KeyError, TypeError):
        return Checked(genuine=False, reason="This is not a Soloscore certificate file.", document={})
    if key_id not in public_keys:
        return Checked(genuine=False, reason=f"The signing key {key_id} is not known.", document=document)
    if not keys.is_signed_by(message=message, signature=signature, public_key=public_keys[key_id]):
        return Checked(
            genuine=False, reason="The signature does not fit: the document was altered.", document=document
        )
    return Checked(genuine=True, reason="The signature is genuine.", document=document)


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise NotCanonical(f"{value!r} is a float; a signed document holds integers and strings only.")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise NotCanonical("A key is not a string.")
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


def _without_floats(value: Any) -> Any:
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, Mapping):
        return {str(key): _without_floats(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_floats(item) for item in value]
    return value


def _decimal(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
