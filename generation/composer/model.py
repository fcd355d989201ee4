"""The trained models that ship: finding, verifying and loading them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from generation.composer.critic import Critic
from generation.composer.leanings import Leanings, completed
from generation.composer.runtime import Core
from generation.composer.styles import Styles
from generation.originality.index import CorpusIndex

FORMAT = 5
"""Of the weights: raised when weights of an older format can no longer be run."""

PRETRAINED = Path(__file__).resolve().parent.parent / "pretrained"
WEIGHTS = "weights.npz"
CARD = "card.json"
LEDGER = "ledger.json"
STYLES = "styles.npz"
CRITIC = "critic.npz"
LEANINGS = "leanings.npz"
NETWORKS_AT_ONCE = 3
"""Networks kept in memory, 16 MiB each."""

INDEX = Path("corpus") / "index.npz"
"""The index of the whole training corpus, which all models share, in the folder of the models."""


class MissingModelError(RuntimeError):
    """A model's folder is incomplete or damaged; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class ComposerModel:
    """One instrument's trained network, ready to compose.

    ``version`` changes with everything that decides the notes; ``critic`` tells real music from generated,
    ``leanings`` take out the network's drift.
    """

    instrument: str
    version: str
    core: Core
    index: CorpusIndex
    styles: Styles
    critic: Critic
    leanings: Leanings
    card: dict[str, Any]


def available_instruments(folder: Path = PRETRAINED) -> tuple[str, ...]:
    """Instruments that have a model card, in alphabetical order."""
    return tuple(sorted(card.parent.name for card in folder.glob(f"*/{CARD}")))


def load_model(instrument: str, folder: Path = PRETRAINED) -> ComposerModel:
    """Load and verify the model of an instrument.

    Raises ``MissingModelError`` if a file is missing, unreadable or not the one that the card describes.
    """
    home = folder / instrument
    card_path = home / CARD
    if not card_path.is_file():
        known = ", ".join(available_instruments(folder)) or "none"
        raise MissingModelError(
            f"{card_path} is missing, so there is no model for {instrument!r} (available: {known}); "
            f"{_remedy(instrument)}"
        )
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        hashes, form, version = card["sha256"], card["format"], card["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingModelError(f"{card_path} is damaged ({error!r}); {_remedy(instrument)}") from error
    if form != FORMAT:
        message = f"{card_path} describes format {form}, this version runs {FORMAT}; {_remedy(instrument)}"
        raise MissingModelError(message)
    files = folder / (card.get("weights_from") or instrument)
    for name in (WEIGHTS, STYLES, CRITIC):
        _verify(files / name, expected=hashes.get(name, ""), instrument=instrument)
    _verify(home / LEANINGS, expected=hashes.get(LEANINGS, ""), instrument=instrument)
    try:
        core = _core(files / WEIGHTS)
        with (files / STYLES).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            styles = Styles(stored["heads"], stored["bars"], card["edges"])
        with (files / CRITIC).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            critic = Critic(stored["weights"], stored["bias"])
        with (home / LEANINGS).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            leanings = completed(stored["leanings"])
        index = _index(folder / INDEX)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise MissingModelError(
            f"{files} and {folder / INDEX} do not make a usable model ({error}); {_remedy(instrument)}"
        ) from error
    return ComposerModel(instrument, version, core, index, styles, critic, leanings, card)


@lru_cache(maxsize=NETWORKS_AT_ONCE)
def _core(path: Path) -> Core:
    """Networks are shared by the instruments that compose with the same weights."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return Core({name: stored[name] for name in stored.files})


@lru_cache(maxsize=1)
def _index(path: Path) -> CorpusIndex:
    return CorpusIndex.load(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _verify(path: Path, *, expected: str, instrument: str) -> None:
    if not path.is_file():
        raise MissingModelError(f"{path} is missing; {_remedy(instrument)}")
    found = sha256_of(path)
    if found != expected:
        raise MissingModelError(
            f"{path} is damaged: its sha256 is {found[:12]}…, its card says {expected[:12]}…; {_remedy(instrument)}"
        )


def _remedy(instrument: str) -> str:
    return (
        f"restore generation/pretrained/{instrument}/ from the repository, or train it: "
        f"python manage.py train_composer --instrument {instrument}"
    )
