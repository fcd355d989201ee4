from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generation.composer import model as loading
from generation.composer.compose import InvalidOrderError, MissingModelError, Order, compose
from generation.composer.critic import SEGMENTS, Critic
from generation.composer.export import with_version, write_critic, write_transfer
from generation.composer.model import (
    CARD,
    CRITIC,
    INDEX,
    LEANINGS,
    LEDGER,
    PRETRAINED,
    STYLES,
    WEIGHTS,
    available_instruments,
    load_model,
    sha256_of,
)
from generation.composer.players import PLAYERS


@pytest.fixture
def shipped(models: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the models that a test may damage."""
    folder = tmp_path / "shipped"
    shutil.copytree(models, folder)
    loading._index.cache_clear()
    yield folder
    loading._index.cache_clear()


def card_of(folder: Path, instrument: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / instrument / CARD).read_text(encoding="utf-8"))
    return card


def test_every_folder_with_a_card_is_an_instrument(shipped: Path) -> None:
    assert available_instruments(shipped) == ("guitar", "piano")
    (shipped / "guitar" / CARD).unlink()
    assert available_instruments(shipped) == ("piano",)


def test_a_model_that_is_not_there_names_the_file_and_the_remedy(shipped: Path) -> None:
    with pytest.raises(
        MissingModelError,
        match=r"oboe/card\.json is missing.*available: guitar, piano.*train_composer --instrument oboe",
    ):
        load_model("oboe", shipped)


@pytest.mark.parametrize("name", [WEIGHTS, STYLES, CRITIC, LEANINGS])
def test_a_missing_part_is_named(shipped: Path, name: str) -> None:
    (shipped / "guitar" / name).unlink()
    with pytest.raises(MissingModelError, match=rf"{name} is missing; restore"):
        load_model("guitar", shipped)


@pytest.mark.parametrize("name", [WEIGHTS, STYLES, CRITIC, LEANINGS])
def test_a_changed_byte_is_noticed(shipped: Path, name: str) -> None:
    path = shipped / "guitar" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(MissingModelError, match=rf"{name} is damaged: its sha256"):
        load_model("guitar", shipped)


@pytest.mark.parametrize("damage", ["missing", "cut", "text"])
def test_without_a_sound_index_of_the_corpus_nothing_is_composed(shipped: Path, damage: str) -> None:
    path = shipped / INDEX
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"no index")
    with pytest.raises(MissingModelError, match=r"index\.npz do not make a usable model"):
        load_model("guitar", shipped)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"sha256": {}, "format": 4}'])
def test_a_damaged_card_is_named(shipped: Path, text: str) -> None:
    (shipped / "guitar" / CARD).write_text(text, encoding="utf-8")
    with pytest.raises(MissingModelError, match=r"card\.json is damaged"):
        load_model("guitar", shipped)


def test_weights_of_another_format_are_refused(shipped: Path) -> None:
    card = card_of(shipped, "guitar") | {"format": 3}
    (shipped / "guitar" / CARD).write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(MissingModelError, match="format 3, this version runs 5"):
        load_model("guitar", shipped)


def test_an_order_for_another_instrument_is_refused(models: Path) -> None:
    with pytest.raises(InvalidOrderError, match="'piano', but the model given is for 'guitar'"):
        compose(Order(instrument="piano", seconds=10, seed=1), model=load_model("guitar", models))


def test_instruments_share_the_index_of_the_corpus(models: Path) -> None:
    assert load_model("guitar", models).index is load_model("piano", models).index


# instruments without scores of their own


def test_a_transfer_is_leanings_and_a_card_that_points_at_the_other_instruments_files(shipped: Path) -> None:
    card = write_transfer("harp", source=shipped / "piano", output=shipped / "harp")
    assert sorted(path.name for path in (shipped / "harp").iterdir()) == [CARD, LEANINGS]
    assert (card["instrument"], card["weights_from"]) == ("harp", "piano")
    assert card["transfer"].startswith("No scores of its own")
    assert card["idiom"] == PLAYERS["harp"].idiom
    assert card["sha256"] == card_of(shipped, "piano")["sha256"] | {LEANINGS: card["sha256"][LEANINGS]}
    assert card["version"].startswith("harp-")
    assert available_instruments(shipped) == ("guitar", "harp", "piano")


def test_a_transferred_instrument_composes_with_the_same_network_in_its_own_range(shipped: Path) -> None:
    write_transfer("harp", source=shipped / "piano", output=shipped / "harp")
    harp = load_model("harp", shipped)
    assert harp.core is load_model("piano", shipped).core
    made = compose(Order(instrument="harp", seconds=8, seed=1), model=harp)
    assert made.score.instrument == "harp"
    assert made.seconds == pytest.approx(8, abs=1e-9)
    assert all(PLAYERS["harp"].low <= note.pitch <= PLAYERS["harp"].high for note in made.score.notes)
    (shipped / "piano" / WEIGHTS).unlink()
    with pytest.raises(MissingModelError, match=r"piano/weights\.npz is missing"):
        load_model("harp", shipped)


def test_a_transfer_from_a_folder_without_a_card_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "piano").mkdir()
    with pytest.raises(MissingModelError, match=r"card\.json is missing; train piano first"):
        write_transfer("harp", source=tmp_path / "piano", output=tmp_path / "harp")
    assert not (tmp_path / "harp").exists()


def test_another_critic_makes_another_version_of_the_same_weights(shipped: Path) -> None:
    before = card_of(shipped, "piano")
    same = with_version(dict(before))["version"]
    before_critic = load_model("piano", shipped).critic
    width = before_critic.weights.shape[1]
    other = Critic(np.full((SEGMENTS, width), 7, np.int32), np.arange(SEGMENTS, dtype=np.int32))
    card = write_critic(shipped / "piano", critic=other)
    assert card["version"] != same
    assert card["sha256"] == before["sha256"] | {CRITIC: card["sha256"][CRITIC]}
    found = load_model("piano", shipped)
    assert (found.critic.weights == other.weights).all()
    assert (found.critic.bias == other.bias).all()
    assert found.version == card["version"]
    assert write_critic(shipped / "piano", critic=before_critic)["version"] == same


# the models that ship


@cache
def shipped_ledger() -> list[dict[str, str]]:
    ledger: list[dict[str, str]] = json.loads(
        (PRETRAINED / INDEX.parent / LEDGER).read_text(encoding="utf-8")
    )
    return ledger


@pytest.mark.parametrize("instrument", available_instruments())
def test_every_card_tells_what_the_weights_learned_from(instrument: str) -> None:
    card = card_of(PRETRAINED, instrument)
    assert card["sha256"][LEDGER] == sha256_of(PRETRAINED / INDEX.parent / LEDGER)
    assert set(card["licences"]) <= {"Public Domain", "CC0-1.0"}
    assert sum(card["licences"].values()) == len(shipped_ledger())
    assert card["held_out_bits_per_note_runtime"]["total"] < card["held_out_bits_per_note"]["total"] + 0.01
    assert card["training"]["started_from"] == "base"
    assert with_version(card)["version"] == card["version"]


def test_the_ledger_that_ships_names_source_licence_and_hash_of_every_piece() -> None:
    assert len({row["file"] for row in shipped_ledger()}) == len(shipped_ledger()) > 5000
    assert {row["license"] for row in shipped_ledger()} <= {"Public Domain", "CC0-1.0"}
    assert {row["used_for"] for row in shipped_ledger()} == {"training", "validation"}
    assert all(len(row["sha256"]) == 64 and row["source"] for row in shipped_ledger())


@pytest.mark.parametrize("instrument", available_instruments())
def test_every_model_that_ships_loads_and_composes(instrument: str) -> None:
    made = compose(Order(instrument=instrument, seconds=6, seed=1), model=load_model(instrument))
    assert made.seconds == pytest.approx(6, abs=1e-9)
    assert made.score.instrument == instrument
