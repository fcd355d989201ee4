from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from generation.composer.compose import InvalidOrderError, MissingModelError, Order, compose
from generation.composer.model import CARD, INDEX, PRETRAINED, WEIGHTS, available_instruments, load_model


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    shutil.copytree(PRETRAINED / "guitar", tmp_path / "guitar")
    return tmp_path


def test_both_instruments_ship() -> None:
    assert available_instruments() == ("guitar", "piano")


def test_a_model_that_is_not_there_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        MissingModelError, match=r"oboe/card\.json is missing.*train_composer --instrument oboe"
    ):
        load_model("oboe", tmp_path)


@pytest.mark.parametrize("name", [WEIGHTS, INDEX])
def test_a_missing_part_is_named(shipped: Path, name: str) -> None:
    (shipped / "guitar" / name).unlink()
    with pytest.raises(MissingModelError, match=rf"{name} is missing; restore"):
        load_model("guitar", shipped)


@pytest.mark.parametrize("name", [WEIGHTS, INDEX])
def test_a_changed_byte_is_noticed(shipped: Path, name: str) -> None:
    path = shipped / "guitar" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(MissingModelError, match=rf"{name} is damaged: its sha256"):
        load_model("guitar", shipped)


def test_a_damaged_card_is_named(shipped: Path) -> None:
    (shipped / "guitar" / CARD).write_text("{", encoding="utf-8")
    with pytest.raises(MissingModelError, match=r"card\.json is damaged"):
        load_model("guitar", shipped)


def test_weights_of_another_format_are_refused(shipped: Path) -> None:
    card = shipped / "guitar" / CARD
    card.write_text(
        json.dumps(json.loads(card.read_text(encoding="utf-8")) | {"format": 1}), encoding="utf-8"
    )
    with pytest.raises(MissingModelError, match="format 1"):
        load_model("guitar", shipped)


def test_an_order_for_another_instrument_is_refused() -> None:
    with pytest.raises(InvalidOrderError, match="'piano', but the model given is for 'guitar'"):
        compose(Order(instrument="piano", seconds=10, seed=1), model=load_model("guitar"))


@pytest.mark.parametrize("instrument", available_instruments())
def test_every_card_tells_what_the_weights_learned_from(instrument: str) -> None:
    home = PRETRAINED / instrument
    card = json.loads((home / CARD).read_text(encoding="utf-8"))
    ledger = json.loads((home / "ledger.json").read_text(encoding="utf-8"))
    assert set(card["licences"]) <= {"Public Domain", "CC0-1.0"}
    assert sum(card["licences"].values()) == len(ledger)
    assert all(len(row["sha256"]) == 64 and row["source"] and row["license"] for row in ledger)
    assert card["held_out_bits_per_note_runtime"]["total"] < card["held_out_bits_per_note"]["total"] + 0.01
