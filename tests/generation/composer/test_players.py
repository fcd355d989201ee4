from __future__ import annotations

import pytest

from generation.audio.voices import VOICES
from generation.catalogue import OFFERS
from generation.composer.players import PLAYERS
from generation.composer.score import TONICS

SHIPPED = (
    "piano", "guitar", "harpsichord", "organ", "violin", "viola", "cello", "flute", "harp", "vibraphone", "marimba",
)  # fmt: skip


def test_every_shipped_instrument_has_a_player_a_voice_and_an_offer() -> None:
    assert tuple(PLAYERS) == SHIPPED
    assert set(SHIPPED) == set(VOICES)
    assert set(SHIPPED) == set(OFFERS)


@pytest.mark.parametrize("slug", SHIPPED)
def test_a_player_keeps_within_what_its_voice_can_sound(slug: str) -> None:
    player, voice = PLAYERS[slug], VOICES[slug]
    assert voice.lowest <= player.low < player.high <= voice.highest
    assert player.high - player.low >= 24
    assert (player.span > 0) == (player.voices > 1)
    assert all(tonic in TONICS for tonics in player.keys.values() for tonic in tonics)
    assert 30 <= player.bpm[0] < player.bpm[1] <= 240


def test_only_the_three_without_a_corpus_borrow_a_network() -> None:
    borrowed = {slug: player.weights_from for slug, player in PLAYERS.items() if player.weights_from}
    assert borrowed == {"harp": "piano", "vibraphone": "piano", "marimba": "guitar"}


@pytest.mark.parametrize(("slug", "second_string"), [("violin", 62), ("viola", 55), ("cello", 43)])
def test_a_double_stop_never_needs_the_lowest_string_twice(slug: str, second_string: int) -> None:
    player = PLAYERS[slug]
    assert (player.voices, player.clear_below) == (2, second_string)
    assert second_string - 1 - player.low < player.clear_interval <= player.span <= 12
