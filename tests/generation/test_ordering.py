"""Ordering a piece on the page: what is accepted, what is refused, and what a dead broker may do."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import Maker
from generation import orders
from generation.composer import order as composer_order
from generation.models import ComposerModel, Composition
from generation.tasks import compose_composition
from tests.factories import a_queued_composition, a_user, an_instrument

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _piano_is_offered(db: None) -> None:
    an_instrument("piano")


def test_one_click_orders_a_piece_with_the_defaults(client: Client) -> None:
    answer = client.post("/compose/", {"instrument": "piano"})
    piece = Composition.objects.get(variant=0)
    assert answer.status_code == 302
    assert answer["Location"] == f"/compositions/{piece.pk}/"
    assert (piece.state, piece.instrument_id, piece.ordered_seconds) == ("queued", "piano", 30)
    assert (piece.temperature, piece.seed_is_fixed, piece.price_minor) == (Decimal("1.00"), False, 4900)


def test_every_wish_reaches_the_order(client: Client) -> None:
    wishes = {
        "instrument": "piano", "seconds": "77", "mood": "tense", "tonic": "E-", "mode": "major", "bpm": "111",
        "density": "busy", "register": "low", "seed": "7", "temperature": "1.20",
    }  # fmt: skip
    client.post("/compose/", wishes)
    piece = Composition.objects.get(variant=0)
    assert (piece.ordered_seconds, piece.mood, piece.wished_tonic, piece.wished_mode) == (
        77,
        "tense",
        "E-",
        "major",
    )
    assert (piece.wished_bpm, piece.density, piece.register) == (111, "busy", "low")
    assert (piece.seed, piece.seed_is_fixed, piece.temperature) == (7, True, Decimal("1.20"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instrument", "theremin"), ("instrument", "'; DROP TABLE"), ("seconds", "0"), ("seconds", "4"),
        ("seconds", "181"), ("seconds", str(10**9)), ("seconds", "thirty"), ("seconds", "30.5"), ("seconds", "-30"),
        ("seconds", "9" * 5000), ("mood", "furious"), ("tonic", "H"), ("mode", "dorian"), ("bpm", "1000"),
        ("bpm", "fast"), ("density", "none"), ("register", "deep"), ("seed", "-1"), ("seed", str(2**53)),
        ("seed", "lucky"),
        ("temperature", "0.1"), ("temperature", "NaN"), ("temperature", "hot"),
    ],
)  # fmt: skip
def test_a_bad_value_is_said_at_its_field_and_nothing_is_ordered(
    client: Client, field: str, value: str
) -> None:
    answer = client.post("/compose/", {"instrument": "piano", field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not Composition.objects.exists()


def test_the_message_about_a_length_says_what_is_accepted(client: Client) -> None:
    answer = client.post("/compose/", {"instrument": "piano", "seconds": "thirty"})
    assert answer.context["form"].errors["seconds"] == [
        "The length in seconds must be a whole number from 5 to 180."
    ]


def test_pages_and_composer_accept_the_same_numbers() -> None:
    assert (orders.SECONDS_MIN, orders.SECONDS_MAX) == composer_order.SECONDS
    assert (orders.BPM_MIN, orders.BPM_MAX) == composer_order.BPM
    assert (float(orders.TEMPERATURE_MIN), float(orders.TEMPERATURE_MAX)) == composer_order.TEMPERATURE
    assert orders.SEED_MAX <= composer_order.LARGEST_SEED
    assert set(Composition.Mood.values) == set(composer_order.MOODS)
    assert set(Composition.Density.values) == set(composer_order.DENSITIES)
    assert set(Composition.Register.values) == set(composer_order.REGISTERS)


def test_the_page_offers_the_registers_and_a_stopped_piece_keeps_its_own(client: Client) -> None:
    page = client.get("/compose/").content.decode()
    assert all(f'name="register" value="{value}"' in page for value in ("", "low", "middle", "high"))
    client.post("/compose/", {"instrument": "piano", "register": "high"})
    piece = Composition.objects.get(variant=0)
    client.post(f"/compositions/{piece.pk}/cancel/")
    stopped = client.get(f"/compositions/{piece.pk}/").content.decode()
    assert '<input type="hidden" name="register" value="high">' in stopped


@pytest.mark.parametrize(
    ("typed", "tonic"),
    [("Eb", "E-"), ("eb", "E-"), ("D#", "E-"), ("b", "B"), ("Bb", "B-"), ("f#", "F#"), ("C", "C")],
)
def test_keys_may_be_spelled_as_people_spell_them(typed: str, tonic: str) -> None:
    assert orders.spelled_tonic(typed) == tonic


def test_without_a_composer_the_page_says_so_and_takes_no_order(client: Client) -> None:
    ComposerModel.objects.update(is_active=False)
    page = client.get("/compose/")
    assert "sync_instruments" in page.context["composer_problem"]
    assert client.post("/compose/", {}).status_code in {422, 503}
    assert not Composition.objects.exists()


def test_a_fourth_piece_in_work_is_refused_until_one_is_over(client: Client) -> None:
    for _ in range(3):
        assert client.post("/compose/", {"instrument": "piano"}).status_code == 302
    refused = client.post("/compose/", {"instrument": "piano"})
    assert refused.status_code == 429
    assert "3 pieces in work" in str(refused.context["form"].errors)
    assert Composition.objects.filter(variant=0).count() == 3
    first = Composition.objects.filter(variant=0).earliest("created_at")
    client.post(f"/compositions/{first.pk}/cancel/")
    assert client.post("/compose/", {"instrument": "piano"}).status_code == 302


def test_the_daily_limit_counts_what_was_ordered_in_24_hours(client: Client, settings: Any) -> None:
    settings.COMPOSITIONS_PER_MAKER_PER_DAY = 2
    user = a_user()
    maker = Maker.objects.create(user=user)
    client.force_login(user)
    for _ in range(2):
        a_queued_composition(maker=maker, state="failed")
    assert client.post("/compose/", {"instrument": "piano"}).status_code == 429
    Composition.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert client.post("/compose/", {"instrument": "piano"}).status_code == 302


def test_a_full_queue_takes_no_more(client: Client, settings: Any) -> None:
    settings.COMPOSITIONS_QUEUED_AT_MOST = 2
    for _ in range(2):
        a_queued_composition()
    assert client.post("/compose/", {"instrument": "piano"}).status_code == 503
    assert Composition.objects.count() == 2


def test_the_bell_rings_once_after_the_commit(
    client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    with mock.patch.object(compose_composition, "apply_async") as bell:
        with django_capture_on_commit_callbacks(execute=True):
            client.post("/compose/", {"instrument": "piano"})
            bell.assert_not_called()
        piece = Composition.objects.get(variant=0)
        bell.assert_called_once_with([str(piece.pk)], retry=False)


@pytest.mark.parametrize(
    "failure", [OperationalError("no broker"), OSError("no route"), RuntimeError("whatever")]
)
@pytest.mark.row("I1")
def test_a_dead_broker_never_breaks_an_order(
    client: Client, django_capture_on_commit_callbacks: Any, failure: Exception
) -> None:
    with (
        mock.patch.object(compose_composition, "apply_async", side_effect=failure) as bell,
        django_capture_on_commit_callbacks(execute=True),
    ):
        answer = client.post("/compose/", {"instrument": "piano"})
    bell.assert_called_once()
    assert answer.status_code == 302
    assert Composition.objects.get(variant=0).state == "queued"


def test_an_order_costs_the_price_of_that_moment(client: Client) -> None:
    client.post("/compose/", {"instrument": "piano"})
    an_instrument("piano").__class__.objects.update(price_minor=9900)
    assert Composition.objects.get(variant=0).price_minor == 4900
