"""Who may see and hear a piece, and how its preview is served."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains

from accounts.models import Maker
from accounts.services import SESSION_KEY
from generation import links, services, storage, worker
from generation.audio.errors import StorageFull
from generation.failures import failure
from generation.models import Composition
from tests.factories import (
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_staff_user,
    a_user,
)
from tests.generation.stubs import OPENING_BYTES, Studio

pytestmark = pytest.mark.django_db

PREVIEW = bytes(range(256)) * 1000
SIZE = len(PREVIEW)


def guest(maker: Maker) -> Client:
    client = Client()
    session = client.session
    session[SESSION_KEY] = str(maker.pk)
    session.save()
    return client


def person(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(piece: Composition) -> str:
    return reverse("composition", args=[piece.pk])


def preview(piece: Composition) -> str:
    return reverse("composition_preview", args=[piece.pk])


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


# Who


def test_an_unlisted_piece_does_not_exist_for_anybody_but_its_maker_and_staff() -> None:
    maker = a_maker()
    piece = a_ready_composition(maker=maker, preview=PREVIEW)
    addresses = [page(piece), reverse("composition_status", args=[piece.pk]), preview(piece)]
    for stranger in (Client(), guest(a_maker()), person(a_user())):
        assert [stranger.get(address).status_code for address in addresses] == [404, 404, 404]
    for friend in (guest(maker), person(a_staff_user())):
        assert [friend.get(address).status_code for address in addresses] == [200, 200, 200]


def test_a_piece_in_work_does_not_exist_for_a_second_maker() -> None:
    maker = a_maker()
    piece = a_queued_composition(maker=maker)
    assert guest(maker).get(page(piece)).status_code == 200
    assert guest(a_maker()).get(page(piece)).status_code == 404


def test_a_listed_piece_is_heard_by_everybody() -> None:
    piece = a_listed_composition(preview=PREVIEW)
    answer = Client().get(page(piece))
    assert answer.status_code == 200
    assert (answer.context["can_listen"], answer.context["is_mine"], answer.context["can_buy"]) == (
        True,
        False,
        True,
    )
    assert answer.context["price"] == "€49.00"
    assert content(Client().get(preview(piece))) == PREVIEW


@pytest.mark.parametrize("sale_state", ["on_hold", "sold", "retired"])
def test_a_taken_piece_is_seen_by_everybody_but_heard_by_its_maker_only(sale_state: str) -> None:
    maker = a_maker()
    piece = a_listed_composition(maker=maker, preview=PREVIEW, sale_state=sale_state)
    answer = Client().get(page(piece))
    assert (answer.status_code, answer.context["can_listen"], answer.context["can_buy"]) == (
        200,
        False,
        False,
    )
    assert answer.context["status"]["preview_url"] is None
    assert Client().get(preview(piece)).status_code == 404
    assert guest(maker).get(preview(piece)).status_code == 200


def test_a_private_piece_leaves_the_shop_and_comes_back() -> None:
    user = a_user()
    piece = a_listed_composition(maker=a_maker(user=user), preview=PREVIEW)
    address = reverse("composition_visibility", args=[piece.pk])
    assert person(user).post(address, {"private": "on"}).status_code == 302
    assert Client().get(page(piece)).status_code == 404
    assert list(Client().get("/shop/").context["page"]) == []
    person(user).post(address)
    assert Client().get(page(piece)).status_code == 200


@pytest.mark.parametrize("name", ["composition_visibility", "composition_cancel"])
def test_nobody_changes_somebody_elses_piece(name: str) -> None:
    listed = a_listed_composition()
    waiting = a_queued_composition()
    for piece in (listed, waiting):
        for stranger in (Client(), guest(a_maker()), person(a_user()), person(a_staff_user())):
            assert stranger.post(reverse(name, args=[piece.pk]), {"private": "on"}).status_code == 404
    listed.refresh_from_db()
    waiting.refresh_from_db()
    assert not listed.is_private
    assert waiting.state == "queued"


@pytest.mark.parametrize("name", ["composition_visibility", "composition_cancel"])
def test_nothing_changes_by_a_get(name: str) -> None:
    maker = a_maker()
    piece = a_queued_composition(maker=maker)
    assert guest(maker).get(reverse(name, args=[piece.pk])).status_code == 405


def test_a_sold_piece_cannot_be_hidden() -> None:
    maker = a_maker()
    piece = a_listed_composition(maker=maker, sale_state="sold")
    guest(maker).post(reverse("composition_visibility", args=[piece.pk]), {"private": "on"})
    piece.refresh_from_db()
    assert not piece.is_private


# How far


def test_the_status_says_what_the_waiting_page_shows() -> None:
    maker = a_maker()
    first = a_queued_composition()
    piece = a_queued_composition(maker=maker)
    answer = guest(maker).get(reverse("composition_status", args=[piece.pk]))
    assert first.created_at < piece.created_at
    assert answer.json() == {
        "id": str(piece.pk), "state": "queued", "state_label": "queued", "percent": 0, "queue_place": 2, "notes": None,
        "drawing": None, "error": "", "url": f"/compositions/{piece.pk}/", "opening_url": None, "preview_url": None,
        "is_working": True,
    }  # fmt: skip


def test_an_opening_is_heard_by_its_maker_and_staff_while_the_rest_is_in_work(studio: Studio) -> None:
    maker = a_maker()
    piece = a_queued_composition(maker=maker)
    address = reverse("composition_opening", args=[piece.pk])
    seen: list[str] = []

    def listen() -> None:
        for friend in (guest(maker), person(a_staff_user())):
            assert friend.get(reverse("composition_status", args=[piece.pk])).json()["opening_url"] == address
            whole = friend.get(address)
            assert (content(whole), whole["Content-Type"]) == (OPENING_BYTES, "audio/mpeg")
            part = friend.get(address, headers={"Range": "bytes=8-15"})
            assert (part.status_code, content(part)) == (206, b"opening ")
            assert friend.get(address, headers={"If-None-Match": whole["ETag"]}).status_code == 304
            assert address in friend.get(page(piece)).content.decode()
            seen.append(whole["ETag"])
        for stranger in (Client(), guest(a_maker()), person(a_user())):
            assert stranger.get(address).status_code == 404

    studio.while_opening = listen
    assert guest(maker).get(address).status_code == 404
    assert worker.run(piece.pk)
    assert seen[0] == seen[1]
    # Once it is ready the whole preview is there.
    assert guest(maker).get(address).status_code == 404
    assert guest(maker).get(reverse("composition_status", args=[piece.pk])).json()["opening_url"] is None


@pytest.mark.parametrize("end", ["cancelled", "failed", "given to another worker"])
def test_an_opening_goes_with_its_worker(studio: Studio, end: str) -> None:
    maker = a_maker()
    piece = a_queued_composition(maker=maker)
    address = reverse("composition_opening", args=[piece.pk])
    answers: list[int] = []

    def stop() -> None:
        answers.append(guest(maker).get(address).status_code)
        if end == "failed":
            raise StorageFull("no space left")
        if end == "cancelled":
            services.cancel_composition(composition=piece)
        else:
            Composition.objects.filter(pk=piece.pk).update(claim=uuid.uuid4())
        answers.append(guest(maker).get(address).status_code)

    studio.while_opening = stop
    assert not worker.run(piece.pk)
    assert answers == ([200] if end == "failed" else [200, 404])
    assert guest(maker).get(address).status_code == 404
    assert list(storage.work_folders()) == []


def test_an_unchanged_status_is_a_304_and_a_changed_one_is_not() -> None:
    maker = a_maker()
    piece = a_queued_composition(maker=maker)
    client, address = guest(maker), reverse("composition_status", args=[piece.pk])
    tag = client.get(address)["ETag"]
    unchanged = client.get(address, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", tag)
    Composition.objects.filter(pk=piece.pk).update(progress=7)
    changed = client.get(address, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["percent"]) == (200, 7)


def test_a_ready_piece_names_its_preview_and_a_failed_one_its_reason() -> None:
    maker = a_maker()
    ready = a_ready_composition(maker=maker)
    failed = a_queued_composition(maker=maker, state="failed", error="The disk is full.")
    client = guest(maker)
    assert client.get(reverse("composition_status", args=[ready.pk])).json()["preview_url"] == preview(ready)
    assert client.get(reverse("composition_status", args=[failed.pk])).json()["error"] == "The disk is full."
    assertContains(client.get(page(failed)), "The disk is full.")


def test_a_reason_is_read_in_the_readers_language_and_old_words_stay() -> None:
    maker = a_maker()
    coded = a_queued_composition(maker=maker, state="failed", failure=failure("too_near", seed=41))
    old = a_queued_composition(maker=maker, state="failed", error="The disk is full.")
    unheard_of = a_queued_composition(maker=maker, state="failed", failure={"code": "of a later version"})
    client = guest(maker)
    german = {"Accept-Language": "de"}
    assertContains(client.get(page(coded)), "Seed 41 with these wishes")
    assertContains(client.get(page(coded), headers=german), "Der Startwert 41 ergibt")
    assertContains(client.get(page(old), headers=german), "The disk is full.")
    assertContains(client.get(page(unheard_of), headers=german), "schiefgegangen")


def test_cancelling_stops_a_waiting_piece_and_spares_a_ready_one() -> None:
    maker = a_maker()
    waiting, ready = a_queued_composition(maker=maker), a_ready_composition(maker=maker)
    for piece in (waiting, ready):
        assert guest(maker).post(reverse("composition_cancel", args=[piece.pk])).status_code == 302
        piece.refresh_from_db()
    assert (waiting.state, ready.state) == ("cancelled", "ready")


def test_an_unknown_piece_is_a_404() -> None:
    assert Client().get(f"/compositions/{uuid.uuid4()}/").status_code == 404
    assert Client().get("/compositions/1/").status_code == 404


# Ranges


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=100-", 100, SIZE - 1), ("bytes=-100", SIZE - 100, SIZE - 1),
        ("bytes=65530-131080", 65530, 131080), (f"bytes=0-{10**30}", 0, SIZE - 1), (f"bytes=-{10**30}", 0, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
    ],
)  # fmt: skip
def test_a_part_of_the_preview_is_served_as_asked(asked: str, first: int, last: int) -> None:
    piece = a_listed_composition(preview=PREVIEW)
    answer = Client().get(preview(piece), headers={"Range": asked})
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer["Content-Length"] == str(last - first + 1)
    assert content(answer) == PREVIEW[first : last + 1]


@pytest.mark.parametrize(
    "asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", f"bytes={10**30}-", "bytes=-0"]
)
def test_a_part_beyond_the_end_is_a_416(asked: str) -> None:
    piece = a_listed_composition(preview=PREVIEW)
    answer = Client().get(preview(piece), headers={"Range": asked})
    assert (answer.status_code, answer["Content-Range"], content(answer)) == (416, f"bytes */{SIZE}", b"")


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-9", "bytes=9-5", "bytes=-", "items=0-5", "bytes=a-b", "garbage"]
)
def test_a_range_we_do_not_speak_gets_the_whole_preview(asked: str) -> None:
    piece = a_listed_composition(preview=PREVIEW)
    answer = Client().get(preview(piece), headers={"Range": asked})
    assert (answer.status_code, content(answer)) == (200, PREVIEW)


def test_a_preview_is_labelled_for_players_and_private_caches() -> None:
    piece = a_listed_composition(preview=PREVIEW)
    answer = Client().get(preview(piece))
    content(answer)
    assert answer["Content-Type"] == "audio/mpeg"
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["ETag"] == f'"{piece.preview_sha256}"'
    assert answer["Cache-Control"].startswith("private")
    assert answer["Content-Length"] == str(SIZE)


def test_a_preview_that_the_browser_has_is_not_sent_again() -> None:
    piece = a_listed_composition(preview=PREVIEW)
    tag = f'"{piece.preview_sha256}"'
    assert Client().get(preview(piece), headers={"If-None-Match": tag}).status_code == 304
    fresh = Client().get(preview(piece), headers={"Range": "bytes=0-9", "If-Range": tag})
    stale = Client().get(preview(piece), headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (fresh.status_code, len(content(fresh))) == (206, 10)
    assert (stale.status_code, len(content(stale))) == (200, SIZE)


def test_a_head_tells_the_size_and_sends_nothing() -> None:
    piece = a_listed_composition(preview=PREVIEW)
    answer = Client().head(preview(piece))
    assert (answer.status_code, answer["Content-Length"], answer.content) == (200, str(SIZE), b"")


def test_a_preview_whose_file_is_gone_is_a_404() -> None:
    assert Client().get(preview(a_listed_composition())).status_code == 404


# Signed links


def test_a_signed_link_opens_one_preview_for_an_hour_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    piece, other = a_ready_composition(preview=PREVIEW), a_ready_composition(preview=PREVIEW)
    token = links.preview_token(piece.pk)
    assert content(Client().get(preview(piece), {"token": token})) == PREVIEW
    assert Client().get(preview(other), {"token": token}).status_code == 404
    for wrong in (token[:-1], "x" + token, "1:abc", "..", "a" * 5000, "\x00"):
        assert Client().get(preview(piece), {"token": wrong}).status_code == 404
    moment = timezone.now()
    monkeypatch.setattr(links.timezone, "now", lambda: moment + timedelta(minutes=29))
    assert Client().get(preview(piece), {"token": token}).status_code == 200
    monkeypatch.setattr(links.timezone, "now", lambda: moment + timedelta(hours=1))
    assert Client().get(preview(piece), {"token": token}).status_code == 404
