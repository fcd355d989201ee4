"""The library: finding, naming, deleting, and taking everything along."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from generation import kin, storage
from generation.models import Composition
from licensing.models import ExclusiveRight
from tests.factories import (
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_user,
)
from tests.licensing.factories import a_delivered_right, a_right

pytestmark = pytest.mark.django_db

SaleState = Composition.SaleState


@pytest.fixture
def owner(client: Client) -> User:
    user = a_user()
    client.force_login(user)
    return user


def fresh(piece: Composition) -> Composition:
    return Composition.objects.get(pk=piece.pk)


def test_pieces_and_rights_are_found_by_their_words(client: Client, owner: User) -> None:
    maker = a_maker(user=owner)
    a_ready_composition(maker=maker, title="Morning coffee", mood="happy")
    a_ready_composition(maker=maker, title="Evening tea", mood="calm")
    right = a_right(holder=owner, licensee="Café Adler", composition=a_ready_composition(title="Anthem"))
    page = client.get(reverse("library"), {"q": "coffee HAPPY"})
    assertContains(page, "Morning coffee")
    assertNotContains(page, "Evening tea")
    assertNotContains(page, "Anthem")
    for words in ("adler", right.certificate.pk, right.certificate.pk[-4:].lower(), "anthem piano"):
        found = client.get(reverse("library"), {"q": words})
        assertContains(found, "Anthem")
        assertNotContains(found, "Evening tea")
    german = client.get(reverse("library"), {"q": "Klavier fröhlich"}, headers={"Accept-Language": "de"})
    assertContains(german, "Morning coffee")
    assertNotContains(german, "Evening tea")
    assertContains(client.get(reverse("library"), {"q": "<nothing>"}), "fits “&lt;nothing&gt;”")


def test_a_right_with_several_certificates_is_found_once(client: Client, owner: User) -> None:
    right = a_right(holder=owner)
    page = client.get(reverse("library"), {"q": "SLS"})
    assert list(page.context["rights"]) == [right]


def test_a_piece_gets_another_name(client: Client, owner: User) -> None:
    piece = a_ready_composition(maker=a_maker(user=owner))
    client.post(reverse("composition_title", args=[piece.pk]), {"title": "  Frühstück\n am  See "})
    assert fresh(piece).title == "Frühstück am See"


@pytest.mark.parametrize("title", ["", "   ", "x" * 81, "a\x00b", "a\u202eb"])
def test_what_is_no_name_is_refused(client: Client, owner: User, title: str) -> None:
    piece = a_ready_composition(maker=a_maker(user=owner), title="Before")
    page = client.post(reverse("composition_title", args=[piece.pk]), {"title": title}, follow=True)
    assertContains(page, "give it 1 to 80 letters")
    assert fresh(piece).title == "Before"


@pytest.mark.parametrize("state", [SaleState.ON_HOLD, SaleState.SOLD, SaleState.RETIRED])
def test_the_name_stays_once_somebody_may_own_it(client: Client, owner: User, state: str) -> None:
    piece = a_ready_composition(maker=a_maker(user=owner), title="Before", sale_state=state)
    page = client.post(reverse("composition_title", args=[piece.pk]), {"title": "After"}, follow=True)
    assertContains(page, "Only a finished piece that nobody holds or owns")
    assert fresh(piece).title == "Before"


@pytest.mark.parametrize("name", ["composition_title", "composition_delete"])
def test_nobody_touches_a_piece_of_somebody_else(client: Client, owner: User, name: str) -> None:
    piece = a_listed_composition(title="Before")
    assert client.post(reverse(name, args=[piece.pk]), {"title": "After"}).status_code == 404
    assert (fresh(piece).title, fresh(piece).removed_at) == ("Before", None)


def test_a_deleted_piece_is_gone_and_never_sold(
    client: Client, owner: User, django_capture_on_commit_callbacks: object
) -> None:
    piece = a_ready_composition(maker=a_maker(user=owner), title="Gone", preview=b"sound")
    assert storage.folder_of(piece.pk).is_dir()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        page = client.post(reverse("composition_delete", args=[piece.pk]), follow=True)
    assertContains(page, "The piece is deleted")
    assertNotContains(page, "Gone")
    gone = fresh(piece)
    assert (gone.sale_state, gone.retired_because) == ("retired", "deleted")
    assert not storage.folder_of(piece.pk).exists()
    assert client.get(reverse("composition_preview", args=[piece.pk])).status_code == 404
    # It was never sold, so its kin may be.
    assert not kin.is_spent(a_ready_composition(origin=piece))


def test_a_piece_that_others_may_have_found_stays_in_the_shop(client: Client, owner: User) -> None:
    piece = a_listed_composition(maker=a_maker(user=owner), title="Found")
    page = client.post(reverse("composition_delete", args=[piece.pk]), follow=True)
    assertContains(page, "out of your library")
    assertNotContains(page, "Found")
    assert fresh(piece).sale_state == SaleState.AVAILABLE
    assertContains(client.get(reverse("shop")), "Found")


def test_a_piece_kept_out_of_the_shop_goes_even_after_the_first_refusal(client: Client, owner: User) -> None:
    piece = a_ready_composition(
        maker=a_maker(user=owner), is_private=True, listed_from=timezone.now() - timedelta(days=2)
    )
    client.post(reverse("composition_delete", args=[piece.pk]))
    assert fresh(piece).sale_state == SaleState.RETIRED


def test_a_piece_that_somebody_is_paying_for_stays(client: Client, owner: User) -> None:
    piece = a_ready_composition(maker=a_maker(user=owner), sale_state=SaleState.ON_HOLD, preview=b"sound")
    page = client.post(reverse("composition_delete", args=[piece.pk]), follow=True)
    assertContains(page, "Somebody is paying for this piece right now")
    assert fresh(piece).removed_at is None
    assert storage.folder_of(piece.pk).is_dir()


def test_deleting_a_piece_in_work_stops_it(client: Client, owner: User) -> None:
    piece = a_queued_composition(maker=a_maker(user=owner))
    client.post(reverse("composition_delete", args=[piece.pk]))
    assert fresh(piece).state == "cancelled"
    assertNotContains(client.get(reverse("library")), str(piece.pk))


def unpacked(answer: object) -> dict[str, bytes]:
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        return {name.partition("/")[2]: packed.read(name) for name in packed.namelist()}


@pytest.mark.usefixtures("quick_music")
def test_everything_owned_comes_in_one_archive(client: Client, owner: User) -> None:
    certificate = a_delivered_right(holder=owner).certificate
    a_delivered_right()
    files = unpacked(client.get(reverse("library_archive")))
    expected = {f"{certificate.pk}/{file.name}" for file in certificate.files.exclude(name="everything.zip")}
    assert set(files) == expected
    assert files[f"{certificate.pk}/master.wav"] == b"this is master.wav"


def test_what_is_no_longer_ones_own_is_left_out(client: Client, owner: User) -> None:
    a_right(holder=owner)
    page = client.get(reverse("library_archive"), follow=True)
    assertContains(page, "you own no piece whose files are ready")


def test_a_guest_has_nothing_to_take_along(client: Client) -> None:
    assert client.get(reverse("library_archive")).status_code == 302


@pytest.mark.usefixtures("quick_music")
def test_the_owner_follows_the_score_and_nobody_else_does(client: Client, owner: User) -> None:
    right = a_delivered_right(holder=owner)
    address = reverse("score", args=[right.certificate.pk])
    page = client.get(address)
    assertContains(page, reverse("download", args=[right.certificate.pk, "score-drawing.json"]))
    assertContains(page, reverse("download", args=[right.certificate.pk, "master.mp3"]))
    assert Client().get(address).status_code == 302
    stranger = Client()
    stranger.force_login(a_user())
    assert stranger.get(address).status_code == 404
    ExclusiveRight.objects.filter(pk=right.pk).update(state="revoked", ended_at=timezone.now())
    assert client.get(address).status_code == 403


def test_there_is_no_score_to_follow_before_the_files_are_made(client: Client, owner: User) -> None:
    assert client.get(reverse("score", args=[a_right(holder=owner).certificate.pk])).status_code == 404
