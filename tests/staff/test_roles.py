"""Who may do what: the table is what the groups have, what the pages offer and what docs/staff.md says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from generation.models import ComposerModel, Composition
from licensing.complaints import file_complaint
from licensing.models import Certificate, Complaint
from marketplace.staff.roles import DUTIES, ROLES, permissions_of, sync_roles, table
from payments.models import Incident, Purchase
from tests.factories import a_listed_composition, a_user, staff_client
from tests.licensing.factories import a_right

pytestmark = pytest.mark.django_db

MAY = {
    (Composition, "retry"): {"support", "music", "admin"},
    (Composition, "withdraw"): {"support", "music", "admin"},
    (ComposerModel, "activate"): {"music", "admin"},
    (Purchase, "settle_now"): {"support", "finance", "admin"},
    (Purchase, "cancel_hold"): {"support", "finance", "admin"},
    (Purchase, "withdraw_piece"): {"finance", "admin"},
    (Purchase, "refund"): {"finance", "admin"},
    (Purchase, "revoke"): {"finance", "admin"},
    (Incident, "mark_resolved"): {"finance", "admin"},
    (Certificate, "supersede"): {"support", "admin"},
    (Complaint, "answer"): {"support", "admin"},
    (Complaint, "uphold"): {"support", "admin"},
    (Complaint, "withdraw_piece"): {"support", "admin"},
}
LISTS = {
    "generation_composition": {"support", "finance", "music", "admin"},
    "payments_purchase": {"support", "finance", "admin"},
    "payments_incident": {"finance", "admin"},
    "payments_webhookevent": {"finance", "admin"},
    "licensing_certificate": {"support", "finance", "admin"},
    "licensing_complaint": {"support", "finance", "music", "admin"},
    "accounts_user": {"support", "finance", "admin"},
    "accounts_auditentry": {"finance", "admin"},
    "auth_group": {"admin"},
    "mfa_authenticator": {"admin"},
}


def rows() -> None:
    """One row of everything that can be acted on."""
    right = a_right(composition=a_listed_composition())
    Purchase.objects.create(
        composition=right.composition, buyer=right.holder, licensee="x", price_minor=4900, currency="eur",
        expires_at=right.granted_at, terms_version="2026-11",
    )  # fmt: skip
    Incident.objects.create(kind="test", detail="x")
    file_complaint(about="other", named="", name="Ada", email="ada@example.com", text="It is wrong.")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_offered_exactly_the_actions_of_the_matrix(
    as_role: Callable[[str], Client], role: str
) -> None:
    rows()
    client = as_role(role)
    for (model, action), roles in MAY.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        answer = client.get(address)
        offered = answer.status_code == 200 and f'value="{action}"' in answer.content.decode()
        assert offered == (role in roles), (model.__name__, action, role)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_exactly_its_lists_and_their_files(as_role: Callable[[str], Client], role: str) -> None:
    client = as_role(role)
    for name, roles in LISTS.items():
        for kind in ("changelist", "export"):
            status = client.get(reverse(f"admin:{name}_{kind}")).status_code
            assert status == (200 if role in roles else 403), (name, kind, role)


def test_an_action_that_is_not_offered_does_nothing(as_role: Callable[[str], Client]) -> None:
    piece = a_listed_composition()
    form = {"action": "withdraw", "reason": "x", "_selected_action": [str(piece.pk)]}
    as_role("finance").post(reverse("admin:generation_composition_changelist"), form)
    piece.refresh_from_db()
    assert piece.sale_state == "available"


def test_nobody_can_delete_what_the_house_keeps_superusers_included(rf: object) -> None:
    request = rf.get("/")  # type: ignore[attr-defined]
    request.user = a_user(is_staff=True, is_superuser=True)
    ours = [
        (model, site) for model, site in admin.site._registry.items()
        if model._meta.app_label in {"accounts", "generation", "licensing", "payments"}
    ]  # fmt: skip
    assert len(ours) > 15
    assert [model for model, site in ours if site.has_delete_permission(request)] == []


def test_every_permission_of_the_table_exists_and_hand_made_changes_are_undone() -> None:
    call_command("sync_roles", verbosity=0)
    support = Group.objects.get(name="support")
    support.permissions.clear()
    sync_roles()
    assert {
        f"{one.content_type.app_label}.{one.codename}"
        for one in support.permissions.select_related("content_type")
    } == permissions_of("support")
    assert permissions_of("admin") == {name for duty in DUTIES for name in duty.permissions}


def test_an_admin_makes_no_superuser_and_does_not_touch_one(as_role: Callable[[str], Client]) -> None:
    client = as_role("admin")
    person, chief = a_user(), a_user(is_staff=True, is_superuser=True)
    fields = {"email": person.email, "is_active": "on", "is_superuser": "on", "date_joined": ""}
    client.post(reverse("admin:accounts_user_change", args=[person.pk]), fields)
    person.refresh_from_db()
    assert not person.is_superuser
    assert client.post(reverse("admin:accounts_user_change", args=[chief.pk]), fields).status_code == 403
    assert client.get(reverse("admin:auth_user_password_change", args=[chief.pk])).status_code == 403


def test_the_page_for_staff_has_the_table() -> None:
    """``manage.py sync_roles --table`` prints it."""
    page = (Path(settings.BASE_DIR) / "docs" / "staff.md").read_text()
    assert "\n".join(table()) in page


def test_prices_are_for_those_who_set_them(as_role: Callable[[str], Client]) -> None:
    instrument = a_listed_composition().instrument
    address = reverse("admin:generation_instrument_change", args=[instrument.pk])
    assert 'name="price_minor"' not in as_role("music").get(address).content.decode()
    assert 'name="price_minor"' in as_role("finance").get(address).content.decode()
    assert 'name="_save"' not in as_role("support").get(address).content.decode()
    assert staff_client().get(address).status_code == 200
