"""A right is granted once, with every fact frozen, and moves only as its table says."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from licensing import issuing, services
from licensing.canonical import NotCanonical, canonical
from licensing.documents import masked
from licensing.errors import AlreadyGranted
from licensing.models import Certificate, ExclusiveRight
from licensing.terms import terms_text
from tests.factories import a_ready_composition, a_user
from tests.licensing.factories import a_right

pytestmark = pytest.mark.django_db


def test_the_facts_of_a_version_name_what_it_was_made_from() -> None:
    first = a_ready_composition()
    made = a_ready_composition(kind="variation", from_bar=9, parent=first, origin=first)
    parameters = a_right(composition=made).certificate.facts["parameters"]
    assert parameters["kind"] == "variation"
    assert (parameters["from_bar"], parameters["parent_fingerprint"]) == (9, first.fingerprint)
    cut = a_ready_composition(kind="cut", parent=made, origin=first)
    assert "from_bar" not in a_right(composition=cut).certificate.facts["parameters"]
    assert "kind" not in a_right().certificate.facts["parameters"]


def test_the_facts_of_a_sale_are_frozen_with_it() -> None:
    piece = a_ready_composition(title="Rain", seed=7, mood="calm", register="low")
    right = a_right(composition=piece)
    facts = right.certificate.facts
    piece.title = "Sunshine"
    piece.price_minor = 9900
    piece.save()
    right.certificate.refresh_from_db()
    assert right.certificate.facts == facts
    assert facts["copyright_id"] == right.certificate.pk
    assert facts["issued_at"] == "2026-11-22T15:30:00Z"
    assert facts["licensee"] == "Ada Lovelace"
    assert facts["composition"]["title"] == "Rain"
    assert facts["composition"]["fingerprint"] == piece.fingerprint
    assert facts["composition"]["master_sha256"] == piece.master_sha256
    assert facts["composition"]["seconds"] == "30"
    assert facts["parameters"]["seed"] == "7"
    assert facts["parameters"]["mood"] == "calm"
    assert facts["parameters"]["register"] == "low"
    assert facts["model"] == {"version": "test-1", "weights_sha256": "a" * 64, "ledger_sha256": "b" * 64}
    assert facts["originality"] == {"longest_run_corpus": 8, "longest_run_works": 0, "nearest": None}
    assert facts["price"] == {"minor": 4900, "currency": "eur"}
    assert facts["terms"] == {
        "version": "2026-11",
        "sha256": hashlib.sha256(Path("licensing/terms_texts/2026-11.md").read_bytes()).hexdigest(),
        "statement_sha256": hashlib.sha256(
            Path("licensing/terms_texts/2026-11.statement.txt").read_bytes()
        ).hexdigest(),
    }
    assert (facts["test"], facts["notice"]) == (True, "TEST — no legal effect")


def test_a_real_sale_carries_no_test_notice() -> None:
    facts = a_right(is_test=False).certificate.facts
    assert facts["test"] is False
    assert "notice" not in facts


def test_a_piece_has_one_right_for_ever() -> None:
    right = a_right()
    services.revoke_right(right=right, reason="refunded", now=timezone.now())
    with pytest.raises(AlreadyGranted):
        a_right(composition=right.composition)
    assert ExclusiveRight.objects.count() == Certificate.objects.count() == 1


def test_a_taken_id_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = a_right()
    fresh = "SLS-GYQB-4QAD-0J3F"
    ids = iter([first.certificate.pk, first.certificate.pk, fresh])
    monkeypatch.setattr(issuing, "new_copyright_id", lambda: next(ids))
    second = a_right()
    assert second.certificate.pk == second.certificate.facts["copyright_id"] == fresh
    assert Certificate.objects.count() == 2


MOVES: dict[str, Any] = {
    "suspended": services.suspend_right,
    "in_force": services.restore_right,
    "revoked": services.revoke_right,
}


@pytest.mark.parametrize(
    ("start", "to"), list(itertools.product(["in_force", "suspended", "revoked"], MOVES))
)
def test_a_right_moves_only_as_its_table_says(start: str, to: str) -> None:
    right = a_right()
    ended = timezone.now() if start == "revoked" else None
    ExclusiveRight.objects.update(state=start, ended_at=ended)
    moved = MOVES[to](right=right, reason="because", now=timezone.now())
    right.refresh_from_db()
    allowed = {
        ("in_force", "suspended"),
        ("in_force", "revoked"),
        ("suspended", "in_force"),
        ("suspended", "revoked"),
    }
    assert moved == ((start, to) in allowed)
    assert right.state == (to if moved else start)
    assert (right.ended_at is not None) == (right.state == "revoked")


def test_the_database_refuses_a_half_signed_certificate() -> None:
    certificate = a_right().certificate
    with pytest.raises(IntegrityError), transaction.atomic():
        Certificate.objects.filter(pk=certificate.pk).update(document="{}")
    with pytest.raises(IntegrityError), transaction.atomic():
        ExclusiveRight.objects.update(state="given away")


def test_the_canonical_form_is_one_and_knows_no_floats() -> None:
    assert canonical({"b": [1, True, None], "a": "ä\n"}) == '{"a":"ä\\n","b":[1,true,null]}'.encode()
    for value in (1.0, {"a": [0.5]}, float("nan")):
        with pytest.raises(NotCanonical):
            canonical(value)


def test_an_unfinished_piece_cannot_be_certified() -> None:
    piece = a_ready_composition()
    type(piece).objects.filter(pk=piece.pk).update(state="queued", model=None, fingerprint=None)
    piece.refresh_from_db()
    with pytest.raises(ValueError, match="not finished"), transaction.atomic():
        a_right(composition=piece, holder=a_user())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada Lovelace", "A•• L••••••"),
        ("X", "X"),
        ("Société Générale", "S•••••• G••••••"),
        ("李小龙", "李••"),
    ],
)
def test_a_masked_name_shows_first_letters_only(name: str, shown: str) -> None:
    assert masked(name) == shown


def test_the_terms_keep_to_what_can_be_promised() -> None:
    text = terms_text("2026-11").lower()
    for word in ("guaranteed unique", "registered", "copyrighted"):
        assert word not in text
    for word in ("if any", "automated system", "not a registration", "transferable", "never offer it again"):
        assert word in text
    with pytest.raises(ValueError, match="no licence terms"):
        terms_text("../2026-11")
