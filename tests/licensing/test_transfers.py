"""A right changes hands as a whole: one current certificate at any time, and its history is kept."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from licensing import services, transfers
from licensing.errors import AlreadyReplaced, NotReplaceable
from licensing.models import Certificate, ExclusiveRight, RegisterEntry, Replacement
from licensing.transfers import finish_replacements, supersede_certificate, transfer_right
from tests.factories import a_staff_user, a_user
from tests.licensing.factories import a_delivered_right, a_right

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_music")]

FORM = {"licensee": "Grace Ltd", "email": "", "confirmed": "on"}


def as_user(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def status(client: Client, name: str, *arguments: str) -> int:
    # A download leads to a link that lives a minute.
    answer = client.get(reverse(name, args=arguments), follow=True)
    answer.close()
    return int(answer.status_code)


def ask(client: Client, certificate: Certificate, **fields: str) -> Any:
    return client.post(reverse("certificate_transfer", args=[certificate.pk]), FORM | fields)


def test_an_owner_transfers_to_a_client_with_an_account() -> None:
    right = a_delivered_right()
    owner, client_of_owner, old = right.holder, a_user(email="Grace@example.com"), right.certificate
    answer = ask(as_user(owner), old, email="grace@EXAMPLE.com")
    right.refresh_from_db()
    new = right.certificate
    assert answer["Location"] == reverse("certificate", args=[new.pk])
    assert (right.holder, right.licensee, new.holder) == (client_of_owner, "Grace Ltd", client_of_owner)
    old.refresh_from_db()
    assert (old.state, old.successor, old.holder) == ("transferred", new, owner)
    assert ExclusiveRight.objects.count() == 1
    assert Certificate.objects.filter(state="current").count() == 1
    assert new.facts["licensee"] == "Grace Ltd"
    assert new.facts["replaces"] == {"copyright_id": old.pk, "kind": "transferred"}
    assert new.facts["sold_at"] == old.facts["issued_at"]
    assert "price" not in new.facts
    assert "transferred by its holder to this licensee, Grace Ltd" in new.facts["statement"][0]
    entries = list(RegisterEntry.objects.values_list("certificate_id", "kind", "successor"))
    assert entries[-2:] == [(old.pk, "transferred", new.pk), (new.pk, "issued", "")]

    assert finish_replacements() == 1
    new.refresh_from_db()
    assert json.loads(new.document)["files"]
    assert status(as_user(client_of_owner), "download", new.pk, "master.wav") == 200
    assert status(as_user(owner), "download", old.pk, "master.wav") == 403
    assert status(as_user(client_of_owner), "download", old.pk, "master.wav") == 404
    assert status(as_user(owner), "download", new.pk, "master.wav") == 404
    assert status(as_user(owner), "certificate_pdf", old.pk) == 200
    assert status(as_user(client_of_owner), "certificate_json", old.pk) == 404

    told = {message.to[0]: message for message in mail.outbox}
    assert set(told) == {owner.email, client_of_owner.email}
    assert "have left your account" in told[owner.email].body
    assert "It is in your library" in told[client_of_owner.email].body
    for message in mail.outbox:
        assert {old.pk, new.pk} <= set(message.body.split())
    assert finish_replacements() == 0
    out = io.StringIO()
    call_command("check_register", stdout=out)
    assert out.getvalue().startswith("ok: 5 entries, 2 certificates")


def test_without_an_account_the_owner_keeps_the_files_for_the_client() -> None:
    right = a_delivered_right()
    owner, old = right.holder, right.certificate
    unverified = a_user(email="nobody@example.com")
    unverified.emailaddress_set.update(verified=False)
    page = as_user(owner).post(
        reverse("certificate_transfer", args=[old.pk]), FORM | {"email": "nobody@example.com"}, follow=True
    )
    right.refresh_from_db()
    assert (right.holder, right.licensee) == (owner, "Grace Ltd")
    assert "no other account with that address" in page.content.decode()
    finish_replacements()
    assert status(as_user(owner), "download", right.certificate.pk, "master.wav") == 200
    assert [message.to for message in mail.outbox] == [[owner.email]]


def test_asking_twice_transfers_once_and_asking_otherwise_is_refused() -> None:
    right = a_delivered_right()
    old = right.certificate
    client = as_user(right.holder)
    first, second = ask(client, old), ask(client, old)
    assert first["Location"] == second["Location"]
    other = ask(client, old, licensee="Somebody Else")
    assert other.status_code == 409
    assert (Certificate.objects.count(), Replacement.objects.count()) == (2, 1)


@pytest.mark.parametrize(
    "fields", [{"confirmed": ""}, {"licensee": " "}, {"licensee": "…"}, {"email": "nonsense"}]
)
def test_an_incomplete_form_transfers_nothing(fields: dict[str, str]) -> None:
    right = a_delivered_right()
    assert ask(as_user(right.holder), right.certificate, **fields).status_code == 422
    assert Certificate.objects.count() == 1


def test_only_the_holder_transfers() -> None:
    right = a_delivered_right()
    address = reverse("certificate_transfer", args=[right.certificate.pk])
    assert Client().post(address, FORM).status_code == 302
    for stranger in (a_user(), a_staff_user()):
        assert as_user(stranger).get(address).status_code == 404
        assert as_user(stranger).post(address, FORM).status_code == 404
        with pytest.raises(Http404):
            transfer_right(user=stranger, copyright_id=right.certificate.pk, licensee="Eve")
    assert as_user(right.holder).get(address).status_code == 200
    assert (Certificate.objects.count(), RegisterEntry.objects.count()) == (1, 2)


def test_what_is_not_in_force_or_not_delivered_is_not_transferred() -> None:
    fresh = a_right()
    with pytest.raises(NotReplaceable, match="still being made"):
        transfer_right(user=fresh.holder, copyright_id=fresh.certificate.pk, licensee="Grace Ltd")
    right = a_delivered_right()
    services.suspend_right(right=right, reason="disputed", now=timezone.now())
    with pytest.raises(NotReplaceable, match="not in force"):
        transfer_right(user=right.holder, copyright_id=right.certificate.pk, licensee="Grace Ltd")
    assert ask(as_user(right.holder), right.certificate).status_code == 409
    assert Certificate.objects.count() == 2


def test_a_right_that_was_passed_on_twice_shows_its_whole_way() -> None:
    right = a_delivered_right()
    owner, agency = right.holder, a_user()
    first = right.certificate
    second = transfer_right(user=owner, copyright_id=first.pk, licensee="Agency", email=agency.email)
    finish_replacements()
    with pytest.raises(AlreadyReplaced):
        transfer_right(user=owner, copyright_id=first.pk, licensee="Other")
    with pytest.raises(Http404):
        transfer_right(user=owner, copyright_id=second.pk, licensee="Other")
    third = transfer_right(user=agency, copyright_id=second.pk, licensee="Client")
    for old, new in ((first, second), (second, third)):
        page = Client().get(reverse("certificate", args=[old.pk]))
        assert (page.status_code, page.context["status"]) == (200, "transferred")
        assert reverse("certificate", args=[new.pk]) in page.content.decode()
    assert Client().get(reverse("certificate", args=[third.pk])).context["status"] == "valid"
    right.refresh_from_db()
    services.revoke_right(right=right, reason="refunded", now=timezone.now())
    statuses = [services.certificate_for_public(each.pk).status for each in (first, second, third)]
    assert statuses == ["transferred", "transferred", "revoked"]


def test_the_library_shows_what_was_passed_on_and_the_purchase_page_says_so() -> None:
    right = a_delivered_right()
    owner, new_owner, old = right.holder, a_user(), right.certificate
    transfer_right(user=owner, copyright_id=old.pk, licensee="Grace Ltd", email=new_owner.email)
    page = as_user(owner).get(reverse("library"))
    assert (list(page.context["rights"]), list(page.context["replaced"])) == ([], [old])
    page = as_user(new_owner).get(reverse("library"))
    assert list(page.context["rights"]) == [right]
    assert reverse("purchase", args=[right.purchase_id]) not in page.content.decode()


def test_the_database_keeps_one_current_certificate_a_right() -> None:
    right = a_delivered_right()
    old = right.certificate
    transfer_right(user=right.holder, copyright_id=old.pk, licensee="Grace Ltd")
    for change in ({"state": "current", "successor": None}, {"successor": None}, {"state": "superseded"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Certificate.objects.filter(pk=old.pk).update(**change)


def test_files_that_cannot_be_built_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    right = a_delivered_right()
    new = transfer_right(user=right.holder, copyright_id=right.certificate.pk, licensee="Grace Ltd")

    def fail(_certificate: Certificate) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(transfers, "deliver_certificate", fail)
        assert finish_replacements() == 0
    job = Replacement.objects.get(certificate=new)
    assert (job.attempts, job.done_at, "no space left" in job.error) == (1, None, True)
    assert (finish_replacements(), mail.outbox) == (0, [])
    Replacement.objects.update(not_before=timezone.now())
    assert finish_replacements() == 1
    new.refresh_from_db()
    assert new.signed_at is not None
    assert len(mail.outbox) == 1


def supersede(staff: Client, certificate: Certificate, **fields: str) -> Any:
    form = {"action": "supersede", "_selected_action": [certificate.pk], "confirm": "yes"}
    return staff.post(
        reverse("admin:licensing_certificate_changelist"),
        form | {"licensee": "Ada Lovelace Ltd", "reason": "misspelt by the buyer"} | fields,
    )


def test_staff_correct_a_name_and_say_why() -> None:
    right = a_delivered_right(licensee="Ada Lovelase Ltd")
    old = right.certificate
    staff = as_user(a_staff_user())
    page = staff.post(
        reverse("admin:licensing_certificate_changelist"),
        {"action": "supersede", "_selected_action": [old.pk]},
    )
    assert (page.status_code, "Ada Lovelase Ltd" in page.content.decode()) == (200, True)
    assert "This field is required" in supersede(staff, old, reason="").content.decode()
    assert Certificate.objects.count() == 1
    assert supersede(staff, old).status_code == supersede(staff, old).status_code == 302
    right.refresh_from_db()
    new = right.certificate
    assert (right.licensee, right.holder, new.holder) == ("Ada Lovelace Ltd", old.holder, old.holder)
    assert new.facts["replaces"] == {"copyright_id": old.pk, "kind": "superseded"}
    assert new.facts["price"] == old.facts["price"]
    assert "sold this composition once, to this licensee, Ada Lovelace Ltd" in new.facts["statement"][0]
    assert Certificate.objects.count() == 2
    entry = RegisterEntry.objects.get(kind="superseded")
    assert "misspelt by the buyer" in entry.note
    assert LogEntry.objects.filter(object_id=old.pk, change_message__contains="misspelt").count() == 2
    finish_replacements()
    assert [message.to for message in mail.outbox] == [[right.holder.email]]
    assert services.certificate_for_public(old.pk).status == "superseded"


def test_staff_without_the_permission_supersede_nothing() -> None:
    right = a_delivered_right()
    supersede(as_user(a_user(is_staff=True)), right.certificate)
    with pytest.raises(NotReplaceable, match="this name already"):
        supersede_certificate(
            copyright_id=right.certificate.pk,
            licensee=right.licensee,
            reason="no change",
            staff=a_staff_user(),
        )
    assert Certificate.objects.count() == 1
