"""Two takes on one order: the second waits for the first, is seen beside it, and leaves the shop with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Maker
from generation import kin, selectors, services, worker
from generation.composer.model import MissingModelError
from generation.models import Composition
from generation.orders import OrderFields
from generation.tasks import compose_composition
from tests.factories import (
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_user,
    an_instrument,
)
from tests.generation.stubs import Studio

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker() -> Maker:
    return a_maker(user=a_user())


def ordered(maker: Maker, **wishes: Any) -> tuple[Composition, Composition]:
    an_instrument("piano")
    order = OrderFields(instrument="piano", **wishes)
    first = services.request_composition(maker=maker, order=order, variants=2)
    return first, first.derived.get()


def a_pair(maker: Maker, **second: Any) -> tuple[Composition, Composition]:
    first = a_ready_composition(maker=maker, title="First")
    fields = {"maker": maker, "title": "Second", "origin": first, "variant": 1, "seed": first.seed} | second
    return first, a_ready_composition(**fields)


def state_of(piece: Composition) -> str:
    return Composition.objects.values_list("state", flat=True).get(pk=piece.pk)


def test_the_second_take_is_of_the_same_order_and_kin(maker: Maker) -> None:
    first, second = ordered(maker, mood="calm", seconds=45, bpm=80)
    assert (second.variant, second.origin_id, second.state) == (1, first.pk, "queued")
    for field in (
        "instrument_id",
        "ordered_seconds",
        "seed",
        "seed_is_fixed",
        "mood",
        "wished_bpm",
        "price_minor",
    ):
        assert getattr(second, field) == getattr(first, field), field
    assert list(kin.kin_of(first)) == [second]
    assert worker.order_of(first).variant == 0
    assert worker.order_of(second).variant == 1


def test_a_program_gets_one_piece_unless_it_asks_for_two(maker: Maker) -> None:
    an_instrument("piano")
    services.request_composition(maker=maker, order=OrderFields(instrument="piano"))
    assert Composition.objects.count() == 1


def test_an_order_counts_once_for_the_limits(maker: Maker, settings: Any) -> None:
    settings.COMPOSITIONS_IN_WORK_PER_MAKER = 2
    ordered(maker)
    ordered(maker)
    with pytest.raises(services.TooManyCompositions):
        ordered(maker)


def test_the_bell_for_the_second_rings_when_the_first_is_finished(
    maker: Maker, studio: Studio, django_capture_on_commit_callbacks: Any
) -> None:
    with mock.patch.object(compose_composition, "apply_async") as bell:
        with django_capture_on_commit_callbacks(execute=True):
            first, second = ordered(maker)
        bell.assert_called_once_with([str(first.pk)], retry=False)
        bell.reset_mock()
        with django_capture_on_commit_callbacks(execute=True):
            assert worker.run(first.pk)
        bell.assert_called_once_with([str(second.pk)], retry=False)


def test_the_bell_for_the_second_rings_also_when_the_first_fails(
    maker: Maker, studio: Studio, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = ordered(maker)
    studio.while_composing = mock.Mock(side_effect=MissingModelError("no weights"))
    with (
        mock.patch.object(compose_composition, "apply_async") as bell,
        django_capture_on_commit_callbacks(execute=True),
    ):
        worker.run(first.pk)
    assert state_of(first) == "failed"
    bell.assert_called_once_with([str(second.pk)], retry=False)


def test_the_sweeper_leaves_a_take_alone_until_its_turn(
    maker: Maker, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = ordered(maker)
    Composition.objects.update(created_at=timezone.now() - timedelta(minutes=1), heartbeat_at=None)
    with mock.patch.object(compose_composition, "apply_async") as bell:
        with django_capture_on_commit_callbacks(execute=True):
            assert services.sweep_compositions()["rung"] == 1
        assert bell.call_args.args == ([str(first.pk)],)
        Composition.objects.filter(pk=first.pk).update(state="cancelled")
        with django_capture_on_commit_callbacks(execute=True):
            assert services.sweep_compositions()["rung"] == 1
        assert bell.call_args.args == ([str(second.pk)],)


def test_a_waiting_take_is_ahead_of_nobody_in_the_queue(maker: Maker) -> None:
    ordered(maker)
    other = a_queued_composition()
    assert selectors.queue_place(other) == 2


def test_cancelling_the_first_cancels_the_second(maker: Maker) -> None:
    first, second = ordered(maker)
    assert services.cancel_composition(composition=first)
    assert (state_of(first), state_of(second)) == ("cancelled", "cancelled")


def test_the_second_may_be_near_to_the_first(maker: Maker, studio: Studio) -> None:
    first, second = ordered(maker)
    assert worker.run(first.pk)
    with mock.patch.object(worker, "WorksOnRecord", wraps=worker.WorksOnRecord) as works:
        worker.run(second.pk)
    assert set(works.call_args.kwargs["without"]) == {first.pk, second.pk}


def test_a_take_without_its_first_cannot_be_written() -> None:
    for fields in ({"variant": 1}, {"variant": 1, "origin": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            a_queued_composition(**fields)


def test_both_takes_are_side_by_side_with_what_differs(client: Client, maker: Maker) -> None:
    client.force_login(maker.user)
    first, second = a_pair(maker, notes=77, metre="6/8")
    page = client.get(reverse("composition", args=[first.pk]))
    assertContains(page, "Two takes on your wish")
    assertContains(page, reverse("composition_preview", args=[second.pk]))
    assertContains(page, "6/8")
    other = client.get(reverse("composition", args=[second.pk]))
    assertContains(other, reverse("composition_preview", args=[first.pk]))


def test_a_take_in_work_is_named_and_can_be_watched(client: Client, maker: Maker) -> None:
    client.force_login(maker.user)
    first = a_ready_composition(maker=maker)
    second = a_queued_composition(maker=maker, origin=first, variant=1)
    page = client.get(reverse("composition", args=[first.pk]))
    assertContains(page, f'data-take-url="{reverse("composition_status", args=[second.pk])}"')


def test_others_see_of_the_takes_what_is_in_the_shop(client: Client, maker: Maker) -> None:
    first, second = a_pair(maker)
    Composition.objects.filter(pk=first.pk).update(listed_from=timezone.now() - timedelta(hours=1))
    page = client.get(reverse("composition", args=[first.pk]))
    assertNotContains(page, "Two takes on your wish")
    assertNotContains(page, str(second.pk))


def test_a_sold_take_takes_the_other_one_with_it(client: Client, maker: Maker) -> None:
    client.force_login(maker.user)
    first, second = a_pair(maker)
    with transaction.atomic():
        kin.retire_kin(first)
    Composition.objects.filter(pk=first.pk).update(sale_state="sold")
    page = client.get(reverse("composition", args=[second.pk]))
    assertContains(page, "Another version of this piece has been sold")


def test_the_notes_are_drawn_while_the_piece_is_played(client: Client, maker: Maker, studio: Studio) -> None:
    client.force_login(maker.user)
    piece = a_queued_composition(maker=maker)
    seen: list[Any] = []
    url = reverse("composition_status", args=[piece.pk])
    studio.while_rendering = lambda: seen.append(client.get(url).json()["drawing"])
    assert client.get(url).json()["drawing"] is None
    worker.run(piece.pk)
    assert seen[0]["seconds"] == piece.ordered_seconds
    assert len(seen[0]["roll"]) > 4
    assert client.get(url).json()["drawing"] is None


def test_while_a_piece_is_in_work_others_of_its_instrument_can_be_heard(client: Client, maker: Maker) -> None:
    client.force_login(maker.user)
    piece = a_queued_composition(maker=maker)
    near = a_listed_composition(title="Near")
    a_listed_composition(title="Gone", sale_state="sold")
    a_listed_composition(title="Another instrument", instrument=an_instrument("organ"))
    page = client.get(reverse("composition", args=[piece.pk]))
    assertContains(page, reverse("composition_preview", args=[near.pk]))
    assertNotContains(page, "Gone")
    assertNotContains(page, "Another instrument")
    Composition.objects.filter(pk=piece.pk).update(state="failed")
    assertNotContains(client.get(reverse("composition", args=[piece.pk])), "Near")
