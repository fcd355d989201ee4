"""What a certificate says: the facts frozen at the sale, their canonical form, and how a signed file is checked."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from generation.models import Composition
from generation.titles import title_of
from licensing import keys
from licensing.canonical import canonical
from licensing.terms import statement_of, statement_sha256, terms_sha256

SCHEMA = "soloscore-certificate/2"
"""Since 2: ``sold_at``, ``salt``, ``statement``, ``compared_with``, and ``register`` in what is signed."""

WITHOUT_ANCHOR = "soloscore-certificate/1"
"""Documents of this schema were signed before there was a register."""

ADDED_BY_SIGNING = frozenset({"files", "key_id", "signed_at", "register"})
"""What a signed document has beyond the facts that were frozen when the certificate was issued."""

TEST_NOTICE = "TEST — no legal effect"


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
    """Freeze everything the certificate will ever say about a sale. ``composition`` comes with model and instrument.

    A title that nobody gave is frozen in the language spoken here: the buyer's.
    """
    if composition.model is None or composition.fingerprint is None:
        raise ValueError(f"Composition {composition.pk} is not finished; it cannot be certified.")
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "copyright_id": copyright_id,
        "salt": _salt(),
        "issued_at": utc(now),
        "sold_at": utc(now),
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
            **_made_from(composition),
        },
        "model": {
            "version": composition.model.version,
            "weights_sha256": composition.model.weights_sha256,
            "ledger_sha256": composition.model.ledger_sha256,
        },
        "originality": _without_floats(composition.originality),
        "compared_until": utc(composition.finished_at or now),
        "compared_with": {"training_pieces": _training_pieces(composition)},
        "price": {"minor": price_minor, "currency": currency},
        "terms": _terms(terms_version, transferred=False),
        "generated_by": "automated system",
        "test": is_test,
    }
    if is_test:
        facts["notice"] = TEST_NOTICE
    return _stated(facts)


def replacing_facts(
    old: Mapping[str, Any], *, copyright_id: str, licensee: str, kind: str, now: datetime
) -> dict[str, Any]:
    """Freeze what the successor of a certificate says. A transfer leaves the price out: it is not the client's."""
    transferred = kind == "transferred"
    dropped = {"statement", "price"} if transferred else {"statement"}
    facts = {key: value for key, value in old.items() if key not in dropped}
    facts |= {
        "schema": SCHEMA,
        "copyright_id": copyright_id,
        "salt": _salt(),
        "issued_at": utc(now),
        "sold_at": old.get("sold_at", old["issued_at"]),
        "licensee": licensee,
        "replaces": {"copyright_id": old["copyright_id"], "kind": kind},
    }
    if transferred:
        facts["transferred_at"] = utc(now)
    facts["terms"] = _terms(old["terms"]["version"], transferred="transferred_at" in facts)
    return _stated(facts)


def facts_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that were frozen at the issue out of the document that was signed later."""
    return {key: value for key, value in document.items() if key not in ADDED_BY_SIGNING}


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


WRAPPING = {"document", "signature", "algorithm", "key_id"}


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
        # What stands around the document is not signed: it must be what we write, to the letter.
        if set(body) != WRAPPING or body["algorithm"] != "Ed25519" or not _is_tidy(signature):
            return Checked(genuine=False, reason="What stands around the document was altered.", document={})
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


def _is_tidy(text: str) -> bool:
    """Whether text is the one base64 form of its bytes; the last character has bits that decoding ignores."""
    return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text


def _stated(facts: dict[str, Any]) -> dict[str, Any]:
    facts["statement"] = statement_of(facts)
    canonical(facts)
    return facts


def _terms(version: str, *, transferred: bool) -> dict[str, str]:
    return {
        "version": version,
        "sha256": terms_sha256(version),
        "statement_sha256": statement_sha256(version, transferred=transferred),
    }


def _salt() -> str:
    """Make the digest in the public register say nothing to whoever guesses the licensee's name."""
    return secrets.token_hex(16)


def _training_pieces(composition: Composition) -> int | None:
    """Return how many pieces the ledger of the training corpus lists; None if the model's card does not tell."""
    licences = composition.model.card.get("licences") if composition.model else None
    return sum(licences.values()) if licences else None


def _made_from(composition: Composition) -> dict[str, Any]:
    """Name what a version was made from, since its seed alone does not give its notes; nothing for an original."""
    if composition.parent is None:
        return {}
    bar = {} if composition.from_bar is None else {"from_bar": composition.from_bar}
    return {"kind": composition.kind, "parent_fingerprint": composition.parent.fingerprint or "", **bar}


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
