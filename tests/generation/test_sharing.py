"""Share links: unlisted, for a time, revocable, and dead with the sale."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Maker
from accounts.services import SESSION_KEY
from generation.models import Composition, ShareLink
from generation.sharing import LINKS_AT_MOST, link_of, make_link, open_links
from tests.factories import a_listed_composition, a_maker, a_queued_composition, a_ready_composition

pytestmark = pytest.mark.django_db

PREVIEW = b"preview" * 100


def guest(maker: Maker) -> Client:
    client = Client()
    session = client.session
    session[SESSION_KEY] = str(maker.pk)
    session.save()
    return client


def shared(piece: Composition, *, days: int = 7) -> str:
    make_link(composition=piece, days=days)
    return reverse("shared", args=[open_links(piece)[0].token])


def test_a_maker_lets_somebody_hear_a_private_piece() -> None:
    maker = a_maker()
    piece = a_ready_composition(maker=maker, is_private=True, preview=PREVIEW)
    client = guest(maker)
    answer = client.post(reverse("composition_share", args=[piece.pk]), {"days": "7"})
    assert (answer.status_code, answer["Location"]) == (302, f"/compositions/{piece.pk}/#sharing")
    address = reverse("shared", args=[open_links(piece)[0].token])
    assert address in client.get(reverse("composition", args=[piece.pk])).content.decode()
    stranger = Client()
    assert stranger.get(reverse("composition", args=[piece.pk])).status_code == 404
    page = stranger.get(address)
    assert page.status_code == 200
    assert b'name="robots" content="noindex, nofollow"' in page.content
    sound = stranger.get(f"{address}preview.mp3")
    assert b"".join(sound.streaming_content) == PREVIEW
    for answer in (page, sound):
        assert (answer["X-Robots-Tag"], answer["Referrer-Policy"]) == ("noindex, nofollow", "no-referrer")
    assert "no-store" in page["Cache-Control"]
    assert str(piece.pk) not in page.content.decode().replace(f"wave-{piece.pk}", "")


def test_only_the_hash_of_a_token_is_kept() -> None:
    piece = a_ready_composition()
    link = make_link(composition=piece, days=1)
    token = open_links(piece)[0].token
    assert len(token) == 32
    assert link.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert link_of(token) == link
    for wrong in (token[:-1], token + "x", "", link.token_sha256, "é", "\x00"):
        assert link_of(wrong) is None
    assert Client().get("/s/nonsense/").status_code == 404


def test_a_link_ends_when_it_is_revoked_or_expires() -> None:
    maker = a_maker()
    piece = a_ready_composition(maker=maker, preview=PREVIEW)
    address = shared(piece)
    link = ShareLink.objects.get()
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = Client().get(address)
    assert (answer.status_code, b"This link has ended" in answer.content) == (410, True)
    ShareLink.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert Client().get(address).status_code == 200
    revoke = reverse("composition_unshare", args=[piece.pk, link.pk])
    assert guest(a_maker()).post(revoke).status_code == 404
    assert Client().get(address).status_code == 200
    assert guest(maker).post(revoke).status_code == 302
    assert [Client().get(address).status_code, Client().get(f"{address}preview.mp3").status_code] == [
        410,
        404,
    ]
    assert open_links(piece) == []


@pytest.mark.parametrize(("state", "words"), [("sold", "has found its owner"), ("retired", "is withdrawn")])
def test_a_link_to_a_piece_that_is_gone_says_so_kindly(state: str, words: str) -> None:
    piece = a_ready_composition(preview=PREVIEW)
    address = shared(piece)
    Composition.objects.filter(pk=piece.pk).update(sale_state=state)
    answer = Client().get(address)
    assert (answer.status_code, words in answer.content.decode()) == (410, True)
    assert Client().get(f"{address}preview.mp3").status_code == 404


@pytest.mark.parametrize("days", ["2", "0", "-1", "7.0", "", "9" * 50, "²", "\x00"])
def test_a_link_lives_one_seven_or_thirty_days(days: str) -> None:
    maker = a_maker()
    piece = a_ready_composition(maker=maker)
    assert guest(maker).post(reverse("composition_share", args=[piece.pk]), {"days": days}).status_code == 302
    assert ShareLink.objects.count() == 0


def test_only_the_maker_makes_links_and_only_so_many_and_only_to_what_can_be_heard() -> None:
    maker = a_maker()
    piece = a_ready_composition(maker=maker)
    for _ in range(LINKS_AT_MOST + 1):
        guest(maker).post(reverse("composition_share", args=[piece.pk]), {"days": "1"})
    assert ShareLink.objects.count() == LINKS_AT_MOST
    listed = a_listed_composition()
    assert guest(maker).post(reverse("composition_share", args=[listed.pk]), {"days": "1"}).status_code == 404
    waiting = a_queued_composition(maker=maker)
    guest(maker).post(reverse("composition_share", args=[waiting.pk]), {"days": "1"})
    assert ShareLink.objects.filter(composition__in=[listed, waiting]).count() == 0
