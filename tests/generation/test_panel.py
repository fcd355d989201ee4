"""The listening panel: two pieces without names, one answer a pair, and what the staff reads from it."""

from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from accounts.services import SESSION_KEY
from generation import panel
from generation.errors import NotAllowed
from generation.models import Comparison, ComposerModel, Composition
from tests.factories import a_listed_composition, a_maker, a_staff_user, a_user, an_instrument

pytestmark = pytest.mark.django_db


def a_model_before() -> ComposerModel:
    return ComposerModel.objects.create(
        instrument=an_instrument(), version="test-0", weights_sha256="0" * 64, ledger_sha256="b" * 64
    )


def answer(pair: Comparison, preferred: str, **stars: int | None) -> None:
    panel.answer_pair(
        pair_id=pair.pk,
        makers=[pair.maker_id],
        preferred=preferred,
        **{"stars_a": None, "stars_b": None} | stars,
    )


def test_a_guest_hears_two_pieces_without_names_and_answers() -> None:
    pieces = [a_listed_composition(preview=bytes([number]) * 10) for number in (1, 2)]
    client = Client()
    drawn = client.post("/listen/")
    pair = Comparison.objects.get()
    assert drawn["Location"] == reverse("listen_pair", args=[pair.pk])
    page = client.get(drawn["Location"]).content.decode()
    for piece in pieces:
        assert str(piece.pk) not in page
        assert piece.title not in page
    heard = [
        b"".join(client.get(reverse("listen_preview", args=[pair.pk, side])).streaming_content)
        for side in "ab"
    ]
    assert heard == [bytes([pieces.index(piece) + 1]) * 10 for piece in panel.pieces_of(pair)]
    after = client.post(drawn["Location"], {"preferred": "a", "stars_a": "5", "stars_b": ""})
    pair.refresh_from_db()
    assert (pair.preferred, pair.stars_a, pair.stars_b) == ("a", 5, None)
    assert pair.answered_at is not None
    assert after["Location"] == "/listen/"  # there is no other pair


def test_a_pair_is_answered_once() -> None:
    a_listed_composition()
    a_listed_composition()
    maker = a_maker()
    pair = panel.draw_pair(maker=maker)
    assert panel.draw_pair(maker=maker) == pair
    answer(pair, "neither")
    with pytest.raises(NotAllowed, match="already"):
        answer(pair, "a")
    with pytest.raises(panel.NoPair):
        panel.draw_pair(maker=maker)
    pair.refresh_from_db()
    assert pair.preferred == "neither"
    with pytest.raises(IntegrityError):
        Comparison.objects.create(maker=maker, one=pair.one, other=pair.other, one_is_a=True)


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"preferred": "both"}, {"preferred": "a", "stars_a": "6"}, {"preferred": "b", "stars_b": "²"},
        {"preferred": "a", "stars_a": "0"}, {"preferred": "\x00"},
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused_and_not_kept(fields: dict[str, str]) -> None:
    a_listed_composition()
    a_listed_composition()
    client = Client()
    address = client.post("/listen/")["Location"]
    assert client.post(address, fields)["Location"] == address
    assert Comparison.objects.get().preferred == ""


def test_different_networks_of_one_instrument_are_compared_where_there_are_such() -> None:
    old = a_model_before()
    guitar = an_instrument("guitar")
    for _ in range(3):
        a_listed_composition()
        a_listed_composition(instrument=guitar)
    older = a_listed_composition(model=old)
    for _ in range(10):
        pair = panel.draw_pair(maker=a_maker())
        assert pair.one.instrument_id == pair.other.instrument_id
        if pair.one.instrument_id == "piano":
            assert older in {pair.one, pair.other}


def test_what_is_taken_is_not_heard_and_a_pair_is_its_listeners_alone() -> None:
    first = a_listed_composition(preview=b"x")
    a_listed_composition(preview=b"y")
    client = Client()
    address = client.post("/listen/")["Location"]
    assert Client().get(address).status_code == 404
    assert Client().get(f"{address}a.mp3").status_code == 404
    assert client.get(f"{address}c.mp3").status_code == 404
    Composition.objects.filter(pk=first.pk).update(sale_state="sold")
    assert client.get(f"{address}a.mp3").status_code == 404
    assert "was taken meanwhile" in client.get(address).content.decode()


def test_kin_are_not_compared_and_an_empty_shop_says_so() -> None:
    first = a_listed_composition()
    a_listed_composition(origin=first)
    client = Client()
    assert client.post("/listen/")["Location"] == "/listen/"
    assert "every pair we can offer" in client.get("/listen/").content.decode()


@pytest.mark.parametrize(
    ("wins", "count", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_wilsons(wins: float, count: int, low: float, high: float) -> None:
    assert panel.wilson(wins, count) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_the_staff_sees_which_network_is_preferred_and_others_see_nothing() -> None:
    old = a_model_before()
    new_piece, old_piece = a_listed_composition(), a_listed_composition(model=old)
    for preferred in ("new", "new", "old", "neither"):
        pair = panel.draw_pair(maker=a_maker())
        a, _b = panel.pieces_of(pair)
        sides = {"new": "a" if a == new_piece else "b", "old": "a" if a == old_piece else "b"}
        answer(pair, sides.get(preferred, preferred))
    shares = {share.name: (share.wins, share.count) for share in panel.results()}
    assert shares["Piano test-1"] == (2.5, 4)
    assert shares["Piano test-0"] == (1.5, 4)
    assert shares["The one heard first, of all pairs"][1] == 4
    client = Client()
    client.force_login(a_staff_user())
    page = client.get("/admin/panel/").content.decode()
    assert "Piano test-1" in page
    assert '<rect class="panel-share" width="250.0" height="24"/>' in page
    client.force_login(a_user())
    assert client.get("/admin/panel/").status_code in {302, 403}


def test_a_guests_session_is_theirs_alone() -> None:
    a_listed_composition()
    a_listed_composition()
    client = Client()
    client.post("/listen/")
    assert str(Comparison.objects.get().maker_id) == client.session[SESSION_KEY]
