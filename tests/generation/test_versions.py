"""More from a piece: what its page offers, what the worker makes of it, and how the family is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Maker
from generation import kin, services, storage, worker
from generation.composer.compose import compose
from generation.composer.measures import ends_long
from generation.composer.score import Score
from generation.models import Composition
from generation.services import Version
from tests.factories import a_listed_composition, a_maker, a_queued_composition, a_ready_composition, a_user
from tests.generation.stubs import Studio

pytestmark = pytest.mark.django_db

PIECE = {"ordered_seconds": 30, "seconds": 30.0, "bpm": 96.0, "metre": "4/4"}
"""Twelve bars of two and a half seconds."""


@pytest.fixture
def maker() -> Maker:
    return a_maker(user=a_user())


@pytest.fixture
def page(client: Client, maker: Maker) -> Client:
    client.force_login(maker.user)
    return client


def address(piece: Composition) -> str:
    return reverse("composition", args=[piece.pk])


def ask(client: Client, piece: Composition, **fields: object) -> Any:
    return client.post(reverse("composition_versions", args=[piece.pk]), fields, follow=True)


def made() -> Composition:
    return Composition.objects.exclude(parent=None).get()


# Asking


@pytest.mark.parametrize(
    ("fields", "bar", "seconds"),
    [
        ({"kind": "variation", "from_bar": 9}, 9, 30),
        ({"kind": "extension", "seconds": 60}, None, 60),
        ({"kind": "cut", "seconds": 15}, None, 15),
    ],
)
def test_a_version_is_ordered_on_the_page_of_its_piece(
    page: Client, maker: Maker, fields: dict[str, Any], bar: int | None, seconds: int
) -> None:
    piece = a_ready_composition(maker=maker, mood="sad", wished_bpm=96, **PIECE)
    answer = ask(page, piece, **fields)
    version = made()
    assert answer.redirect_chain == [(address(version), 302)]
    assert (version.kind, version.from_bar, version.ordered_seconds) == (fields["kind"], bar, seconds)
    assert (version.parent, version.origin, version.maker, version.state) == (piece, piece, maker, "queued")
    assert (version.mood, version.wished_bpm, version.price_minor) == ("sad", 96, piece.price_minor)
    assert (version.seed != piece.seed, version.seed_is_fixed) == (True, False)


def test_a_page_offers_phrases_with_their_times_and_lengths_on_both_sides(page: Client, maker: Maker) -> None:
    answer = page.get(address(a_ready_composition(maker=maker, **PIECE)))
    offer = answer.context["offer"]
    assert [(phrase.bar, phrase.seconds) for phrase in offer.phrases] == [(5, 10.0), (9, 20.0)]
    assert (list(offer.longer), list(offer.cuts)) == ([60, 90, 120, 180], [15])
    assertContains(answer, "whoever buys one is its only owner, and all the others leave the shop for ever")


def test_of_a_long_piece_not_every_phrase_is_offered(page: Client, maker: Maker) -> None:
    waltz = {"ordered_seconds": 180, "seconds": 180.0, "bpm": 120.0, "metre": "3/8"}
    answer = page.get(address(a_ready_composition(maker=maker, **waltz)))
    bars = [phrase.bar for phrase in answer.context["offer"].phrases]
    assert (bars[:2], bars[-1], len(bars)) == ([21, 41], 221, 11)
    assertNotContains(answer, 'value="extension"')


def test_a_short_piece_is_varied_from_its_middle_and_has_no_cut(page: Client, maker: Maker) -> None:
    short = PIECE | {"ordered_seconds": 5, "seconds": 5.0, "bpm": 144.0}
    answer = page.get(address(a_ready_composition(maker=maker, **short)))
    assert [phrase.bar for phrase in answer.context["offer"].phrases] == [2]
    assertNotContains(answer, 'value="cut"')


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "variation", "from_bar": 1}, "from_bar: 1 is out of range: choose 2 to 11"),
        ({"kind": "variation", "from_bar": 12}, "from_bar: 12 is out of range: choose 2 to 11"),
        ({"kind": "variation"}, "choose 2 to 11"),
        ({"kind": "variation", "from_bar": 5, "seconds": 60}, "leave the length out"),
        ({"kind": "extension", "seconds": 30}, "choose 31 to 180"),
        ({"kind": "extension", "seconds": 181}, "choose 31 to 180"),
        ({"kind": "cut", "seconds": 30}, "choose 5 to 29"),
        ({"kind": "cut", "seconds": 15, "from_bar": 5}, "Only a variation begins at a bar"),
        ({"kind": "medley"}, "Choose what is to be made"),
    ],
)
def test_what_cannot_be_made_is_said_on_the_page_of_the_piece_and_nothing_is_ordered(
    page: Client, maker: Maker, fields: dict[str, Any], said: str
) -> None:
    piece = a_ready_composition(maker=maker, **PIECE)
    answer = ask(page, piece, **fields)
    assert answer.redirect_chain == [(address(piece), 302)]
    assertContains(answer, said)
    assert Composition.objects.count() == 1


def test_a_guest_has_more_made_from_a_piece_in_the_shop_and_nobody_from_one_they_cannot_see() -> None:
    listed, private = a_listed_composition(**PIECE), a_ready_composition(**PIECE)
    guest = Client()
    assertContains(guest.get(address(listed)), "More from this piece")
    assert ask(guest, listed, kind="cut", seconds=15).status_code == 200
    assert made().maker != listed.maker
    assert ask(guest, private, kind="cut", seconds=15).status_code == 404
    assert Composition.objects.count() == 3


@pytest.mark.parametrize("state", ["on_hold", "sold", "retired"])
def test_nothing_is_offered_on_a_piece_that_is_not_free(page: Client, maker: Maker, state: str) -> None:
    piece = a_ready_composition(maker=maker, sale_state=state, **PIECE)
    assertNotContains(page.get(address(piece)), "More from this piece")
    assertContains(ask(page, piece, kind="cut", seconds=15), "no more is made from it")
    assert Composition.objects.count() == 1


# Making


@pytest.fixture
def composer(studio: Studio, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Studio:
    """The composer that ships, and sound that takes no time."""
    loaded = worker.load_model("piano")
    monkeypatch.setattr(worker, "compose", compose)
    monkeypatch.setattr(worker, "_loaded", lambda instrument: loaded)
    # The test's database in memory is not for two threads.
    settings.HEARTBEAT_LAPSES_AFTER = timedelta(hours=1)
    call_command("sync_instruments")
    return studio


def composed(piece: Composition) -> Score:
    assert worker.run(piece.pk), Composition.objects.get(pk=piece.pk).reason
    piece.refresh_from_db()
    return storage.read_score(piece)


def before(score: Score, *, bars: int) -> list[Any]:
    return [note for note in score.notes if note.onset < bars * score.steps_per_bar]


@pytest.mark.parametrize(
    ("version", "shared"),
    [
        (Version(kind="variation", from_bar=5), lambda bars: 4),
        (Version(kind="extension", seconds=30), lambda bars: bars - 2),
        (Version(kind="cut", seconds=12), lambda bars: 3),
    ],
)
def test_a_version_begins_as_its_piece_note_for_note_and_lasts_exactly_what_was_ordered(
    composer: Studio, maker: Maker, version: Version, shared: Any
) -> None:
    piece = a_queued_composition(instrument=an_offered("piano"), maker=maker, ordered_seconds=20, seed=3)
    first = composed(piece)
    kept = shared(first.bars)
    row = services.compose_kin(piece=piece, maker=maker, version=version)
    score = composed(row)
    assert (score.instrument, score.tonic, score.mode, score.metre) == (
        "piano",
        first.tonic,
        first.mode,
        first.metre,
    )
    assert round(score.seconds, 6) == row.seconds == row.ordered_seconds == (version.seconds or 20)
    assert before(score, bars=kept) == before(first, bars=kept)
    assert score.notes != first.notes[: len(score.notes)]
    assert ends_long(score)
    assert row.title.endswith(f", {row.get_kind_display()} no. {row.pk.hex[-4:]}")
    # The same row gives the same notes.
    again = compose(worker.order_of(row), model=worker.load_model("piano"), source=worker.source_of(row))
    assert again.score.notes == score.notes


def an_offered(slug: str) -> Any:
    from generation.models import Instrument

    return Instrument.objects.get(pk=slug)


def a_made(maker: Maker, studio: Studio, **fields: Any) -> tuple[Composition, Composition]:
    """A finished piece with its files, and a version of it in the queue."""
    piece = a_queued_composition(maker=maker)
    assert worker.run(piece.pk)
    piece.refresh_from_db()
    version = a_queued_composition(
        **{"maker": maker, "kind": "cut", "parent": piece, "origin": piece, "ordered_seconds": 15} | fields
    )
    return piece, version


def test_a_version_may_be_near_to_its_family(maker: Maker, studio: Studio) -> None:
    piece, version = a_made(maker, studio)
    with mock.patch.object(worker, "WorksOnRecord", wraps=worker.WorksOnRecord) as works:
        assert worker.run(version.pk)
    assert set(works.call_args.kwargs["without"]) == {piece.pk, version.pk}
    assert studio.calls[-1]["source"].score.notes == storage.read_score(piece).notes


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sale_state": "sold"}, "has been sold"),
        ({"sale_state": "retired", "retired_because": "withdrawn"}, "has left the shop"),
        ({"sale_state": "retired", "retired_because": "deleted"}, "has left the shop"),
    ],
)
def test_a_version_whose_piece_went_meanwhile_ends_with_one_clear_message(
    page: Client, maker: Maker, studio: Studio, fields: dict[str, str], said: str
) -> None:
    piece, version = a_made(maker, studio)
    Composition.objects.filter(pk=piece.pk).update(**fields)
    assert not worker.run(version.pk)
    version.refresh_from_db()
    assert (version.state, len(studio.calls)) == ("failed", 1)
    answer = page.get(address(version))
    assertContains(answer, said, count=1)
    assertContains(answer, f'href="{address(piece)}#more"')


@pytest.mark.parametrize("moment", ["while_composing", "while_rendering"])
def test_a_version_whose_family_is_sold_in_the_middle_of_the_work_leaves_nothing(
    maker: Maker, studio: Studio, moment: str
) -> None:
    piece, version = a_made(maker, studio)

    def sell() -> None:
        Composition.objects.filter(pk=piece.pk).update(sale_state="sold")
        kin.retire_kin(piece)

    setattr(studio, moment, sell)
    assert not worker.run(version.pk)
    version.refresh_from_db()
    assert (version.state, version.sale_state) == ("cancelled", "available")
    assert "Another version of this piece has been sold" in version.reason
    assert not storage.folder_of(version.pk).exists()
    assert list(storage.work_folders()) == []


def test_a_version_whose_piece_lost_its_notes_says_so(maker: Maker, studio: Studio) -> None:
    piece, version = a_made(maker, studio)
    storage.path_of(piece, storage.SCORE_JSON).write_text("{")
    assert not worker.run(version.pk)
    version.refresh_from_db()
    assert (version.state, "cannot be read" in version.reason) == ("failed", True)


# The family


def test_the_family_is_on_the_page_of_each_member_with_what_differs(page: Client, maker: Maker) -> None:
    piece = a_ready_composition(maker=maker, **PIECE)
    family = {"maker": maker, "origin": piece, "parent": piece}
    varied = a_ready_composition(kind="variation", from_bar=9, **family, **PIECE)
    cut = a_ready_composition(kind="cut", **family, **PIECE | {"seconds": 15.0, "ordered_seconds": 15})
    longer = a_queued_composition(kind="extension", ordered_seconds=60, **family)
    a_queued_composition(kind="cut", state="failed", **family)
    others = {
        piece: "Take 1",
        varied: "Variation from bar 9",
        cut: "Cut with its own ending",
        longer: "Longer version",
    }
    for member in (piece, varied, cut):
        answer = page.get(address(member))
        assert answer.context["family"] == list(others)
        for other, name in others.items():
            assertContains(answer, name)
            if other not in (member, longer):
                assertContains(answer, reverse("composition_preview", args=[other.pk]))
        assertContains(answer, f'data-take-url="{reverse("composition_status", args=[longer.pk])}"')


def test_others_see_of_a_family_what_is_in_the_shop(maker: Maker) -> None:
    piece = a_listed_composition(maker=maker, **PIECE)
    hidden = a_ready_composition(maker=maker, origin=piece, parent=piece, kind="cut", **PIECE)
    seen = a_listed_composition(maker=a_maker(), origin=piece, parent=piece, kind="cut", **PIECE)
    answer = Client().get(address(piece))
    assert answer.context["family"] == [piece, seen]
    assertNotContains(answer, str(hidden.pk))


def test_after_the_sale_of_one_the_others_show_as_retired_with_the_reason(page: Client, maker: Maker) -> None:
    piece = a_listed_composition(maker=maker, **PIECE)
    cut = a_listed_composition(maker=maker, origin=piece, parent=piece, kind="cut", **PIECE)
    Composition.objects.filter(pk=cut.pk).update(sale_state="sold", listed_from=timezone.now())
    cut.refresh_from_db()
    kin.retire_kin(cut)
    for member in (piece, cut):
        answer = page.get(address(member))
        assertContains(answer, "Another version of it was sold")
        assertContains(answer, "badge-sold")
        assertContains(answer, "badge-retired")
    assertContains(page.get(address(piece)), "Another version of this piece has been sold")
