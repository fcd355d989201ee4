"""Every download address, and every kind of visitor: the owner alone, for a minute, in one session."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from licensing import extras, services
from licensing.models import ExclusiveRight, Extra
from licensing.transfers import transfer_right
from tests.factories import a_staff_user, a_user
from tests.licensing.factories import a_delivered_right, downloaded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_music")]

LOOP = "extras/loop.zip"


@pytest.fixture
def right() -> ExclusiveRight:
    """A delivered right, with a loop that was made of it."""
    right = a_delivered_right()
    path = extras.path_of(right.certificate.pk, "loop")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a loop")
    now = timezone.now()
    Extra.objects.create(
        certificate=right.certificate,
        kind="loop",
        state="ready",
        size=6,
        sha256=hashlib.sha256(b"a loop").hexdigest(),
        document="{}",
        signature="s",
        key_id="k",
        requested_at=now,
        changed_at=now,
    )
    return right


def as_user(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def names(right: ExclusiveRight) -> list[str]:
    return [*right.certificate.files.values_list("name", flat=True), LOOP]


def link(client: Client, right: ExclusiveRight, name: str = "master.wav") -> str:
    """Ask for a file and stop at the signed link."""
    answer = client.get(reverse("download", args=[right.certificate.pk, name]))
    assert answer.status_code == 302
    address: str = answer["Location"]
    assert address.startswith("/download/")
    return address


def test_the_owner_gets_every_file_and_nobody_keeps_it_on_the_way(right: ExclusiveRight) -> None:
    client = as_user(right.holder)
    assert len(names(right)) > 5
    for name in names(right):
        answer = downloaded(client, right.certificate.pk, name)
        assert answer.status_code == 200, name
        assert answer["Cache-Control"] == "no-store, private"
        assert answer["X-Content-Type-Options"] == "nosniff"
        saved_as = f"{right.certificate.pk}-{name.rpartition('/')[2]}"
        assert answer["Content-Disposition"] == f'attachment; filename="{saved_as}"'


VISITORS: dict[str, Callable[[ExclusiveRight], Client]] = {
    "anonymous": lambda right: Client(),
    "somebody else": lambda right: as_user(a_user()),
    "staff": lambda right: as_user(a_staff_user()),
    "whoever composed it": lambda right: as_user(composer_of(right)),
}


def composer_of(right: ExclusiveRight) -> Any:
    maker = right.composition.maker
    maker.user = a_user()
    maker.save()
    return maker.user


@pytest.mark.parametrize("visitor", list(VISITORS))
def test_nobody_else_gets_anything_not_even_with_the_owners_link(visitor: str, right: ExclusiveRight) -> None:
    owner = as_user(right.holder)
    client = VISITORS[visitor](right)
    refused = 302 if visitor == "anonymous" else 404
    for name in names(right):
        for address in (reverse("download", args=[right.certificate.pk, name]), link(owner, right, name)):
            answer = client.get(address)
            assert answer.status_code == refused, (visitor, address)
            if refused == 302:
                assert answer["Location"].startswith(reverse("account_login"))


def test_a_link_belongs_to_its_session_and_its_file(right: ExclusiveRight) -> None:
    client, elsewhere = as_user(right.holder), as_user(right.holder)
    address = link(client, right)
    assert elsewhere.get(address).status_code == 404
    assert client.get(address.replace("master.wav", "everything.zip")).status_code == 404
    assert client.get(address.replace("/master.wav", "x/master.wav")).status_code == 404
    assert client.get(address).status_code == 200
    client.logout()
    assert client.get(address).status_code == 302


def test_a_link_dies_after_a_minute_and_leads_its_owner_to_a_new_one(right: ExclusiveRight) -> None:
    client = as_user(right.holder)
    address = link(client, right)
    with time_machine.travel(timezone.now() + timedelta(seconds=58)):
        assert client.get(address).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=62)):
        late = client.get(address)
        assert late["Location"] == reverse("download", args=[right.certificate.pk, "master.wav"])
        assert as_user(a_user()).get(address).status_code == 404
        assert downloaded(client, right.certificate.pk, "master.wav").status_code == 200


@pytest.mark.parametrize("end", [services.suspend_right, services.revoke_right])
def test_a_link_is_dead_as_soon_as_the_right_is(end: Any, right: ExclusiveRight) -> None:
    """Refund and dispute come here as revoked and suspended."""
    client = as_user(right.holder)
    addresses = [link(client, right, name) for name in names(right)]
    end(right=right, reason="test", now=timezone.now())
    for address in addresses:
        assert client.get(address).status_code == 403
    for name in names(right):
        assert downloaded(client, right.certificate.pk, name).status_code == 403


def test_a_link_of_the_former_holder_is_dead_once_the_right_was_transferred(right: ExclusiveRight) -> None:
    former, heir, old = as_user(right.holder), a_user(email="heir@example.com"), right.certificate
    address = link(former, right)
    transfer_right(user=right.holder, copyright_id=old.pk, licensee="Heir Ltd", email=heir.email)
    assert former.get(address).status_code == 403
    assert downloaded(former, old.pk, LOOP).status_code == 403
    assert downloaded(as_user(heir), old.pk, "master.wav").status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "body", "said"),
    [
        ("bytes=0-3", 206, b"this", "bytes 0-3/18"),
        ("bytes=-3", 206, b"wav", "bytes 15-17/18"),
        ("bytes=8-", 206, b"master.wav", "bytes 8-17/18"),
        ("bytes=18-", 416, b"", "bytes */18"),
    ],
)
def test_a_part_can_be_had(right: ExclusiveRight, asked: str, status: int, body: bytes, said: str) -> None:
    client = as_user(right.holder)
    answer = client.get(link(client, right), headers={"Range": asked})
    assert (answer.status_code, answer.getvalue(), answer["Content-Range"]) == (status, body, said)
    assert answer["Cache-Control"] == "no-store, private"


def test_behind_nginx_the_answer_names_the_file_and_carries_nothing(
    right: ExclusiveRight, settings: Any
) -> None:
    settings.ACCEL_LOCATION = "/private-files/"
    client = as_user(right.holder)
    answer = downloaded(client, right.certificate.pk, "master.wav")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Accel-Redirect"] == f"/private-files/certificates/{right.certificate.pk}/master.wav"
    assert answer["Content-Type"] == "audio/wav"
    assert answer["Cache-Control"] == "no-store, private"
    assert "X-Accel-Redirect" not in downloaded(as_user(a_user()), right.certificate.pk, "master.wav")


def test_without_nginx_no_such_header_is_sent(right: ExclusiveRight) -> None:
    assert "X-Accel-Redirect" not in downloaded(as_user(right.holder), right.certificate.pk, "master.wav")


@pytest.mark.parametrize("name", ["extras/../loop.zip", "extras/cut-15.zip", "extras/", "../x", "a/b"])
def test_what_was_not_made_has_no_address(right: ExclusiveRight, name: str) -> None:
    assert as_user(right.holder).get(f"/downloads/{right.certificate.pk}/{name}").status_code == 404
