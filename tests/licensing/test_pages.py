"""The public register, the owner's downloads, and the library."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.services import SESSION_KEY
from licensing import services
from licensing.models import ExclusiveRight
from tests.factories import a_maker, a_ready_composition, a_staff_user, a_user
from tests.licensing.factories import a_delivered_right, a_right, downloaded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_music")]


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def get(client: Client, name: str, *arguments: str) -> Any:
    """Ask for a page; a streamed answer is read to its end and its content kept."""
    if name == "download":
        return downloaded(client, *arguments)
    answer = client.get(reverse(name, args=arguments))
    if answer.streaming:
        answer.body = b"".join(answer.streaming_content)
        answer.close()
    return answer


@pytest.mark.parametrize(
    ("change", "status"),
    [(None, "valid"), (services.suspend_right, "suspended"), (services.revoke_right, "revoked")],
)
def test_anybody_sees_how_a_certificate_stands(change: Any, status: str) -> None:
    right = a_delivered_right(licensee="Ada Lovelace")
    if change:
        change(right=right, reason="test", now=timezone.now())
    page = get(Client(), "certificate", right.certificate.pk)
    assert (page.status_code, page.context["status"]) == (200, status)
    assert page.context["document"]["composition"]["title"] == right.composition.title
    assert "no-store" in page["Cache-Control"]


def test_the_register_never_names_the_licensee() -> None:
    right = a_delivered_right(licensee="Ada Lovelace")
    page = get(Client(), "certificate", right.certificate.pk)
    assert page.context["licensee_masked"] == page.context["document"]["licensee"] == "A•• L••••••"
    assert "Lovelace" not in page.content.decode()
    assert right.holder.email not in page.content.decode()


def test_a_certificate_not_signed_yet_is_valid_already() -> None:
    page = get(Client(), "certificate", a_right().certificate.pk)
    assert (page.status_code, page.context["status"], list(page.context["files"])) == (200, "valid", [])


def test_an_unknown_id_is_told_and_a_differently_typed_one_is_found() -> None:
    right = a_delivered_right()
    unknown = get(Client(), "certificate", "SLS-0000-0000-0000")
    assert (unknown.status_code, unknown.context["status"]) == (404, "unknown")
    typed = right.certificate.pk.lower().replace("-", "")
    assert get(Client(), "certificate", typed)["Location"] == reverse(
        "certificate", args=[right.certificate.pk]
    )


def test_the_lookup_leads_to_the_certificate_or_says_it_is_mistyped() -> None:
    right = a_right()
    client = Client()
    found = client.get(reverse("certificate_lookup"), {"id": f" {right.certificate.pk.lower()} "})
    assert found["Location"] == reverse("certificate", args=[right.certificate.pk])
    mistyped = client.get(reverse("certificate_lookup"), {"id": right.certificate.pk[:-1]})
    assert (mistyped.status_code, mistyped.context["error"]) == (404, True)
    assert client.get(reverse("certificate_lookup")).status_code == 200


def test_the_public_keys_are_public() -> None:
    right = a_delivered_right()
    body = get(Client(), "signing_keys").json()
    assert body["algorithm"] == "Ed25519"
    assert right.certificate.key_id in body["keys"]
    assert "PRIVATE" not in str(body)


def test_the_owner_downloads_every_file() -> None:
    right = a_delivered_right()
    client = as_user(right.holder)
    for file in right.certificate.files.all():
        answer = get(client, "download", right.certificate.pk, file.name)
        assert (answer.status_code, hashlib.sha256(answer.body).hexdigest()) == (200, file.sha256)
        assert answer["Content-Disposition"] == f'attachment; filename="{right.certificate.pk}-{file.name}"'
        assert "no-store" in answer["Cache-Control"]
        assert "private" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"


OWNERS_ONLY = [
    ("download", "master.wav"),
    ("download", "everything.zip"),
    ("certificate_json",),
    ("certificate_pdf",),
]


@pytest.mark.parametrize("where", OWNERS_ONLY, ids=str)
def test_nobody_else_gets_a_file(where: tuple[str, ...]) -> None:
    right = a_delivered_right()
    name, *rest = where
    anonymous = get(Client(), name, right.certificate.pk, *rest)
    assert (anonymous.status_code, anonymous["Location"].partition("?")[0]) == (302, reverse("account_login"))
    assert get(as_user(a_user()), name, right.certificate.pk, *rest).status_code == 404
    maker = a_user()
    right.composition.maker.user = maker
    right.composition.maker.save()
    assert get(as_user(maker), name, right.certificate.pk, *rest).status_code == 404


def test_staff_read_certificates_and_download_no_music() -> None:
    right = a_delivered_right()
    staff = as_user(a_staff_user())
    assert get(staff, "certificate_json", right.certificate.pk).status_code == 200
    assert get(staff, "download", right.certificate.pk, "master.wav").status_code == 404


@pytest.mark.parametrize(
    "name", ["..", "../secret", "%2e%2e", "master.flac\x00", "score.json", "", "certificate"]
)
def test_only_the_owners_files_have_a_name(name: str) -> None:
    right = a_delivered_right()
    address = f"/downloads/{right.certificate.pk}/{name}"
    assert as_user(right.holder).get(address).status_code == 404


def test_a_suspended_or_revoked_right_downloads_nothing_and_stays_proven() -> None:
    right = a_delivered_right()
    client = as_user(right.holder)
    services.suspend_right(right=right, reason="dispute", now=timezone.now())
    paused = get(client, "download", right.certificate.pk, "master.wav")
    assert paused.status_code == 403
    services.restore_right(right=right, reason="won", now=timezone.now())
    assert get(client, "download", right.certificate.pk, "master.wav").status_code == 200
    services.revoke_right(right=right, reason="refunded", now=timezone.now())
    for name in ("master.wav", "everything.zip", "certificate.pdf"):
        assert get(client, "download", right.certificate.pk, name).status_code == 403
    assert get(client, "certificate_pdf", right.certificate.pk).status_code == 200


def test_the_signed_file_names_the_licensee_to_the_holder() -> None:
    right = a_delivered_right()
    body = get(as_user(right.holder), "certificate_json", right.certificate.pk).json()
    assert body["document"]["licensee"] == "Ada Lovelace"
    assert body["signature"] == right.certificate.signature


def test_before_the_signature_there_is_no_document_to_get() -> None:
    right = a_right()
    client = as_user(right.holder)
    for name in ("certificate_json", "certificate_pdf"):
        assert get(client, name, right.certificate.pk).status_code == 404


def test_private_files_lie_under_no_address() -> None:
    right = a_delivered_right()
    inside = services.folder_of(right.certificate.pk).resolve()
    assert inside.is_relative_to(settings.PRIVATE_DIR)
    assert not settings.PRIVATE_DIR.resolve().is_relative_to(settings.STATIC_ROOT)
    assert not settings.MEDIA_URL.strip("/")


def test_a_guests_library_shows_what_they_composed() -> None:
    maker = a_maker()
    mine, _others = a_ready_composition(maker=maker), a_ready_composition()
    client = Client()
    session = client.session
    session[SESSION_KEY] = str(maker.pk)
    session.save()
    page = get(client, "library")
    assert [piece.pk for piece in page.context["pieces"]] == [mine.pk]
    assert list(page.context["rights"]) == []


def test_a_users_library_shows_pieces_and_purchases() -> None:
    user = a_user()
    mine = a_ready_composition(maker=a_maker(user=user))
    bought = a_right(holder=user)
    a_right()
    page = get(as_user(user), "library")
    assert [piece.pk for piece in page.context["pieces"]] == [mine.pk]
    assert list(page.context["rights"]) == [bought]
    assert ExclusiveRight.objects.count() == 2


def test_the_library_does_not_ask_the_database_more_for_more_purchases(
    django_assert_max_num_queries: Any,
) -> None:
    user = a_user()
    for _ in range(3):
        a_delivered_right(holder=user)
    client = as_user(user)
    with django_assert_max_num_queries(14):
        get(client, "library")
